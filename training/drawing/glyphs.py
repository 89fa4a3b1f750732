"""Characters as a font draws them, and whether its small letters are small."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.common.glyph import Glyph, prepare
from training.drawing.fonts import Face

Ink = NDArray[np.float32]


FRAME_PX = 96


FONT_PX = 64


@lru_cache(maxsize=2048)
def is_unicase(face: Face) -> bool:
    """Whether the small letters are drawn as capitals, large or small."""
    same = 0
    for small in "abegr":
        pair = [prepare(((1.0 - rendered(face, text)) * 255.0).astype(np.uint8)) for text in (small, small.upper())]
        if all(isinstance(glyph, Glyph) for glyph in pair):
            difference = np.abs(pair[0].pixels - pair[1].pixels).sum()  # type: ignore[union-attr]
            same += bool(difference < 0.25 * pair[0].pixels.sum())  # type: ignore[union-attr]
    return same >= 3


@lru_cache(maxsize=4096)
def _font(face: Face, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(face.path), size_px, index=face.index)


def rendered(face: Face, text: str) -> Ink:
    """The text drawn by a font in the middle of a frame: float32 (96, 96 or wider) in [0, 1], ink = 1."""
    font = _font(face, FONT_PX)
    left, top, right, bottom = font.getbbox(text)
    size = max(FRAME_PX, int(max(right - left, bottom - top)) + 24)
    canvas = Image.new("L", (size, size), 0)
    origin = (size - (right - left)) / 2 - left, (size - (bottom - top)) / 2 - top
    ImageDraw.Draw(canvas).text(origin, text, fill=255, font=font)
    return np.asarray(canvas, dtype=np.float32) / np.float32(255.0)
