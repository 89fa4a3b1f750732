"""What pictures have in common that are decoded as large as they are stored, and those of them whose decoder gives RGB
of eight bits. `pixels.Picture` says what all pictures have.
"""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray


class FullSize:
    """A picture that its decoder does not reduce. Subclasses set its size."""

    width: int
    height: int

    @property
    def decoded_width(self) -> int:
        return self.width

    @property
    def decoded_height(self) -> int:
        return self.height

    def reduce_to(self, max_pixels: int) -> None:
        """It is reduced when its strips are taken."""


class RgbPixels(FullSize):
    """The same as RGB on paper: subclasses put `_pixels` there, (H, W, 3), when they load."""

    _pixels: NDArray[np.uint8]

    def rgb(self, top: int, bottom: int) -> NDArray[np.uint8]:
        return self._pixels[top:bottom]

    def whole(self) -> PIL.Image.Image:
        return PIL.Image.fromarray(self._pixels)
