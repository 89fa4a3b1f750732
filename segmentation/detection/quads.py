"""Rotated rectangles as arrays: (N, 4, 2) float32, corners (x, y) clockwise from the text's top-left one.

`ocr.geometry.Polygon` is one such rectangle as a frozen value; this file is the arithmetic on many of them. Lengths are
pixels, angles degrees, counter-clockwise as seen on the page (y grows down). Nothing here knows the pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Quads = NDArray[np.float32]
"""(N, 4, 2): top-left, top-right, bottom-right, bottom-left as the text reads."""


def no_quads() -> Quads:
    """The empty set."""
    return np.zeros((0, 4, 2), dtype=np.float32)


def clockwise_from_top_left(corners: NDArray[np.floating]) -> Quads:
    """Order rectangles (N, 4, 2) so that the first edge is the upper one and runs right within 45 degrees."""
    ordered = np.asarray(corners, dtype=np.float32).copy()  # (N, 4, 2)
    first, second, third = ordered[:, 0], ordered[:, 1], ordered[:, 2]
    a, b = second - first, third - second
    backwards = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0
    ordered[backwards] = ordered[backwards][:, ::-1]
    edges = np.roll(ordered, -1, axis=1) - ordered  # (N, 4, 2), edge i leaves corner i
    angles = np.arctan2(edges[:, :, 1], edges[:, :, 0])  # (N, 4)
    start = np.argmin(np.abs(angles + 1e-6), axis=1)  # the offset decides for squares that stand on a corner
    turned = (start[:, None] + np.arange(4)[None]) % 4
    return np.ascontiguousarray(np.take_along_axis(ordered, turned[:, :, None], axis=1))


def widths(quads: Quads) -> NDArray[np.float32]:
    """Length of the reading direction, (N,): the mean of the upper and the lower edge."""
    top = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    bottom = np.linalg.norm(quads[:, 2] - quads[:, 3], axis=1)
    return np.asarray((top + bottom) / 2, dtype=np.float32)


def heights(quads: Quads) -> NDArray[np.float32]:
    """Length across the reading direction, (N,)."""
    left = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    right = np.linalg.norm(quads[:, 2] - quads[:, 1], axis=1)
    return np.asarray((left + right) / 2, dtype=np.float32)


def angles(quads: Quads) -> NDArray[np.float32]:
    """Direction of reading, (N,) degrees in (-180, 180]: 0 reads to the right, 90 reads upwards."""
    along = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]  # (N, 2)
    return np.asarray(np.degrees(np.arctan2(-along[:, 1], along[:, 0])), dtype=np.float32)


def turned(quads: Quads, quarters: int) -> Quads:
    """The same places read in another direction: `quarters` quarter turns counter-clockwise."""
    return np.ascontiguousarray(np.roll(quads, quarters % 4, axis=1))


def bounds(quads: Quads) -> NDArray[np.float32]:
    """Upright bounding rectangles (N, 4): left, top, right, bottom."""
    return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)


def mapped(quads: Quads, matrix: NDArray[np.floating]) -> Quads:
    """The rectangles under an affine map (2, 3)."""
    return np.asarray(quads @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def from_boxes(boxes: NDArray[np.floating]) -> Quads:
    """Upright rectangles (N, 4) as left, top, right, bottom, in the form of this file."""
    left, top, right, bottom = np.asarray(boxes, dtype=np.float32).T
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
