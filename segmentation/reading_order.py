"""In which order the lines of a page are read, and which of them belong together.

A recursive XY-cut (Nagy and Seth 1984), with one change: a gutter divides columns only if what stands on both sides
looks like prose. A receipt or a table has gutters too, and is read row by row. Lengths are pixels of an upright page;
rectangles are (left, top, right, bottom). This file does not know the pixels or the text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ocr.interfaces import Checkpoint, go_on

Boxes = NDArray[np.floating]
"""(N, 4): left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """The order of a page: `order` are the indices of its lines as they are read, `blocks` the paragraph or column of
    each of them, in the same order, numbered from 0. `rows` numbers the rows in which they stand: a title and the
    number at the other end of a leader, the cells of a table, the fields of a form.
    """

    order: tuple[int, ...]
    blocks: tuple[int, ...]
    rows: tuple[int, ...]


# In units of the median line height of the page, unless said otherwise.
_MIN_GUTTER = 0.8
_PROSE_WIDTH = 7.0  # lines of a column are at least this long in the median: some fifteen letters
_PROSE_FILL = 0.55  # ... and fill at least this part of their column's width
_MIN_COLUMN_LINES = 3
_PARAGRAPH_GAP = 0.6  # more white than between the lines before, in units of the line height


def reading_order(boxes: Boxes, checkpoint: Checkpoint = go_on) -> ReadingOrder:
    """The reading order of the lines `boxes` (N, 4). Stops with what `checkpoint` raises."""
    if not len(boxes):
        return ReadingOrder((), (), ())
    boxes = boxes.astype(np.float64)
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    order: list[int] = []
    blocks: list[int] = []
    rows: list[int] = []
    for block, of_block in enumerate(_blocks(boxes, np.arange(len(boxes)), height, checkpoint)):
        for row in of_block:
            rows.extend([rows[-1] + 1 if rows else 0] * len(row))
            order.extend(row)
            blocks.extend([block] * len(row))
    return ReadingOrder(tuple(order), tuple(blocks), tuple(rows))


def _blocks(boxes: Boxes, members: NDArray[np.intp], height: float, checkpoint: Checkpoint) -> list[list[list[int]]]:
    """Cut `members` into blocks of rows, each in reading order."""
    found: list[list[list[int]]] = []
    for run in _runs(boxes, members, height, checkpoint):
        gutter = _gutter(boxes[run], height)
        if gutter is None:
            found.extend(_paragraphs(boxes, run, height))
        else:
            left = boxes[run, 2] <= gutter
            found.extend(_blocks(boxes, run[left], height, checkpoint))
            found.extend(_blocks(boxes, run[~left], height, checkpoint))
    return found


def _runs(boxes: Boxes, members: NDArray[np.intp], height: float, checkpoint: Checkpoint) -> list[NDArray[np.intp]]:
    """Consecutive bands of the page that share a gutter between columns of prose, and the bands between them."""
    bands = _bands(boxes, members, height)
    spans: list[list[list[float]]] = [boxes[band][:, [0, 2]].tolist() for band in bands]
    farthest = _farthest(spans, height)
    runs: list[NDArray[np.intp]] = []
    start = 0
    while start < len(bands):
        checkpoint()
        stop = start + _reach(spans[start : farthest[start]], height)
        runs.append(np.concatenate(bands[start:stop]))
        start = stop
    return _merged(boxes, runs, height)


def _farthest(bands: Sequence[Sequence[Sequence[float]]], height: float) -> list[int]:
    """Up to which band (exclusive) there can be columns of prose that begin with each: at least half of all lines from
    here to there are as long as those of prose. A table of short cells is done with at one glance.
    """
    surplus = [sum(1 if right - left >= _PROSE_WIDTH * height else -1 for left, right in band) for band in bands]
    total = np.concatenate([[0], np.cumsum(surplus)])
    highest_after = np.maximum.accumulate(total[::-1])[::-1]
    last: list[int] = (np.searchsorted(-highest_after, -total[:-1], side="right") - 1).tolist()
    return last


def _reach(bands: Sequence[Sequence[Sequence[float]]], height: float) -> int:
    """How many of the bands, spans (left, right) each, stand in common columns of prose; one if none do."""
    columns = _Columns(height)
    best = 1
    for count, band in enumerate(bands, 1):
        for left, right in band:
            columns.add(left, right)
        if len(columns.lefts) < 2:
            break
        if columns.are_prose:
            best = count
    return best


