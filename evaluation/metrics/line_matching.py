"""Which found lines of a page say what which true lines say, by where they lie: so that the order of lines does not
count.

A true and a found line belong together when they share half of the smaller one's area. What hangs together so is one
group: a line that was cut in two, two receipt columns that were found as one. Within a group both sides are read by
rows, then from left to right, and compared as one string. True lines without a found one count as missed with all their
characters, found ones without a true one as invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SHARED = 0.5  # of the smaller area

Quad = NDArray[np.float32]
"""(4, 2) corners in page pixels, in order around."""


@dataclass(frozen=True, slots=True)
class LineMatch:
    """Indices of true and of found lines that lie in the same place, each in the order in which they are read."""

    true: tuple[int, ...]
    found: tuple[int, ...]


def match_lines(true: Sequence[Quad], found: Sequence[Quad]) -> list[LineMatch]:
    """Every line of both sides is in one group."""
    parent = list(range(len(true) + len(found)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for one, other in _pairs(true, found):
        parent[root(one)] = root(len(true) + other)
    members: dict[int, list[int]] = {}
    for index in range(len(parent)):
        members.setdefault(root(index), []).append(index)
    return [
        LineMatch(
            _in_order([index for index in own if index < len(true)], true),
            _in_order([index - len(true) for index in own if index >= len(true)], found),
        )
        for own in members.values()
    ]


def _pairs(true: Sequence[Quad], found: Sequence[Quad]) -> Iterator[tuple[int, int]]:
    boxes = np.array([_bounds(quad) for quad in found]).reshape(-1, 4)
    for one, quad in enumerate(true):
        left, top, right, bottom = _bounds(quad)
        near = (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
        for other in np.flatnonzero(near):
            if _shared(quad, found[other]) >= SHARED:
                yield one, int(other)


def _shared(one: Quad, other: Quad) -> float:
    """The shared part of the smaller area."""
    area, _ = cv2.intersectConvexConvex(cv2.convexHull(one), cv2.convexHull(other))
    smaller = min(cv2.contourArea(cv2.convexHull(one)), cv2.contourArea(cv2.convexHull(other)))
    return float(area / smaller) if smaller else 0.0


def _bounds(quad: Quad) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _in_order(indices: Sequence[int], quads: Sequence[Quad]) -> tuple[int, ...]:
    """By rows, then from left to right: a line is in the row of the one before if their middles are less than half a
    height apart.
    """
    places = {index: (_bounds(quads[index]), quads[index].mean(axis=0)) for index in indices}
    rows: list[list[int]] = []
    for index in sorted(indices, key=lambda own: places[own][1][1]):
        (_, top, _, bottom), middle = places[index]
        if rows and middle[1] - places[rows[-1][0]][1][1] < 0.5 * (bottom - top):
            rows[-1].append(index)
        else:
            rows.append([index])
    return tuple(index for row in rows for index in sorted(row, key=lambda own: places[own][0][0]))


def recall(groups: Sequence[LineMatch]) -> float:
    """The part of the true lines that lie where something was found."""
    lines = sum(len(group.true) for group in groups)
    return sum(len(group.true) for group in groups if group.found) / lines if lines else 1.0
