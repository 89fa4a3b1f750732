"""A comb field cut from its page: its characters without the rules, as far from each other as letters of a line.

Each cell becomes a slot of one width, with its character in the middle, so that what lies between two fractions of the
crop's width lies between the same fractions of the field's. Lengths are pixels of the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.geometry import Box
from ocr.image import Pixels
from segmentation.comb_fields.finding import CombField
from segmentation.comb_fields.rules import Bits, level_rules, upright_rules
from segmentation.ink import Mask, gray, ink_mask
from segmentation.page_rotation import crop_upright

_AROUND = 0.2  # of the height of a field, above and below: characters reach beyond their boxes
_LEVEL_ZONE, _UPRIGHT_ZONE = 0.16, 0.07  # of the height of a field, on both sides of where a rule is expected
_LEAST_ZONE_PX = 4
_WHOLE = 0.8  # of an upright, or of the width of a cell: shorter strokes are no rules
_SPECK = 0.07  # of the height of a field
_GAP = 0.3  # of the usual height of a character: between two slots
_MARGIN = 0.25  # of the tallest character, above and below
_LEAST_SLOT = 0.6  # of the usual height of a character


@dataclass(frozen=True, slots=True, eq=False)
class CombCrop:
    """The characters of a field in one line, RGB uint8 (H, W, 3); `characters` has a box for each cell that has one,
    `words` one for each run of such cells, both from left to right.
    """

    pixels: Pixels
    characters: tuple[Box, ...]
    words: tuple[Box, ...]


def cut_comb_field(page: Pixels, quad: NDArray[np.float32], field: CombField) -> CombCrop | None:
    """The field at `quad` (4, 2) of the page as it lies; None where no ink is left without the rules."""
    taller = _taller(quad)
    crop = crop_upright(page, taller, cv2.INTER_LINEAR)
    height, width = crop.shape[:2]
    tall = height / (1 + 2 * _AROUND)
    spans = [(start * width, end * width) for start, end in field.cells]
    ink = ink_mask(gray(crop))
    rules = _Rules.of(ink, spans, tall, field.uprights)
    characters = _characters(rules.erased_from(ink), spans, tall)
    if not any(character is not None for character in characters):
        return None
    return _set_in_slots(crop, ink, characters)


def _taller(quad: NDArray[np.float32]) -> NDArray[np.float32]:
    down = _AROUND * (quad[3] - quad[0] + quad[2] - quad[1]) / 2
    return np.asarray(quad + np.stack([-down, -down, down, down]), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """Masks uint8 (H, W) of the rules, level and upright, and of where they are expected."""

    level: Bits
    upright: Bits
    zones: Bits

    @classmethod
    def of(cls, ink: Mask, spans: Sequence[tuple[float, float]], tall: float, uprights: float) -> _Rules:
        """The rules in the ink of a field whose cells are `tall` and have uprights of this part of it."""
        bits = ink.astype(np.uint8)
        top, bottom = round(_AROUND * tall), round((1 + _AROUND) * tall)
        level_zone, upright_zone = np.zeros_like(bits), np.zeros_like(bits)
        reach = max(_LEAST_ZONE_PX, round(_LEVEL_ZONE * tall))
        for row in (top, bottom):
            level_zone[max(0, row - reach) : row + reach + 1] = 1
        begin = max(0, round(bottom - uprights * tall) - reach)
        reach = max(_LEAST_ZONE_PX, round(_UPRIGHT_ZONE * tall))
        for edge in {round(edge) for span in spans for edge in span}:
            upright_zone[begin : bottom + reach, max(0, edge - reach) : edge + reach + 1] = 1
        wide = min(end - start for start, end in spans)
        return cls(
            level_rules(bits, max(3, round(_WHOLE * wide))) & level_zone,
            upright_rules(bits, max(3, round(_WHOLE * uprights * tall))) & upright_zone,
            level_zone | upright_zone,
        )

    def erased_from(self, ink: Mask) -> Mask:
        """The ink without the rules, but with the strokes that cross them, and without splinters of rules."""
        rest = ink.astype(np.uint8) & ~(self.level | self.upright)
        across, along = _thickness(self.level, 0), _thickness(self.upright, 1)
        crossing = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((across + 2, 1), np.uint8)) & self.level
        crossing |= cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((1, along + 2), np.uint8)) & self.upright
        written = rest | crossing
        _, labels, stats, _ = cv2.connectedComponentsWithStats(written, connectivity=8)
        in_zones = np.bincount(labels[self.zones != 0], minlength=len(stats))
        splinters = (in_zones == stats[:, 4]) & (np.minimum(stats[:, 2], stats[:, 3]) <= max(across, along) + 1)
        splinters[0] = False
        return np.asarray((written != 0) & ~splinters[labels], dtype=np.bool_)


def _thickness(rules: Bits, axis: int) -> int:
    """The usual number of pixels across a rule, counted along `axis`."""
    counts = rules.sum(axis=axis)
    crossings = np.count_nonzero(np.diff(rules.astype(np.int8), axis=axis, prepend=0) == 1, axis=axis)
    some = crossings > 0
    return max(1, round(float(np.median(counts[some] / crossings[some])))) if some.any() else 1


@dataclass(frozen=True, slots=True, eq=False)
class _Character:
    """The ink in one cell: its mask over the whole crop and its box."""

    mask: Mask
    box: Box


def _characters(written: Mask, spans: Sequence[tuple[float, float]], tall: float) -> list[_Character | None]:
    """What is written in each cell: the parts whose middle lies in it, and of a part that is longer than a cell, what
    lies in it.
    """
    _, labels, stats, middles = cv2.connectedComponentsWithStats(written.astype(np.uint8), connectivity=8)
    large = np.maximum(stats[:, 2], stats[:, 3]) >= max(2.0, _SPECK * tall)
    large[0] = False
    found: list[_Character | None] = []
    for start, end in spans:
        within = large & (stats[:, 2] <= 1.4 * (end - start)) & (start <= middles[:, 0]) & (middles[:, 0] < end)
        mask = within[labels]
        longer = large & (stats[:, 2] > 1.4 * (end - start))
        columns = slice(max(0, round(start)), max(1, round(end)))
        mask[:, columns] |= longer[labels[:, columns]]
        found.append(_Character(mask, _box(mask)) if mask.any() else None)
    return found


def _box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _set_in_slots(crop: Pixels, ink: Mask, characters: Sequence[_Character | None]) -> CombCrop:
    """Each character in the middle of its slot on plain paper, at the height at which it was written."""
    boxes = [character.box for character in characters if character is not None]
    usual = float(np.median([box.height for box in boxes]))
    slot = round(max(max(box.width for box in boxes) + _GAP * usual, _LEAST_SLOT * usual))
    first, last = min(box.top for box in boxes), max(box.bottom for box in boxes)
    margin = max(2, round(_MARGIN * (last - first)))
    paper = np.median(crop[~ink], axis=0) if not ink.all() else np.full(3, 255.0)
    line = np.empty((last - first + 2 * margin, slot * len(characters), 3), np.uint8)
    line[:] = paper.round().astype(np.uint8)
    placed: list[Box | None] = []
    for number, character in enumerate(characters):
        if character is None:
            placed.append(None)
            continue
        box = character.box
        left, top = number * slot + (slot - box.width) // 2, box.top - first + margin
        place = Box(left, top, left + box.width, top + box.height)
        _copy(crop, character.mask, box, line, place)
        placed.append(place)
    return CombCrop(line, tuple(box for box in placed if box is not None), tuple(_words(placed)))


def _copy(crop: Pixels, mask: Mask, box: Box, line: Pixels, place: Box) -> None:
    """Copy a character with the soft edge of its ink."""
    own = mask[box.top : box.bottom, box.left : box.right]
    soft = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) != 0
    target = line[place.top : place.bottom, place.left : place.right]
    target[soft] = crop[box.top : box.bottom, box.left : box.right][soft]


def _words(placed: Sequence[Box | None]) -> list[Box]:
    """A box around each run of cells that hold something."""
    words: list[Box] = []
    going = False
    for box in placed:
        if box is None:
            going = False
        elif going:
            last = words[-1]
            words[-1] = Box(last.left, min(last.top, box.top), box.right, max(last.bottom, box.bottom))
        else:
            words.append(box)
            going = True
    return words
