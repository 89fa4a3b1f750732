"""Lines and characters cut from the page they are on, with what is seen of them: words, characters, kind of writing.

Lengths are pixels of the page. Where they are is not found here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.geometry import Box, Polygon
from ocr.image import Pixels, Region, Scope
from segmentation.characters import separate
from segmentation.comb_fields.cutting import cut_comb_field
from segmentation.comb_fields.finding import CombField
from segmentation.ink import gray, ink_mask
from segmentation.material import material_classifier
from segmentation.page_rotation import crop_upright

_CHARACTER_MARGIN = 0.2  # of the longer side of the ink


@dataclass(frozen=True, slots=True)
class Place:
    """The block of the page in which a line is read, and the row in which it stands, None for one of its own."""

    block: int = 0
    row: int | None = None


_ALONE = Place()


def cut_line(
    page: Pixels, quad: NDArray[np.float32], place: Place = _ALONE, interpolation: int = cv2.INTER_LINEAR
) -> tuple[Region, Pixels]:
    """The line in `quad` (4, 2) with its words and characters."""
    crop = crop_upright(page, quad, interpolation)
    parts = separate(crop)
    return _line(quad, crop, parts.characters, parts.words, place), crop


def cut_comb(
    page: Pixels, quad: NDArray[np.float32], field: CombField, place: Place, interpolation: int
) -> tuple[Region, Pixels]:
    """The comb field in `quad` (4, 2), one character a box; as any line where nothing is left without its rules."""
    cut = cut_comb_field(page, quad, field)
    if cut is None:
        return cut_line(page, quad, place, interpolation)
    return _line(quad, cut.pixels, cut.characters, cut.words, place), cut.pixels


def _line(
    quad: NDArray[np.float32], crop: Pixels, characters: tuple[Box, ...], words: tuple[Box, ...], place: Place
) -> Region:
    height, width = crop.shape[:2]
    polygon, kind = Polygon.from_array(quad), material_classifier().classify(crop)
    return Region(polygon, width, height, Scope.LINE, characters, words, place.block, kind, place.row)


def cut_character(page: Pixels) -> tuple[Region, Pixels]:
    """The ink of the page with a margin, within the page; the whole page where no ink stands out."""
    height, width = page.shape[:2]
    ink = ink_mask(gray(page))
    columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
    if not len(columns):
        box = Box(0, 0, width, height)
    else:
        margin = round(_CHARACTER_MARGIN * max(columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1))
        box = Box(
            max(0, int(columns[0]) - margin),
            max(0, int(rows[0]) - margin),
            min(width, int(columns[-1]) + 1 + margin),
            min(height, int(rows[-1]) + 1 + margin),
        )
    crop = page[box.top : box.bottom, box.left : box.right].copy()
    return Region(box.polygon(), box.width, box.height, Scope.CHARACTER), crop
