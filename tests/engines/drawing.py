"""Lines and characters drawn with Pillow's own font, which is always there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr import Classes, Crop, Pixels, Scope
from ocr.image import Material


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


def written(text: str) -> Crop:
    """`text` in OpenCV's script of single strokes, as a line that looks written by hand."""
    font, scale, pen_px, margin = cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.6, 2, 12
    (width, height), below = cv2.getTextSize(text, font, scale, pen_px)
    canvas = np.full((height + below + 2 * margin, width + 2 * margin, 3), 236, np.uint8)
    cv2.putText(canvas, text, (margin, margin + height), font, scale, (40, 36, 60), pen_px, cv2.LINE_AA)
    return by_hand(Crop.whole(canvas))


def by_hand(crop: Crop) -> Crop:
    """The same, as the segmentation gives a line that looks written by hand."""
    return replace(crop, region=replace(crop.region, material=Material.HANDWRITTEN))
