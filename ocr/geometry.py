"""Places on a page, in pixels: the origin is the top-left corner, x grows to the right, y grows down.

A `Box` is integer and half-open, so `right - left` is its width. A `Polygon` has four corners in reading order of the
text it surrounds: first the corner where the text's top-left is, then clockwise. Nothing here knows what the text says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr.runtime.pickling import fast_pickle

Point = tuple[float, float]


@fast_pickle
@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in integer pixels, half-open: it holds the pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError(
                f"box ({self.left}, {self.top}, {self.right}, {self.bottom}) is empty: "
                "left must be < right and top < bottom"
            )

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def xywh(self) -> tuple[int, int, int, int]:
        """(x, y, width, height), the order of the HTTP contract's `bounding_box`."""
        return self.left, self.top, self.width, self.height

    def overlap(self, other: Box) -> int:
        """Area of the intersection in pixels, 0 when they do not touch."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, width) * max(0, height)

    def polygon(self) -> Polygon:
        """The same place as a polygon, for text that reads from left to right."""
        return Polygon(
            ((self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom))
        )


@fast_pickle
@dataclass(frozen=True, slots=True)
class Polygon:
    """Four corners (x, y) in page pixels: top-left, top-right, bottom-right, bottom-left *as the text reads*.

    The order carries the direction of the text: on a page that lies on its side the first corner of a line is not
    the one nearest to the page's origin.
    """

    corners: tuple[Point, Point, Point, Point]

    def __post_init__(self) -> None:
        try:
            (ax, ay), (bx, by), (cx, cy), (dx, dy) = self.corners
        except (TypeError, ValueError) as error:
            raise ValueError(f"a polygon has four (x, y) corners, not {self.corners!r}") from error
        if not math.isfinite(ax + ay + bx + by + cx + cy + dx + dy):  # a page has some thousands of these
            raise ValueError(f"polygon {self.corners} has a corner that is not a finite number")

    @classmethod
    def from_array(cls, corners: NDArray[np.generic]) -> Polygon:
        """From an array of shape (4, 2)."""
        if corners.shape != (4, 2):
            raise ValueError(f"a polygon has shape (4, 2), not {corners.shape}")
        first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
        return cls((first, second, third, fourth))

    def array(self) -> NDArray[np.float32]:
        """The corners as (4, 2) float32."""
        return np.asarray(self.corners, dtype=np.float32)

    def bounding_box(self) -> Box:
        """The smallest box of whole pixels that holds the polygon (at least one pixel wide and high)."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self.corners
        left, top = math.floor(min(ax, bx, cx, dx)), math.floor(min(ay, by, cy, dy))
        right, bottom = math.ceil(max(ax, bx, cx, dx)), math.ceil(max(ay, by, cy, dy))
        return Box(left, top, max(left + 1, right), max(top + 1, bottom))

    def slice(self, start: float, end: float) -> Polygon:
        """The part between two fractions of the reading direction, 0 <= start < end <= 1.

        A character that spans pixels x0..x1 of a crop of width w is `slice(x0 / w, x1 / w)` of the line's polygon:
        exact for a crop made by an affine or a small perspective warp.
        """
        if not 0.0 <= start < end <= 1.0:
            raise ValueError(f"slice({start}, {end}): expected 0 <= start < end <= 1")
        top_left, top_right, bottom_right, bottom_left = self.corners
        return Polygon(
            (
                _between(top_left, top_right, start),
                _between(top_left, top_right, end),
                _between(bottom_left, bottom_right, end),
                _between(bottom_left, bottom_right, start),
            )
        )


def bounds(corners: Iterable[Point]) -> tuple[float, float, float, float]:
    """The sides (left, top, right, bottom) of the smallest upright rectangle around some corners; one at least."""
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def weighted_median(values: Iterable[tuple[float, int]]) -> float:
    """Of (value, how often it counts): the first by size with half of the counts up to it; 0 where there is none."""
    ordered = sorted(values)
    half = sum(count for _, count in ordered) / 2
    passed = 0
    for value, count in ordered:
        passed += count
        if passed >= half:
            return value
    return 0.0


def _between(start: Point, end: Point, fraction: float) -> Point:
    return start[0] + (end[0] - start[0]) * fraction, start[1] + (end[1] - start[1]) * fraction
