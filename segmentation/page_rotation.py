"""Rotating pages upright (deskew), and cutting lines out of them.

Everything is an affine map from the page as it was sent; a line is cut straight from that page with one interpolation,
however the page was turned to find it. Lengths are pixels, angles degrees, counter-clockwise as seen on the page.
Nothing here knows where lines are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.detection.quads import Quads, heights, mapped, widths

MAX_CROP_SIDE_PX = 8192
OBLIQUE_DEGREES = 3.0
"""From this on a page is not just a little off: text runs across its rows."""


@dataclass(frozen=True, slots=True, eq=False)
class PageRotation:
    """A page of `width_px` x `height_px` rotated back by `degrees`: it lay that far counter-clockwise from upright.

    `matrix` (2, 3) float64 takes pixels of the page as sent to pixels of the upright one, which is just large enough
    (`upright_width_px` x `upright_height_px`) to hold it.
    """

    degrees: float
    matrix: NDArray[np.float64]
    upright_width_px: int
    upright_height_px: int

    @classmethod
    def undoing(cls, width_px: int, height_px: int, degrees: float) -> PageRotation:
        """The rotation that undoes `degrees` for a page of this size."""
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        width = abs(width_px * cosine) + abs(height_px * sine)
        height = abs(width_px * sine) + abs(height_px * cosine)
        # A counter-clockwise turn takes (1, 0) to (cos, -sin), because y grows down; this is its inverse.
        rotation = np.array([[cosine, -sine], [sine, cosine]])
        shift = np.array([width / 2, height / 2]) - rotation @ np.array([width_px / 2, height_px / 2])
        matrix = np.concatenate([rotation, shift[:, None]], axis=1)  # (2, 3) float64
        return cls(degrees, matrix, max(1, round(width)), max(1, round(height)))

    @property
    def is_oblique(self) -> bool:
        """Whether the page lies farther than OBLIQUE_DEGREES from each quarter of a turn."""
        return abs((self.degrees + 45) % 90 - 45) >= OBLIQUE_DEGREES

    def pixels(self, page: Pixels, interpolation: int = cv2.INTER_LINEAR) -> Pixels:
        """The upright page. What was not on the page is white-ish: the colour of the nearest edge."""
        quarters = self.degrees / 90
        if quarters == round(quarters):
            return np.ascontiguousarray(np.rot90(page, -round(quarters) % 4))
        size = (self.upright_width_px, self.upright_height_px)
        # cv2 counts from pixel centres, we from corners: shift by half a pixel on both sides.
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
        turned = cv2.warpAffine(page, matrix, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, dtype=np.uint8)

    def to_page(self, quads: Quads) -> Quads:
        """Rectangles of the upright page, on the page as it was sent."""
        return mapped(quads, cv2.invertAffineTransform(self.matrix))

    def to_upright(self, quads: Quads) -> Quads:
        """Rectangles of the page as it was sent, on the upright page."""
        return mapped(quads, self.matrix)


def crop_upright(page: Pixels, quad: NDArray[np.float32], interpolation: int = cv2.INTER_LINEAR) -> Pixels:
    """The upright pixels inside one rectangle (4, 2): RGB uint8 (H, W, 3), at the page's own scale.

    What lies beyond the page repeats its edge. A side is never shorter than one pixel or longer than
    MAX_CROP_SIDE_PX.
    """
    width = _side(float(widths(quad[None])[0]))
    height = _side(float(heights(quad[None])[0]))
    top_left, top_right, _, bottom_left = quad
    source = np.stack([top_left, top_right, bottom_left]) - 0.5  # (3, 2) float32, cv2 counts from pixel centres
    target = np.array([[0, 0], [width, 0], [0, height]], dtype=np.float32) - 0.5
    window, shift = _window(page, quad)
    matrix = cv2.getAffineTransform((source - shift).astype(np.float32), target)
    crop = cv2.warpAffine(window, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.uint8)


def _side(length_px: float) -> int:
    return min(MAX_CROP_SIDE_PX, max(1, round(length_px)))


def _window(page: Pixels, quad: NDArray[np.float32]) -> tuple[Pixels, NDArray[np.float32]]:
    """The part of the page around `quad` and its top-left corner (2,): cv2 cannot warp sides above 32,767 px."""
    height, width = page.shape[:2]
    left, top = np.floor(quad.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(quad.max(axis=0)).astype(int) + 2
    left, top = min(max(0, left), width - 1), min(max(0, top), height - 1)
    right, bottom = max(left + 1, min(width, right)), max(top + 1, min(height, bottom))
    return page[top:bottom, left:right], np.array([left, top], dtype=np.float32)
