"""Markdown pages and tables, as every report here is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def page(title: str, *blocks: str) -> str:
    """A heading and the blocks, with an empty line between them. Empty blocks are left out."""
    return "\n\n".join([f"# {title}", *filter(None, blocks)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows under their heads."""
    lines = [row(heads), "|" + "---|" * len(heads), *map(row, rows)]
    return "\n".join(lines)


def row(cells: Sequence[object]) -> str:
    """One row of a table."""
    return f"| {' | '.join(map(str, cells))} |"