class _Columns:
    """Columns side by side, from left to right: lines between which no white is as wide as a gutter are in one."""

    def __init__(self, height: float) -> None:
        self._gutter = _MIN_GUTTER * height
        self._long = _PROSE_WIDTH * height
        self.lefts: list[float] = []
        self.rights: list[float] = []
        self._lengths: list[list[float]] = []  # of the lines of each, the shortest first
        self._prose: list[bool] = []

    @classmethod
    def of(cls, boxes: Boxes, height: float) -> _Columns:
        columns = cls(height)
        for left, right in boxes[:, [0, 2]].tolist():
            columns.add(left, right)
        return columns

    def add(self, left: float, right: float) -> None:
        """Put in one line. Columns that it lies between, or bridges, become one."""
        first = bisect_right(self.rights, left - self._gutter)
        stop = bisect_left(self.lefts, right + self._gutter)
        lengths = self._lengths[first] if stop - first == 1 else sorted(chain.from_iterable(self._lengths[first:stop]))
        insort(lengths, right - left)
        left, right = min([left, *self.lefts[first:stop]]), max([right, *self.rights[first:stop]])
        self.lefts[first:stop], self.rights[first:stop] = [left], [right]
        self._lengths[first:stop] = [lengths]
        self._prose[first:stop] = [self._is_prose(lengths, right - left)]

    def _is_prose(self, lengths: Sequence[float], width: float) -> bool:
        """Whether lines of these lengths look like running text in a column of this width."""
        typical = (lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2]) / 2
        return len(lengths) >= _MIN_COLUMN_LINES and typical >= max(self._long, _PROSE_FILL * width)

    @property
    def are_prose(self) -> bool:
        return all(self._prose)

    @property
    def widest_gutter(self) -> float:
        """The x at which the widest white between two columns begins."""
        gaps = [start - end for end, start in zip(self.rights, self.lefts[1:], strict=False)]
        return self.rights[gaps.index(max(gaps))]


def _merged(boxes: Boxes, runs: list[NDArray[np.intp]], height: float) -> list[NDArray[np.intp]]:
    """Neighbouring runs that have no gutter are one: their rows are ordered together."""
    plain = [_gutter(boxes[run], height) is None for run in runs]
    merged: list[list[NDArray[np.intp]]] = []
    for number, run in enumerate(runs):
        if number and plain[number] and plain[number - 1]:
            merged[-1].append(run)
        else:
            merged.append([run])
    return [np.concatenate(group) for group in merged]


def _bands(boxes: Boxes, members: NDArray[np.intp], height: float) -> list[NDArray[np.intp]]:
    """Cut `members` at every horizontal line that no box crosses, from top to bottom.

    Boxes are taken a little flatter than they are: the rectangles of tight rows overlap.
    """
    order = members[np.argsort(boxes[members, 1] + boxes[members, 3], kind="stable")]
    shrink = 0.2 * height
    bands: list[list[int]] = []
    bottom = -np.inf
    for index in order:
        top = boxes[index, 1] + shrink
        if top >= bottom:
            bands.append([])
        bands[-1].append(int(index))
        bottom = max(bottom, float(boxes[index, 3]) - shrink)
    return [np.array(band, dtype=np.intp) for band in bands]


def _gutter(boxes: Boxes, height: float) -> float | None:
    """The x of the widest gutter between columns of prose, or None where there is but one column or no prose."""
    columns = _Columns.of(boxes, height)
    return columns.widest_gutter if len(columns.lefts) > 1 and columns.are_prose else None


def _paragraphs(boxes: Boxes, members: NDArray[np.intp], height: float) -> list[list[list[int]]]:
    """Order one column row by row, and cut it where the white between two rows is larger than before."""
    rows = _rows(boxes, members)
    tops = np.array([boxes[row, 1].min() for row in rows])
    bottoms = np.array([boxes[row, 3].max() for row in rows])
    gaps = tops[1:] - bottoms[:-1]
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    blocks: list[list[list[int]]] = [[]]
    for number, row in enumerate(rows):
        if number and gaps[number - 1] > max(usual, 0.0) + _PARAGRAPH_GAP * height:
            blocks.append([])
        blocks[-1].append(row)
    return blocks


def _rows(boxes: Boxes, members: NDArray[np.intp]) -> list[list[int]]:
    """Group boxes that stand on one row, from top to bottom, each row from left to right."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rows: list[_Row] = []
    for index in members[np.argsort(middle[members], kind="stable")].tolist():
        left, top, right, bottom = boxes[index].tolist()
        if not rows or not rows[-1].has_room(left, right, float(middle[index])):
            rows.append(_Row())
        rows[-1].add(index, left, top, right, bottom)
    return [row.members for row in rows]


class _Row:
    """Boxes that stand on one row, from left to right. Two of them may share half of the narrower one's width."""

    def __init__(self) -> None:
        self.members: list[int] = []
        self._lefts: list[float] = []
        self._rights: list[float] = []
        self._top, self._bottom = -np.inf, np.inf  # of what all of them share

    def has_room(self, left: float, right: float, middle: float) -> bool:
        """Whether a box stands on the row: its middle is within the boxes there and it lies beside each of them.

        It is enough to look at its two neighbours: no three boxes share anything when no two share more than half.
        """
        at = bisect_right(self._lefts, left)
        return self._top <= middle <= self._bottom and not any(
            min(right, self._rights[other]) - max(left, self._lefts[other])
            > 0.5 * min(right - left, self._rights[other] - self._lefts[other])
            for other in range(max(0, at - 1), min(at + 1, len(self._lefts)))
        )

    def add(self, index: int, left: float, top: float, right: float, bottom: float) -> None:
        at = bisect_right(self._lefts, left)
        self.members.insert(at, index)
        self._lefts.insert(at, left)
        self._rights.insert(at, right)
        self._top, self._bottom = max(self._top, top), min(self._bottom, bottom)
