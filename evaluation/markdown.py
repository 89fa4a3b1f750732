"""Markdown pages and tables, as every report here is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def document(title: str, *blocks: str) -> str:
    """A heading and the blocks, with an empty line between them. Empty blocks are left out."""
    return "\n\n".join([f"# {title}", *filter(None, blocks)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows under their heads."""
    lines = [row(heads), "|" + "---|" * len(heads), *map(row, rows)]
    return "\n".join(lines)


def row(cells: Sequence[object]) -> str:
    """One row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def records(columns: Mapping[str, str], rows: Iterable[object]) -> str:
    """A table of objects: under each head a field of each, as `str.format` finds and formats it: `.size:,`,
    `[p50]:.2f`.
    """
    return table(list(columns), [[f"{{0{field}}}".format(one) for field in columns.values()] for one in rows])
