"""Lines and characters drawn with Pillow's own font, which is always there."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr import Classes, Crop, Pixels, Scope


def draw(text: str, *, size: int = 32, margin: int = 6, ink: int = 0, paper: int = 255) -> Pixels:
    """`text` in one line, RGB uint8 (H, W, 3)."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("RGB", (round(right - left) + 2 * margin, round(bottom - top) + 2 * margin), (paper,) * 3)
    ImageDraw.Draw(canvas).text((margin - left, margin - top), text, font=font, fill=(ink,) * 3)
    return np.asarray(canvas)


def line(text: str, **how: int) -> Crop:
    return Crop.whole(draw(text, **how))


def character(text: str, classes: Classes = Classes.ALNUM, **how: int) -> Crop:
    return Crop.whole(draw(text, **how), Scope.CHARACTER, classes=classes)
