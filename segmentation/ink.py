"""Which pixels are ink: the smaller part of a crop, whether it is darker or lighter than the rest.

Masks are bool (H, W), ink = True. Nothing here knows lines or characters.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels

Luma = NDArray[np.uint8]
"""Brightness, (H, W)."""

Mask = NDArray[np.bool_]

MIN_CONTRAST = 24  # grey levels between paper and ink below which a crop counts as empty


def gray(pixels: Pixels) -> Luma:
    """Luma (H, W) uint8 of RGB pixels (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def flattened(luma: Luma, around_px: int) -> Luma:
    """Luma (H, W) with shadows taken out: the difference to the median of the surroundings, around mid-grey.

    `around_px` is the side of the surroundings, well above the size of a letter.
    """
    factor = max(1, around_px // 16)  # a large median on the full page is slow, and the background has no detail
    size = max(1, luma.shape[1] // factor), max(1, luma.shape[0] // factor)
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    kernel = max(3, around_px // factor) | 1
    background = cv2.resize(cv2.medianBlur(small, kernel), luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(luma.astype(np.int16) - background + 128, 0, 255), dtype=np.uint8)


def ink_mask(luma: Luma) -> Mask:
    """The ink of `luma` (H, W): the rarer side of Otsu's threshold; none where there is too little contrast."""
    low, high = percentiles(luma, 0.5, 99.5)
    if high - low < MIN_CONTRAST:
        return np.zeros(luma.shape, dtype=np.bool_)
    threshold, _ = cv2.threshold(luma, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = luma <= threshold
    return np.asarray(dark if dark.mean() <= 0.5 else ~dark)


def histogram(luma: Luma) -> NDArray[np.float64]:
    """How many pixels have each of the 256 levels. NumPy's bincount makes eight bytes of each pixel first."""
    return np.asarray(cv2.calcHist([luma], [0], None, [256], [0, 256]), dtype=np.float64).ravel()


def percentiles(luma: Luma, low: float, high: float) -> tuple[int, int]:
    """The levels below which `low` and `high` percent of the pixels lie."""
    reached = np.cumsum(histogram(luma)) * (100 / luma.size)
    return int(np.searchsorted(reached, low, side="right")), int(np.searchsorted(reached, high))


def without_neighbours(ink: Mask) -> Mask:
    """The ink (H, W) of a line without what reaches in from the lines above and below.

    That is: components at the upper or lower edge that do not reach the middle.
    """
    height = ink.shape[0]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    top, bottom = stats[:, 1], stats[:, 1] + stats[:, 3]
    foreign = ((top == 0) & (bottom <= 0.4 * height)) | ((bottom == height) & (top >= 0.6 * height))
    foreign[0] = False  # the paper
    return np.asarray(ink & ~foreign[labels])
