"""The lines of true pages that a recogniser may learn from: those of the pages in `Split.TRAIN`.

Texts are folded to printable ASCII; a line with any other character is left out, and so is one whose picture is too
small to read. Where a set's truth is in capitals whatever the picture shows (receipts), its lines are `any_case`:
"TOTAL" is then true of "Total" as well, and training must not ask for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.common.tight_crop import tightened
from evaluation.pages.ground_truth import Split, line_crops, pages_for
from training.lines.line_pictures import Grey
from training.lines.line_texts import folded, is_printable

TALLEST_PX = 96
"""Crops that are taller are shrunk to it: the network reads at a third."""
LEAST_HEIGHT_PX = 8
LEAST_CHARACTER_WIDTH = 0.12
"""Of the height; a line whose characters are narrower was cut or labelled wrongly."""


@dataclass(frozen=True, slots=True, eq=False)
class RealLine:
    """A line's crop as the engines cut it, grey uint8 (H, W), and what it says. `source` is the folder's name."""

    picture: Grey
    text: str
    source: str
    any_case: bool


def real_lines(folder: Path, split: Split) -> list[RealLine]:
    """The useful lines of a folder's pages in `split`."""
    return list(_lines_of(folder, split))


def _lines_of(folder: Path, split: Split) -> Iterator[RealLine]:
    pages = pages_for(folder, split)
    any_case = _in_capitals([line.text for page in pages for line in page.lines])
    for page in pages:
        for line, crop in zip(page.lines, line_crops(page), strict=True):
            text = folded(line.text)
            height, width = crop.shape[:2]
            if is_printable(text) and height >= LEAST_HEIGHT_PX and width >= LEAST_CHARACTER_WIDTH * height * len(text):
                grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
                yield RealLine(_shrunk(tightened(grey)), text, folder.name, any_case)


def _in_capitals(texts: Sequence[str]) -> bool:
    """Whether no line of a set has a small letter: then its truth says nothing about case."""
    joined = "".join(texts)
    return joined.upper() == joined


def _shrunk(picture: Grey) -> Grey:
    height, width = picture.shape
    if height <= TALLEST_PX:
        return picture
    size = (max(1, round(width * TALLEST_PX / height)), TALLEST_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
