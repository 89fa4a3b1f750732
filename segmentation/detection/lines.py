"""From pieces of text to lines: pieces of one row that stand close together become one rectangle.

The detector gives words, parts of lines or whole lines. Two pieces are one line if they overlap across the reading
direction, are of a like height and the gap between them is small against that height; so nothing is joined across the
gutter of two columns or between far cells of a table. Lengths are pixels of an upright page, where lines read to the
right. This file does not see the pixels and does not know the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.detection.quads import Quads, bounds, clockwise_from_top_left, heights, widths


@dataclass(frozen=True, slots=True)
class Joining:
    """When two neighbours are one line, in units of the smaller height of the two unless said otherwise.

    `max_gap`: gap between them, in units of the mean height (negative gaps are overlaps, down to `-max_overlap`);
    `min_shared_height`: how much of the smaller one's height they share; `max_height_ratio`: taller / smaller.
    """

    max_gap: float = 0.6
    max_overlap: float = 1.0
    min_shared_height: float = 0.6
    max_height_ratio: float = 1.8


def joined(pieces: Quads, rule: Joining | None = None) -> Quads:
    """The lines that `pieces` (N, 4, 2) make up, as (M, 4, 2) with M <= N; reading right, in no particular order."""
    rule = rule or Joining()
    groups = _chains(pieces, rule)
    whole = [pieces[group[0]] if len(group) == 1 else _around(pieces[group]) for group in groups]
    return np.stack(whole) if whole else pieces


def _chains(pieces: Quads, rule: Joining) -> list[list[int]]:
    """Indices of pieces that belong to one line, each chain from left to right."""
    order = np.argsort(pieces[:, :, 0].min(axis=1), kind="stable")
    chains: list[list[int]] = []
    for index in order:
        fitting = [chain for chain in chains if _fit(pieces[chain[-1]], pieces[index], rule)]
        if fitting:
            max(fitting, key=lambda chain: float(pieces[chain[-1]][:, 0].max())).append(int(index))
        else:
            chains.append([int(index)])
    return chains


def _fit(left: NDArray[np.float32], right: NDArray[np.float32], rule: Joining) -> bool:
    """Whether the piece `right` (4, 2) goes on where `left` (4, 2) ends."""
    pair = np.stack([left, right])
    tall = heights(pair)
    smaller, taller = float(tall.min()), float(tall.max())
    end_top, end_bottom = left[1], left[2]
    start_top, start_bottom = right[0], right[3]
    gap = float((start_top[0] + start_bottom[0] - end_top[0] - end_bottom[0]) / 2)
    shared = float(min(end_bottom[1], start_bottom[1]) - max(end_top[1], start_top[1]))
    return (
        taller <= rule.max_height_ratio * smaller
        and shared >= rule.min_shared_height * smaller
        and -rule.max_overlap * smaller <= gap <= rule.max_gap * (smaller + taller) / 2
    )


def _around(pieces: Quads) -> NDArray[np.float32]:
    """The smallest rotated rectangle (4, 2) around all corners of `pieces`."""
    corners = cv2.boxPoints(cv2.minAreaRect(pieces.reshape(-1, 2)))
    return np.asarray(clockwise_from_top_left(corners[None])[0], dtype=np.float32)


def standing(pieces: Quads) -> NDArray[np.bool_]:
    """Which pieces (N,) are text that runs up or down the page: tall, and taller than a line of this page is.

    A lone I, l or 1 is tall and narrow too, but not taller than the lines around it.
    """
    tall, wide = heights(pieces), widths(pieces)
    lying = wide >= tall
    usual = float(np.median(tall[lying])) if lying.any() else 0.0
    return np.asarray((tall >= 2.0 * wide) & (tall >= 1.8 * usual), dtype=np.bool_)


def without_inner(lines: Quads, covered: float = 0.8) -> Quads:
    """Drop rectangles of which at least the part `covered` lies inside a bigger one."""
    box = bounds(lines)  # (N, 4)
    area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    low, high = np.maximum(box[:, None, :2], box[None, :, :2]), np.minimum(box[:, None, 2:], box[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)  # (N, N)
    inside = (shared >= covered * area[:, None]) & (area[:, None] < area[None, :])
    return np.ascontiguousarray(lines[~inside.any(axis=1)])


def without_specks(pieces: Quads, small: float = 0.4) -> Quads:
    """Drop pieces of which both sides are shorter than `small` of the usual line height: dirt, not text.

    Small print is low but long, and stays. A page of fewer than five pieces has no usual height.
    """
    if len(pieces) < 5:
        return pieces
    tall, wide = heights(pieces), widths(pieces)
    limit = small * float(np.median(np.minimum(tall, wide)))
    return np.ascontiguousarray(pieces[np.maximum(tall, wide) >= limit])
