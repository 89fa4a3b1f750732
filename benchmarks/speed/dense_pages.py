"""How long it takes to find the lines of pages with thousands of pieces of text, step by step.

    python -m benchmarks.speed.dense_pages

Pieces are laid out, not drawn: at a megapixel the detector tells no more than about 5,000 apart, and what comes after
it should not be what stops a page. Times are processor time of the thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from segmentation.detection.line_grouping import group_into_lines, without_nested
from segmentation.detection.quads import Quads, bounds, from_boxes
from segmentation.reading_order import reading_order

COUNTS = (100, 1000, 3000, 10_000)

Result = TypeVar("Result")


def cells(count: int, width: int = 60, gap: int = 40) -> Quads:
    """A table that is about as high as wide."""
    rows, columns = np.divmod(np.arange(count), round(count**0.5) + 1)
    left, top = columns * (width + gap), rows * 40
    return from_boxes(np.stack([left, top, left + width, top + 20], axis=1))


def words(count: int) -> Quads:
    """The same, so close that each row is one line."""
    return cells(count, gap=9)


def ragged_columns(count: int) -> Quads:
    """Eight times as many rows as columns. Each fifth line is full: too few for prose, and too long to be ruled out."""
    rows, columns = np.divmod(np.arange(count), max(2, round((count / 8) ** 0.5)))
    left, top = columns * 420, rows * 30
    return from_boxes(np.stack([left, top, left + np.where(rows % 5, 150, 400), top + 20], axis=1))


LAYOUTS: dict[str, Callable[[int], Quads]] = {
    "cells of a table": cells,
    "words in rows": words,
    "ragged columns": ragged_columns,
}


def _timed(step: Callable[[], Result]) -> tuple[Result, float]:
    began = time.thread_time()
    result = step()
    return result, time.thread_time() - began


def times() -> str:
    """A Markdown table."""
    rows = []
    for name, laid_out in LAYOUTS.items():
        for count in COUNTS:
            pieces = laid_out(count)
            lines, grouping_s = _timed(lambda pieces=pieces: group_into_lines(pieces))  # type: ignore[misc]
            _, nested_s = _timed(lambda pieces=pieces: without_nested(pieces))  # type: ignore[misc]
            _, order_s = _timed(lambda lines=lines: reading_order(bounds(lines)))  # type: ignore[misc]
            rows.append(
                (name, f"{count:,}", f"{len(lines):,}", *(f"{each:.3f}" for each in (grouping_s, nested_s, order_s)))
            )
    heads = ("layout", "pieces", "lines", "grouping, s", "nested pieces, s", "reading order, s")
    return table(heads, rows)


def main(out: Path = RESULTS / "dense_pages.md") -> None:
    """Time what follows the detector."""
    before = as_table(environment())
    about = (
        "Made by `python -m benchmarks.speed.dense_pages`. Times are processor seconds. The detector gives pieces of "
        "text; timed is what makes ordered lines of them."
    )
    publish(document("Time of pages with thousands of pieces of text", about, before, times()), out)


if __name__ == "__main__":
    command.run(main)
