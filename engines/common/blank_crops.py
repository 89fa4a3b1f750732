"""Whether a crop holds anything at all. Recognisers invent text on an empty crop."""

from __future__ import annotations

import numpy as np

from ocr.image import Pixels

MIN_CONTRAST = 16
"""A crop whose values differ by less holds no text."""


def is_blank(pixels: Pixels) -> bool:
    """True for RGB (H, W, 3) of one colour, up to noise."""
    return int(np.ptp(pixels)) < MIN_CONTRAST
