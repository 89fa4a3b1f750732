"""The table of models as docs/models.md shows it: `python -m cluster.weights.store.docs_page` writes it,
a test holds it equal.
"""

from __future__ import annotations

from pathlib import Path

from cluster.weights.store.catalogue import NOT_PUBLISHED, Model, ModelCatalogue, ModelFile, read_catalogue

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def render(catalogue: ModelCatalogue) -> str:
    """One section for each key: what there is, and the files with their sha256."""
    keys = dict.fromkeys(model.key for model in catalogue.models)
    return "\n".join(_section(key, [model for model in catalogue.models if model.key == key]) for key in keys)


def _section(key: str, models: list[Model]) -> str:
    rows = [f"| {_name(model)} | {model.megabytes:,} | {model.good_for} | {model.licence} |" for model in models]
    lines = [f"### {key}", "", "| model | MB | good for | licence |", "|---|--:|---|---|", *rows, ""]
    lines += ["| file | sha256 |", "|---|---|"]
    lines += [f"| {model.name} {file.path} | {_hash(file)} |" for model in models for file in model.files]
    return "\n".join([*lines, ""])


def _name(model: Model) -> str:
    default = ", default" if model.is_default else ""
    return f"[{model.name}]({model.url}) `{model.version}`{default}"


def _hash(file: ModelFile) -> str:
    md5 = f", md5 `{file.md5}`" if file.md5 else ""
    return (f"`{file.sha256}`" if file.sha256 else NOT_PUBLISHED) + md5


def with_table(page: str, catalogue: ModelCatalogue) -> str:
    """`page` with the table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{render(catalogue)}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), read_catalogue()), encoding="utf-8")
