"""What a second look at tiles of a page brings where its text is small beside it, and what it costs.

    python -m benchmarks.inputs.small_print

Each page is drawn here, cut into lines with tiles and without (segmentation/detection/tiles.py), and read by PaddleOCR.
A line counts as read when a line that was found has all but a twentieth of its letters right. Core-seconds are of this
process, which computes with one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
from rapidfuzz import fuzz, process

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import PAGE
from benchmarks.inputs.drawn_documents import draw_lines, lines_of_prose, prose, sheet
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.readings.line_layouts import load_segmenter
from evaluation.readings.reader import Reader, core_seconds, read_now
from ocr import Image
from segmentation.detection.tiles import TiledDetector
from segmentation.segmenter import TextSegmenter

_READ = 95.0  # of 100: the part of a line's letters that is right
_A1_144_DPI, _A4_150_DPI, _A4_300_DPI = (3368, 4768), (1240, 1754), (2480, 3508)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page, and what is written on it."""

    name: str
    draw: Callable[[], PIL.Image.Image]
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A page cut one way: how many lines were found, how many of those written were read, and core-seconds."""

    found: int
    read: int
    cutting_s: float
    reading_s: float


def sheets() -> list[Sheet]:
    """Those whose text is small beside the page, and those whose is not."""
    numbered = [f"{number}. {line}" for number, line in enumerate(lines_of_prose(120), 1)]
    return [
        Sheet("drawing of A1 at 144 dpi, print of 7.5 points", lambda: _drawing(numbered[:24]), numbered[:24]),
        Sheet("newspaper, 3 columns, letters of 16 px on 3000 x 4200", lambda: _newspaper(numbered), numbered),
        Sheet("screenshot of 1280 x 15000, letters of 15 px", lambda: _screenshot(numbered), numbered),
        Sheet("panorama of 9000 x 1600, letters of 20 px", lambda: _panorama(numbered[:24]), numbered[:24]),
        Sheet("A4 at 150 dpi, examples/page.png", lambda: PIL.Image.open(PAGE).convert("L"), prose()),
        Sheet("A4 at 300 dpi, 10 points", lambda: sheet(numbered[:40], _A4_300_DPI, 42), numbered[:40]),
    ]


def _drawing(lines: Sequence[str]) -> PIL.Image.Image:
    """Two corners with notes, and nothing but strokes between them."""
    picture = PIL.Image.new("L", _A1_144_DPI, 250)
    pen = PIL.ImageDraw.Draw(picture)
    pen.rectangle((60, 60, 3306, 4706), outline=25, width=4)
    for x in range(400, 3000, 520):
        pen.line((x, 900, x + 260, 3600), fill=25, width=3)
    half = len(lines) // 2
    draw_lines(picture, lines[:half], (130, 140), 15)
    draw_lines(picture, lines[half:], (2500, 4300), 15)
    return picture


def _newspaper(lines: Sequence[str]) -> PIL.Image.Image:
    """A title, and columns of unequal length below it."""
    picture = PIL.Image.new("L", (3000, 4200), 250)
    draw_lines(picture, ["THE HARBOUR TIMES"], (900, 120), 120)
    each = -(-len(lines) // 3)
    for column in range(3):
        draw_lines(picture, lines[column * each : (column + 1) * each], (200 + 900 * column, 500), 16)
    return picture


def _screenshot(lines: Sequence[str]) -> PIL.Image.Image:
    """Groups of ten lines, far apart."""
    picture = PIL.Image.new("L", (1280, 15_000), 250)
    for group in range(len(lines) // 10):
        draw_lines(picture, lines[group * 10 : group * 10 + 10], (90, 200 + 1200 * group), 15)
    return picture


def _panorama(lines: Sequence[str]) -> PIL.Image.Image:
    """Signs of four lines, side by side."""
    picture = PIL.Image.new("L", (9000, 1600), 215)
    for sign in range(len(lines) // 4):
        draw_lines(picture, lines[sign * 4 : sign * 4 + 4], (200 + 1450 * sign, 700), 20)
    return picture


def read(page: Sheet, segmenter: TextSegmenter, reader: Reader) -> Reading:
    pixels = np.ascontiguousarray(np.asarray(page.draw().convert("RGB")))
    began = core_seconds()
    cut = segmenter.segment(Image(pixels))
    cutting_s = core_seconds() - began
    reading = read_now(reader, cut.crops())
    said = [hypothesis.text for hypothesis in reading.hypotheses]
    hits = [process.extractOne(line, said, scorer=fuzz.ratio, score_cutoff=_READ) for line in page.lines]
    return Reading(len(said), sum(hit is not None for hit in hits), cutting_s, reading.seconds)


def without_tiles(segmenter: TextSegmenter) -> TextSegmenter:
    """The same with the first look alone."""
    assert isinstance(segmenter.detector, TiledDetector)
    return replace(segmenter, detector=segmenter.detector.detector)


def main(out: Path = RESULTS / "small_print.md") -> None:
    """Read each page both ways."""
    before = as_table(environment())
    reader, tiled = Reader("paddleocr"), load_segmenter()
    ways = {"tiles": tiled, "one look": without_tiles(tiled)}
    warm = Sheet("", lambda: sheet(lines_of_prose(3), _A4_150_DPI, 24), ())
    for segmenter in ways.values():
        read(warm, segmenter, reader)
    rows = []
    for page in sheets():
        for way, segmenter in ways.items():
            seen = read(page, segmenter, reader)
            counts = f"{seen.read} of {len(page.lines)}", str(seen.found)
            rows.append((page.name, way, *counts, f"{seen.cutting_s:.2f}", f"{seen.reading_s:.2f}"))
    about = (
        "Made by `python -m benchmarks.inputs.small_print`. The pages are drawn. A line counts as read when a line "
        "that was found has all but a twentieth of its letters right. Core-seconds, one thread; one reading each."
    )
    heads = ("page", "lines found with", "lines read", "lines found", "finding lines, core-s", "PaddleOCR, core-s")
    publish(document("Text that is small beside its page", about, before, table(heads, rows)), out)


if __name__ == "__main__":
    command.run(main)
