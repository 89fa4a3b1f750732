"""What lies behind a picture with transparent parts: white paper, unless its letters are white themselves.

A viewer shows such a picture on whatever is behind it; a file does not say what that is. What borders on a transparent
part tells: letters that stand free are nothing but border, and have to differ from what is behind them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WHITE, _GREY, _BLACK = 255, 128, 0
_VISIBLE = 128  # opacity from which on a pixel counts
_BORDER_PX = 2
_FREE = 0.05  # of what is visible lies at a border: letters and lines; a picture with round corners has less
_LIGHT, _DARK = 192, 128  # brightness from which on white, and below which black, is no background
_MANY = 0.1


class Background:
    """Chooses what lies behind a picture, from its strips: `add` each, then `level` is the grey level."""

    def __init__(self) -> None:
        self._visible = 0
        self._border = np.zeros(256, np.int64)

    def add(self, luma: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> None:
        """Look at a strip: brightness and opacity, (H, W) each."""
        visible = opacity >= _VISIBLE
        border = visible & _near(~visible)
        self._visible += int(np.count_nonzero(visible))
        self._border += np.bincount(luma[border], minlength=256)

    @property
    def nothing_is_visible(self) -> bool:
        return self._visible == 0

    @property
    def level(self) -> int:
        at_border = int(self._border.sum())
        if at_border <= _FREE * self._visible:
            return _WHITE
        if self._border[_LIGHT:].sum() < _MANY * at_border:
            return _WHITE
        return _BLACK if self._border[:_DARK].sum() < _MANY * at_border else _GREY


def _near(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a pixel lies within `_BORDER_PX` of a marked one, up, down or to a side."""
    near = np.zeros_like(marked)
    for step in range(1, _BORDER_PX + 1):
        near[step:] |= marked[:-step]
        near[:-step] |= marked[step:]
        near[:, step:] |= marked[:, :-step]
        near[:, :-step] |= marked[:, step:]
    return near
