"""Pages drawn for the tests of segmentation, and a detector that needs no model.

A `comb` is a line without letters: a bar with teeth that stand on it, so that it has an upper and a lower side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ocr.geometry import Box
from ocr.image import Pixels
from segmentation.detection.quads import Quads, clockwise_from_top_left, no_quads

settings.register_profile("quorum", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("quorum")

WHITE = 255


class CombDetector:
    """Finds every connected figure that is darker than paper, as a rectangle with 4 px of white on each side."""

    MARGIN_PX = 4

    def __init__(self) -> None:
        self.looks = 0

    def find(self, pixels: Pixels) -> Quads:
        self.looks += 1
        ink = (pixels.min(axis=2) < 128).astype(np.uint8)
        contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        large = [contour for contour in contours if cv2.contourArea(contour) > 100]
        if not large:
            return no_quads()
        grow = 1 + 2 * self.MARGIN_PX  # a contour runs through the centres of its pixels
        rectangles = [cv2.minAreaRect(contour) for contour in large]
        grown = [(centre, (width + grow, height + grow), degrees) for centre, (width, height), degrees in rectangles]
        return clockwise_from_top_left(np.stack([cv2.boxPoints(rectangle) for rectangle in grown]) + 0.5)


class ScriptedDetector:
    """Answers with the same rectangles whatever it is shown."""

    def __init__(self, quads: Quads) -> None:
        self.quads = quads

    def find(self, pixels: Pixels) -> Quads:
        return self.quads


@pytest.fixture(scope="session")
def comb_detector() -> Callable[[], CombDetector]:
    return CombDetector


@pytest.fixture(scope="session")
def scripted() -> Callable[[Quads], ScriptedDetector]:
    return ScriptedDetector


@pytest.fixture(scope="session")
def combs() -> Callable[[int, int, Sequence[Box]], Pixels]:
    """White pages of a width and a height with a comb in each box."""

    def draw(width_px: int, height_px: int, boxes: Sequence[Box]) -> Pixels:
        page = np.full((height_px, width_px, 3), WHITE, np.uint8)
        for box in boxes:
            page[box.bottom - box.height // 3 : box.bottom, box.left : box.right] = 0
            for left in range(box.left, box.right, 12):
                page[box.top : box.bottom, left : min(box.right, left + 4)] = 0
        return page

    return draw


@pytest.fixture(scope="session")
def written() -> Callable[..., Pixels]:
    """White pages with texts at places (x, y), in Pillow's own font."""

    def draw(width_px: int, height_px: int, texts: dict[tuple[int, int], str], size_px: int = 32) -> Pixels:
        page = Pillow.new("RGB", (width_px, height_px), "white")
        pen = ImageDraw.Draw(page)
        font = ImageFont.load_default(size=size_px)
        for place, text in texts.items():
            pen.text(place, text, fill="black", font=font)
        return np.asarray(page).copy()

    return draw
