"""Ruled lines: dark, straight and thin, along the rows and the columns of an upright page.

Masks are uint8 (H, W), 1 where something is. Lengths are pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.ink import Luma

Bits = NDArray[np.uint8]

_DARKER = 10  # grey levels than what is around
_AROUND = 3  # times the shortest rule
_BREAK_PX = 3  # a rule that is broken for less is whole


def dark_parts(luma: Luma, rule_px: int) -> Bits:
    """What is darker than the paper around it, seen from the size of a rule."""
    side = _AROUND * rule_px | 1
    mask = cv2.adaptiveThreshold(luma, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, side, _DARKER)
    return np.asarray(mask, dtype=np.uint8)


def upright_rules(dark: Bits, length_px: int) -> Bits:
    """What runs down the page for so many pixels at least."""
    whole = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, _line(_BREAK_PX).T)
    return np.asarray(cv2.morphologyEx(whole, cv2.MORPH_OPEN, _line(length_px).T), dtype=np.uint8)


def level_rules(dark: Bits, length_px: int) -> Bits:
    """What runs across the page for so many pixels at least."""
    whole = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, _line(_BREAK_PX))
    return np.asarray(cv2.morphologyEx(whole, cv2.MORPH_OPEN, _line(length_px)), dtype=np.uint8)


def joined(level: Bits, gap_px: int) -> Bits:
    """Level rules with a gap of less than `gap_px` made one."""
    return np.asarray(cv2.morphologyEx(level, cv2.MORPH_CLOSE, _line(gap_px)), dtype=np.uint8)


def _line(length_px: int) -> Bits:
    """A kernel (1, N) of an odd length: OpenCV moves what it opens with an even one."""
    return np.ones((1, length_px | 1), np.uint8)
