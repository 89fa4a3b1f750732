"""How the segmentation takes forms: cells, a table, a number in the margin, on pages as they lie, turned and skewed.

    python -m benchmarks.accuracy.forms

The pages are drawn (training/drawing/form_pages.py), not real: they show what happens to the layout. A number in the
margin counts as read when the lines that were found where it stands say its digits and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from evaluation.accuracy.arguments import parse_readers, profile_of
from evaluation.accuracy.detected_pages import DetectedPage, from_store, match_pages
from evaluation.accuracy.error_rates import FUSED, figures
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.line_matching import match_lines
from evaluation.pages.ground_truth import GroundTruthPage, read_pages
from evaluation.readings.line_layouts import DETECTED, LineSource
from evaluation.readings.store import ReadingStore, read_missing
from fusion import Method
from training.drawing.form_pages import write_forms

COUNT, SEED = 12, 1
ENGINES = "easyocr,tesseract"
TURNED = [LineSource(detected=True, rotation_degrees=degrees) for degrees in (90.0, 180.0, 270.0, 15.0, -15.0)]
SOURCES = (DETECTED, *TURNED)
METHOD = Method.CONFIDENCE_WEIGHTED


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
    matches = match_lines([line.quad() for line in page.lines], found.quads)
    own = next(match for match in matches if _standing(page) in match.true)
    return [found.texts[FUSED][index] for index in own.found]


def rows(folder: Path, readings: Path) -> Iterator[tuple[str, ...]]:
    """A row for each way that the pages lie."""
    write_forms(folder, COUNT, SEED)
    pages, readers, store = read_pages(folder), parse_readers(ENGINES), ReadingStore(readings)
    profile = profile_of(readers, "auto", "bundled")
    read_missing(store, pages, SOURCES, readers)
    upright: float | None = None
    for source in SOURCES:
        detected = (from_store(store, page, source, readers, profile, METHOD) for page in pages)
        found = list(zip(pages, detected, strict=True))
        matched, margin = match_pages("forms", found), margin_numbers(found)
        rate = figures(matched.samples).cer[FUSED].count.rate
        upright = rate if upright is None else upright
        name = f"turned by {source.rotation_degrees:g}°" if source.rotation_degrees else "as it lies"
        numbers = f"{margin.found}, {margin.read} of {margin.count}"
        yield name, f"{rate:.2%}", f"{matched.recall:.1%}", f"{100 * (rate - upright):.2f}", numbers


def main(
    folder: Annotated[Path, typer.Option(help="Where the forms are drawn.")] = Path("runs/forms"),
    readings: Annotated[Path, typer.Option(help="Keeps what was read.")] = Path("runs/readings"),
    out: Path = RESULTS / "forms.md",
) -> None:
    """Draw forms, read them as they lie and turned, and count."""
    before = as_table(environment())
    about = (
        f"Made by `python -m benchmarks.accuracy.forms`. {COUNT} forms were drawn at 100 dots an inch "
        f"(training/drawing/form_pages.py, seed {SEED}), read by {ENGINES.replace(',', ' and ')}, and fused with the "
        "bundled profile."
    )
    heads = ("page", "character errors, fused", "lines found", "points lost to the page as it lies")
    rates = table((*heads, "numbers in the margin: found, read"), rows(folder, readings))
    publish(document("Drawn forms", about, before, rates), out)


if __name__ == "__main__":
    command.run(main)
