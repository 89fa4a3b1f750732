"""Lines without a model: rows of ink between rows of white.

Ink is summed along the rows, and each run of rows with ink is a line (O'Gorman and Kasturi 1995, "Document Image
Analysis", on projection profiles); wide white gaps cut a row. It works on clean upright pages and on images of one
line, and it is what is left when there is no detector or the detector finds nothing. Lengths are pixels of the page.
This file does not turn pages.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.detection.quads import Quads, from_boxes, no_quads
from segmentation.ink import Mask, flattened, gray, ink_mask

_MAX_PIXELS = 4_000_000
_SURROUNDINGS_PX = 128  # of the reduced page: wider than the letters, narrower than most shadows
_MIN_LINE_PX = 5
_CELL_GAP = 1.5  # white wider than this many line heights separates two lines of one row
_MARGIN = 0.15  # of the line height, added on each side


class ProjectionDetector:
    """A `Detector` that needs no model."""

    def find(self, pixels: Pixels) -> Quads:
        """Upright rectangles around the rows of ink, from top to bottom; none on an empty page."""
        height, width = pixels.shape[:2]
        scale = min(1.0, (_MAX_PIXELS / (height * width)) ** 0.5)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        luma = gray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        large = min(luma.shape) >= 2 * _SURROUNDINGS_PX
        boxes = line_boxes(ink_mask(flattened(luma, _SURROUNDINGS_PX) if large else luma))
        if not len(boxes):
            return no_quads()
        limits = np.array([width, height, width, height], dtype=np.float32)
        return from_boxes(np.clip(boxes * (limits / np.array([*size, *size], dtype=np.float32)), 0, limits))


def line_boxes(ink: Mask) -> NDArray[np.float32]:
    """The lines (N, 4) of a mask (H, W) as left, top, right, bottom, with a margin."""
    profile = ink.sum(axis=1)
    needed = max(1.0, 0.1 * float(np.percentile(profile, 90)))
    boxes = []
    for top, bottom in runs(profile >= needed):
        if bottom - top < _MIN_LINE_PX:
            continue
        margin = _MARGIN * (bottom - top)
        for left, right in _cells(ink[top:bottom]):
            boxes.append((left - margin, top - margin, right + margin, bottom + margin))
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def _cells(row: Mask) -> list[tuple[int, int]]:
    """The intervals of a row of ink (h, W) that no wide gap cuts; specks that are narrower than the row is high / 5
    do not count.
    """
    gap = max(1, round(_CELL_GAP * row.shape[0]))
    columns = runs(np.any(row, axis=0))
    cells: list[tuple[int, int]] = []
    for start, stop in columns:
        if cells and start - cells[-1][1] <= gap:
            cells[-1] = cells[-1][0], stop
        else:
            cells.append((start, stop))
    return [(start, stop) for start, stop in cells if stop - start >= row.shape[0] / 5]


def runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The half-open intervals in which `marked` (L,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
