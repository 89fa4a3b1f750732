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

from engines.common.text_rows import HAND_MARGIN, MARGIN, text_rows
from evaluation.pages.ground_truth import Split, line_crops, pages_for
from evaluation.pages.handwritten_lines import Writing, writing_of
from training.lines.degradation import NO_ROOM, Grey, Room
from training.lines.texts import folded, is_printable

TALLEST_PX = 96
"""Crops that are taller are shrunk to it: the network reads at a third."""
LEAST_HEIGHT_PX = 8
LEAST_CHARACTER_WIDTH = 0.12
"""Of the height; a line whose characters are narrower was cut or labelled wrongly."""
SURROUNDINGS = 0.4
"""Of the height of a line: what is kept around it on each side, so that it can be cut as detectors do, a little off."""


@dataclass(frozen=True, slots=True, eq=False)
class RealLine:
    """A line with what surrounds it, grey uint8 (H, W), and what it says. `source` is the folder's name.

    Within `room` of the picture's edges lies the crop as the engines cut it. With `any_marks` the text is true whatever
    form its quotes and dashes have: the truths of pages do not tell.
    """

    picture: Grey
    text: str
    source: str
    any_case: bool
    handwritten: bool = False
    room: Room = NO_ROOM
    any_marks: bool = True

    @property
    def crop(self) -> Grey:
        """The line as the engines cut it."""
        return self.room.inside(self.picture)


def real_lines(folder: Path, split: Split) -> list[RealLine]:
    """The useful lines of a folder's pages in `split`."""
    return list(_lines_of(folder, split))


def _lines_of(folder: Path, split: Split) -> Iterator[RealLine]:
    pages = pages_for(folder, split)
    any_case = _in_capitals([line.text for page in pages for line in page.lines])
    for page in pages:
        crops = line_crops(page, SURROUNDINGS, repaired=bool(page.letter) and split is Split.TRAIN)
        for line, crop, hand in zip(page.lines, crops, writing_of(page), strict=True):
            text = folded(line.text)
            around = round(crop.shape[0] * SURROUNDINGS / (1 + 2 * SURROUNDINGS))
            height, width = crop.shape[0] - 2 * around, crop.shape[1] - 2 * around
            if is_printable(text) and height >= LEAST_HEIGHT_PX and width >= LEAST_CHARACTER_WIDTH * height * len(text):
                grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
                own = Room(around, around, around, around).inside(grey)
                top, bottom = text_rows(own, HAND_MARGIN if hand is Writing.CURSIVE else MARGIN)
                picture, room = _shrunk(grey, Room(around + top, around + height - bottom, around, around))
                yield RealLine(picture, text, folder.name, any_case, hand is Writing.CURSIVE, room)


def _in_capitals(texts: Sequence[str]) -> bool:
    """Whether no line of a set has a small letter: then its truth says nothing about case."""
    joined = "".join(texts)
    return joined.upper() == joined


def _shrunk(picture: Grey, room: Room) -> tuple[Grey, Room]:
    """Both at the scale at which the crop is not taller than TALLEST_PX."""
    height, width = picture.shape
    scale = TALLEST_PX / (height - room.above - room.below)
    if scale >= 1.0:
        return picture, room
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), room.scaled(scale)
