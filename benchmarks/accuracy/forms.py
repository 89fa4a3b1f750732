"""How the segmentation takes forms: cells, a table, a number in the margin, on pages as they lie, turned and skewed.

    python -m benchmarks.accuracy.forms

The pages are drawn (training/drawing/form_pages.py), not real: they show what happens to the layout. A number in the
margin counts as read when the lines that were found where it stands say its digits and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.results import RESULTS
from evaluation.accuracy.arguments import parse_readers, profile_of
from evaluation.accuracy.detected_pages import DetectedPage, from_store, match_pages
from evaluation.accuracy.error_rates import FUSED, figures
from evaluation.environment import as_table, environment
from evaluation.metrics.line_matching import match_lines
from evaluation.pages.ground_truth import GroundTruthPage, read_pages
from evaluation.readings.line_layouts import DETECTED, LineSource
from evaluation.readings.store import ReadingStore, read_missing
from fusion import Method
from training.drawing.form_pages import write_forms

COUNT, SEED = 12, 1
ENGINES = "easyocr,tesseract"
VIEWS = (
    DETECTED,
    *[LineSource(detected=True, rotation_degrees=degrees) for degrees in (90.0, 180.0, 270.0, 15.0, -15.0)],
)


@dataclass(frozen=True, slots=True)
class Margin:
    """Of the numbers in the margins: how many there are, at how many something was found, how many were read."""

    count: int
    found: int
    read: int


def margin_numbers(pages: Sequence[tuple[GroundTruthPage, DetectedPage]]) -> Margin:
    """What became of them, as the fusion reads."""
    said = [_where_it_stands(page, found) for page, found in pages]
    truths = [page.lines[_standing(page)].text for page, _ in pages]
    read = ["".join(texts).replace(" ", "") == truth for texts, truth in zip(said, truths, strict=True)]
    return Margin(len(said), sum(map(bool, said)), sum(read))


def _standing(page: GroundTruthPage) -> int:
    """The line of a form that is taller than wide, more than any other."""
    sides = [np.ptp(line.outline, axis=0) for line in page.lines]  # (width, height) of each
    return int(np.argmax([height / width for width, height in sides]))


def _where_it_stands(page: GroundTruthPage, found: DetectedPage) -> list[str]:
    groups = match_lines([line.quad() for line in page.lines], found.quads)
    own = next(group for group in groups if _standing(page) in group.true)
    return [found.texts[FUSED][index] for index in own.found]


def rows(folder: Path, readings: Path) -> Iterator[str]:
    """A Markdown table, row by row."""
    write_forms(folder, COUNT, SEED)
    pages, readers, store = read_pages(folder), parse_readers(ENGINES), ReadingStore(readings)
    profile = profile_of(readers, "auto", "bundled")
    read_missing(store, pages, VIEWS, readers)
    heads = ("page", "character errors, fused", "lines found", "points lost to the page as it lies")
    yield f"| {' | '.join(heads)} | numbers in the margin: found, read |"
    yield "|---|---|---|---|---|"
    upright: float | None = None
    for source in VIEWS:
        found = [
            (page, from_store(store, page, source, readers, profile, Method.CONFIDENCE_WEIGHTED)) for page in pages
        ]
        compared = match_pages("forms", found)
        rate = figures(compared.samples).cer[FUSED].count.rate
        upright = rate if upright is None else upright
        margin = margin_numbers(found)
        name = f"turned by {source.rotation_degrees:g}°" if source.rotation_degrees else "as it lies"
        yield (
            f"| {name} | {rate:.2%} | {compared.recall:.1%} | {100 * (rate - upright):.2f} "
            f"| {margin.found}, {margin.read} of {margin.count} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("runs/forms"), help="where the forms are drawn")
    parser.add_argument("--readings", type=Path, default=Path("runs/readings"), help="keeps what was read")
    arguments = parser.parse_args()
    before = as_table(environment())
    about = (
        f"Made by `python -m benchmarks.accuracy.forms`: {COUNT} drawn forms of 100 dots an inch (synthetic: "
        f"training/drawing/form_pages.py, seed {SEED}), read by {ENGINES.replace(',', ', ')} "
        f"and fused by the bundled profile."
    )
    text = "\n".join(["# Drawn forms", "", about, "", before, "", *rows(arguments.folder, arguments.readings), ""])
    (RESULTS / "forms.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
