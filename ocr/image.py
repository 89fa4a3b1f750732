"""Pixels and the places they were cut from.

An `Image` is a whole page. A `Region` is one line or one character of it *without* pixels: what the Router needs to
know. A `Crop` is a region with its pixels and with what the reader is asked: what an engine needs to know. A
`Layout` is all regions of a page; a `SegmentedPage` is a layout with the pixels of each region.

All pixels are RGB uint8 (H, W, 3). Nothing here decodes files or finds text.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ocr.geometry import Box, Polygon
from ocr.runtime.pickling import fast_pickle, pickle_as_bytes

Pixels = NDArray[np.uint8]
"""RGB uint8, shape (H, W, 3), H and W at least 1."""


def require_rgb(pixels: Pixels, what: str) -> None:
    """Raise ValueError unless `pixels` is RGB uint8 of shape (H, W, 3) with at least one pixel."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"{what}: expected RGB uint8 of shape (H, W, 3), got {pixels.dtype} of shape {pixels.shape}")


class Scope(StrEnum):
    """How much text a crop holds, and so which engines can read it."""

    LINE = "line"
    CHARACTER = "character"


class Classes(StrEnum):
    """Which characters may be the answer when a single character is asked for."""

    DIGITS = "digits"
    UPPER = "upper"
    LOWER = "lower"
    ALNUM = "alnum"

    @property
    def alphabet(self) -> str:
        """The allowed characters, in EMNIST ByClass order (0-9, A-Z, a-z)."""
        return {
            Classes.DIGITS: string.digits,
            Classes.UPPER: string.ascii_uppercase,
            Classes.LOWER: string.ascii_lowercase,
            Classes.ALNUM: string.digits + string.ascii_uppercase + string.ascii_lowercase,
        }[self]


BLOCKS_OF_A_PART = 10_000
"""Where only parts of a page are read, a line of part N (from 0) is in a block of N times so many and more."""


class Material(StrEnum):
    """What kind of writing a line is. Each has the profile of its name."""

    PRINTED = "printed"
    HANDWRITTEN = "handwritten"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A page: RGB uint8, shape (H, W, 3)."""

    pixels: Pixels

    def __post_init__(self) -> None:
        require_rgb(self.pixels, "image")

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])


@fast_pickle
@dataclass(frozen=True, slots=True)
class Region:
    """One line or one character of a page, without its pixels.

    `polygon` is on the page as it was sent; `width_px` and `height_px` are those of the upright crop. `character_boxes`
    and `word_boxes` are in crop pixels, from left to right; empty when they could not be separated (joined writing).
    `block` numbers the column or paragraph in reading order, `row` the row of the page, None where it has one for
    itself; `material` is what kind of writing it looks like.
    """

    polygon: Polygon
    width_px: int
    height_px: int
    scope: Scope = Scope.LINE
    character_boxes: tuple[Box, ...] = ()
    word_boxes: tuple[Box, ...] = ()
    block: int = 0
    material: Material = Material.PRINTED
    row: int | None = None

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"region of {self.width_px}x{self.height_px} px has no pixels")
        for box in (*self.character_boxes, *self.word_boxes):
            if box.left < 0 or box.top < 0 or box.right > self.width_px or box.bottom > self.height_px:
                raise ValueError(f"{box} lies outside its crop of {self.width_px}x{self.height_px} px")


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """The upright pixels of one region, RGB uint8 (H, W, 3), and what the reader is asked.

    `languages` are those that the text may be in, two-letter codes of ocr/text/languages.py, the likeliest first;
    `classes` narrows the answer for a single character.
    """

    pixels: Pixels
    region: Region
    languages: tuple[str, ...] = ("en",)
    classes: Classes = Classes.ALNUM

    def __post_init__(self) -> None:
        require_rgb(self.pixels, "crop")
        height, width = self.pixels.shape[:2]
        if not self.languages:
            raise ValueError("a crop in no language")
        if (width, height) != (self.region.width_px, self.region.height_px):
            raise ValueError(
                f"crop of {width}x{height} px does not fit its region of "
                f"{self.region.width_px}x{self.region.height_px} px"
            )

    @classmethod
    def whole(cls, pixels: Pixels, scope: Scope = Scope.LINE, *, classes: Classes = Classes.ALNUM) -> Crop:
        """A crop that is the whole image: an image of one line, or of one character."""
        require_rgb(pixels, "crop")
        height, width = pixels.shape[:2]
        return cls(pixels, Region(Box(0, 0, width, height).polygon(), width, height, scope), classes=classes)


@pickle_as_bytes
@dataclass(frozen=True, slots=True)
class Layout:
    """Where the text of a page is, in reading order. `rotation_degrees` is how far the page lay from upright,
    counter-clockwise as it was sent: a multiple of 90 for a turned page plus the skew that was measured.
    """

    width_px: int
    height_px: int
    regions: tuple[Region, ...]
    rotation_degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"layout of a page of {self.width_px}x{self.height_px} px")


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedPage:
    """A layout and the upright pixels of each of its regions, in the same order."""

    layout: Layout
    pixels: tuple[Pixels, ...]

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.layout.regions):
            raise ValueError(f"{len(self.layout.regions)} regions but pixels of {len(self.pixels)}")

    def crops(
        self,
        indices: Sequence[int] | None = None,
        *,
        languages: tuple[str, ...] = ("en",),
        classes: Classes = Classes.ALNUM,
    ) -> list[Crop]:
        """The crops at `indices` (all of them by default), in that order, with what their reader is asked."""
        chosen = range(len(self.pixels)) if indices is None else indices
        return [Crop(self.pixels[index], self.layout.regions[index], languages, classes) for index in chosen]
