"""From pieces of text to lines: pieces of one row that stand close together become one rectangle.

The detector gives words, parts of lines or whole lines. Two pieces are one line if they overlap across the reading
direction, are of a like height and the gap between them is small against that height; so nothing is joined across the
gutter of two columns or between far cells of a table. Lengths are pixels of an upright page, where lines read to the
right. This file does not see the pixels and does not know the order of the lines.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.detection.neighbours import Indices, points_in_boxes
from segmentation.detection.quads import Quads, bounds, clockwise_from_top_left, heights, widths

_INSIDE = 0.8  # of a rectangle, from which on it is part of a bigger one
_ROUNDING_PX = 0.1  # places on a page are float32, to some thousandths of a pixel


@dataclass(frozen=True, slots=True)
class GroupingRule:
    """When two neighbours are one line, in units of the smaller height of the two unless said otherwise.

    `max_gap`: gap between them, in units of the mean height (negative gaps are overlaps, down to `-max_overlap`);
    `min_shared_height`: how much of the smaller one's height they share; `max_height_ratio`: taller / smaller.
    """

    max_gap: float = 0.6
    max_overlap: float = 1.0
    min_shared_height: float = 0.6
    max_height_ratio: float = 1.8


def group_into_lines(pieces: Quads, rule: GroupingRule | None = None) -> Quads:
    """The lines that `pieces` (N, 4, 2) make up, as (M, 4, 2) with M <= N; reading right, in no particular order."""
    rule = rule or GroupingRule()
    groups = _chains(pieces, rule)
    whole = [pieces[group[0]] if len(group) == 1 else _around(pieces[group]) for group in groups]
    return np.stack(whole) if whole else pieces


def _chains(pieces: Quads, rule: GroupingRule) -> list[list[int]]:
    """Indices of pieces that belong to one line, each chain from left to right.

    A piece goes on with the chain that it fits and that reaches farthest to the right; of two such, with the older one.
    """
    fitting: dict[int, list[int]] = defaultdict(list)
    for left, right in zip(*(indices.tolist() for indices in _fitting(pieces, rule)), strict=True):
        fitting[right].append(left)
    reach = pieces[:, :, 0].max(axis=1).tolist()
    chains: list[list[int]] = []
    chain_of: dict[int, int] = {}  # the number of each chain, by its last piece
    for index in np.argsort(pieces[:, :, 0].min(axis=1), kind="stable").tolist():
        ends = [piece for piece in fitting[index] if piece in chain_of]
        if ends:
            number = chain_of.pop(max(ends, key=lambda piece: (reach[piece], -chain_of[piece])))
        else:
            number = len(chains)
            chains.append([])
        chains[number].append(index)
        chain_of[index] = number
    return chains


def _fitting(pieces: Quads, rule: GroupingRule) -> tuple[Indices, Indices]:
    """The pairs of pieces of which the second goes on where the first ends, as indices (P,) and (P,)."""
    left, right = _near(pieces, rule)
    tall = heights(pieces).astype(np.float64)
    smaller, taller = np.minimum(tall[left], tall[right]), np.maximum(tall[left], tall[right])
    end_top, end_bottom = pieces[left, 1], pieces[left, 2]
    start_top, start_bottom = pieces[right, 0], pieces[right, 3]
    gap = (start_top[:, 0] + start_bottom[:, 0] - end_top[:, 0] - end_bottom[:, 0]).astype(np.float64) / 2
    shared = np.minimum(end_bottom[:, 1], start_bottom[:, 1]) - np.maximum(end_top[:, 1], start_top[:, 1])
    fit = (
        (taller <= rule.max_height_ratio * smaller)
        & (shared >= rule.min_shared_height * smaller)
        & (-rule.max_overlap * smaller <= gap)
        & (gap <= rule.max_gap * (smaller + taller) / 2)
    )
    return left[fit], right[fit]


def _near(pieces: Quads, rule: GroupingRule) -> tuple[Indices, Indices]:
    """All pairs of pieces that can fit, and not many more: of a like height, and the second begins by the first's end.

    A place is the middle of the edge where a piece begins or ends, which is no longer than twice its height, and the
    logarithm of its height.
    """
    tall = np.maximum(heights(pieces).astype(np.float64), _ROUNDING_PX)
    starts, ends = (
        np.column_stack([pieces[:, corners].astype(np.float64).mean(axis=1), np.log(tall)])
        for corners in ([0, 3], [1, 2])
    )
    ratio = rule.max_height_ratio
    rows, kinds = (1.0 + ratio) * tall + _ROUNDING_PX, np.full(len(tall), np.log(ratio) + _ROUNDING_PX)
    before = np.column_stack([rule.max_overlap * tall + _ROUNDING_PX, rows, kinds])
    after = np.column_stack([rule.max_gap * (1.0 + ratio) / 2 * tall + _ROUNDING_PX, rows, kinds])
    return points_in_boxes(ends - before, ends + after, starts)


def _around(pieces: Quads) -> NDArray[np.float32]:
    """The smallest rotated rectangle (4, 2) around all corners of `pieces`."""
    corners = cv2.boxPoints(cv2.minAreaRect(pieces.reshape(-1, 2)))
    return np.asarray(clockwise_from_top_left(corners[None])[0], dtype=np.float32)


def are_vertical(pieces: Quads) -> NDArray[np.bool_]:
    """Which pieces (N,) are text that runs up or down the page: tall, and taller than a line of this page is.

    A lone I, l or 1 is tall and narrow too, but not taller than the lines around it.
    """
    tall, wide = heights(pieces), widths(pieces)
    lying = wide >= tall
    usual = float(np.median(tall[lying])) if lying.any() else 0.0
    return np.asarray((tall >= 2.0 * wide) & (tall >= 1.8 * usual), dtype=np.bool_)


def without_nested(lines: Quads) -> Quads:
    """Drop rectangles of which the most, and so the middle, lies inside a bigger one."""
    box = bounds(lines)  # (N, 4)
    area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    bigger, smaller = points_in_boxes(box[:, :2], box[:, 2:], (box[:, :2] + box[:, 2:]) / 2)
    low, high = np.maximum(box[bigger, :2], box[smaller, :2]), np.minimum(box[bigger, 2:], box[smaller, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)  # (P,)
    inside = (shared >= _INSIDE * area[smaller]) & (area[smaller] < area[bigger])
    kept = np.ones(len(lines), dtype=np.bool_)
    kept[smaller[inside]] = False
    return np.ascontiguousarray(lines[kept])


def without_specks(pieces: Quads, small: float = 0.4) -> Quads:
    """Drop pieces of which both sides are shorter than `small` of the usual line height: dirt, not text.

    Small print is low but long, and stays. A page of fewer than five pieces has no usual height.
    """
    if len(pieces) < 5:
        return pieces
    tall, wide = heights(pieces), widths(pieces)
    limit = small * float(np.median(np.minimum(tall, wide)))
    return np.ascontiguousarray(pieces[np.maximum(tall, wide) >= limit])
