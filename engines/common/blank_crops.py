"""Whether a crop holds anything at all. Recognisers invent text on an empty crop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels

CLEAR_CONTRAST = 16
"""A crop whose values differ by as much holds something."""

LEAST_CONTRAST = 3.0
"""Between paper and ink, each the mean of 3 x 3 pixels. Print of 245 on 255 has 5 to 10."""

_NOISE = 3.0  # so many deviations of a pixel from its neighbour; means of 3 x 3 pixels of noise differ by 1.7
_TO_DEVIATION = 1.4826 / 2**0.5  # the median difference of two pixels of noise -> its standard deviation


def is_blank(pixels: Pixels) -> bool:
    """True for RGB (H, W, 3) of one colour, up to noise and shade. Faint print is not blank: letters are larger than
    grains of noise and smaller than a shadow.
    """
    if int(np.ptp(pixels)) >= CLEAR_CONTRAST:
        return False
    if min(pixels.shape[:2]) < 3:
        return True
    levels = pixels.astype(np.float32)
    noise = _TO_DEVIATION * float(np.median(np.abs(np.diff(levels, axis=1)).max(axis=2)))
    return _contrast(_means(levels)) < max(LEAST_CONTRAST, _NOISE * noise)


def _means(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of 3 x 3 pixels: (H - 2, W - 2, 3)."""
    rows = levels[:-2] + levels[1:-1] + levels[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0, np.float32)


def _contrast(levels: NDArray[np.float32]) -> float:
    """The largest difference within a part of the crop as wide as it is high, without the outermost hundredth."""
    height, width = levels.shape[:2]
    parts = np.array_split(levels, max(1, width // height), axis=1)
    return max(float(np.ptp(np.percentile(part, [1, 99], axis=(0, 1)), axis=0).max()) for part in parts)
