"""In which order the lines of a page are read, and which of them belong together.

A recursive XY-cut (Nagy and Seth 1984), with one change: a gutter divides columns only if what stands on both sides
looks like prose. A receipt or a table has gutters too, and is read row by row. Lengths are pixels of an upright page;
rectangles are (left, top, right, bottom). This file does not know the pixels or the text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""(N, 4): left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The order of a page: `order` are the indices of its lines as they are read, `blocks` the paragraph or column of
    each of them, in the same order, numbered from 0.
    """

    order: tuple[int, ...]
    blocks: tuple[int, ...]


# In units of the median line height of the page, unless said otherwise.
_MIN_GUTTER = 0.8
_PROSE_WIDTH = 7.0  # lines of a column are at least this long in the median: some fifteen letters
_PROSE_FILL = 0.55  # ... and fill at least this part of their column's width
_MIN_COLUMN_LINES = 3
_PARAGRAPH_GAP = 0.6  # more white than between the lines before, in units of the line height


def reading_order(boxes: Boxes) -> Reading:
    """The reading order of the lines `boxes` (N, 4)."""
    if not len(boxes):
        return Reading((), ())
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    order: list[int] = []
    blocks: list[int] = []
    for block, members in enumerate(_blocks(boxes, np.arange(len(boxes)), height)):
        order.extend(members)
        blocks.extend([block] * len(members))
    return Reading(tuple(order), tuple(blocks))


def _blocks(boxes: Boxes, members: NDArray[np.intp], height: float) -> list[list[int]]:
    """Cut `members` into blocks, each in reading order."""
    found: list[list[int]] = []
    for run in _runs(boxes, members, height):
        gutter = _gutter(boxes[run], height)
        if gutter is None:
            found.extend(_paragraphs(boxes, run, height))
        else:
            left = boxes[run, 2] <= gutter
            found.extend(_blocks(boxes, run[left], height) + _blocks(boxes, run[~left], height))
    return found


def _runs(boxes: Boxes, members: NDArray[np.intp], height: float) -> list[NDArray[np.intp]]:
    """Consecutive bands of the page that share a gutter between columns of prose, and the bands between them."""
    bands = _bands(boxes, members, height)
    runs: list[NDArray[np.intp]] = []
    start = 0
    while start < len(bands):
        stop = _reach(boxes, bands, start, height)
        runs.append(np.concatenate(bands[start:stop]))
        start = stop
    return _merged(boxes, runs, height)


def _reach(boxes: Boxes, bands: list[NDArray[np.intp]], start: int, height: float) -> int:
    """How far a run of bands that starts at `start` goes on with a common gutter (exclusive end)."""
    best = start + 1
    for stop in range(start + 1, len(bands) + 1):
        together = boxes[np.concatenate(bands[start:stop])]
        if not len(_white(together, height)):
            break
        if _gutter(together, height) is not None:
            best = stop
    return best


def _merged(boxes: Boxes, runs: list[NDArray[np.intp]], height: float) -> list[NDArray[np.intp]]:
    """Neighbouring runs that have no gutter are one: their rows are ordered together."""
    merged: list[NDArray[np.intp]] = []
    plain_before = False
    for run in runs:
        plain = _gutter(boxes[run], height) is None
        if plain and plain_before:
            merged[-1] = np.concatenate([merged[-1], run])
        else:
            merged.append(run)
        plain_before = plain
    return merged


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


def _white(boxes: Boxes, height: float) -> NDArray[np.float32]:
    """The gaps (start, end) between the boxes' shadows on the x axis that are wide enough for a gutter, (G, 2)."""
    order = np.argsort(boxes[:, 0], kind="stable")
    starts, ends = boxes[order, 0], np.maximum.accumulate(boxes[order, 2])
    gaps = np.stack([ends[:-1], starts[1:]], axis=1)
    return np.asarray(gaps[gaps[:, 1] - gaps[:, 0] >= _MIN_GUTTER * height], dtype=np.float32)


def _gutter(boxes: Boxes, height: float) -> float | None:
    """The x of the widest gutter between two columns of prose, or None."""
    gaps = sorted(_white(boxes, height).tolist(), key=lambda gap: gap[0] - gap[1])
    for start, _ in gaps:
        left = boxes[:, 2] <= start
        if _is_prose(boxes[left], height) and _is_prose(boxes[~left], height):
            return float(start)
    return None


def _is_prose(boxes: Boxes, height: float) -> bool:
    """Whether these lines look like one column of running text, or several side by side."""
    if len(boxes) < _MIN_COLUMN_LINES:
        return False
    gaps = _white(boxes, height)
    if len(gaps):
        left = boxes[:, 2] <= gaps[0, 0]
        return _is_prose(boxes[left], height) and _is_prose(boxes[~left], height)
    lengths = boxes[:, 2] - boxes[:, 0]
    typical = float(np.median(lengths))
    column = float(boxes[:, 2].max() - boxes[:, 0].min())
    return typical >= _PROSE_WIDTH * height and typical >= _PROSE_FILL * column


def _paragraphs(boxes: Boxes, members: NDArray[np.intp], height: float) -> list[list[int]]:
    """Order one column row by row, and cut it where the white between two rows is larger than before."""
    rows = _rows(boxes, members)
    tops = np.array([boxes[row, 1].min() for row in rows])
    bottoms = np.array([boxes[row, 3].max() for row in rows])
    gaps = tops[1:] - bottoms[:-1]
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    blocks: list[list[int]] = [[]]
    for number, row in enumerate(rows):
        if number and gaps[number - 1] > max(usual, 0.0) + _PARAGRAPH_GAP * height:
            blocks.append([])
        blocks[-1].extend(row)
    return blocks


def _rows(boxes: Boxes, members: NDArray[np.intp]) -> list[list[int]]:
    """Group boxes that stand on one row, from top to bottom, each row from left to right."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rows: list[list[int]] = []
    for index in members[np.argsort(middle[members], kind="stable")]:
        if rows and _on_row(boxes, rows[-1], int(index), middle):
            rows[-1].append(int(index))
        else:
            rows.append([int(index)])
    return [sorted(row, key=lambda index: float(boxes[index, 0])) for row in rows]


def _on_row(boxes: Boxes, row: list[int], index: int, middle: NDArray[np.floating]) -> bool:
    """Whether a box stands on `row`: its middle is within the boxes there and it lies beside each of them."""
    for other in row:
        if not boxes[other, 1] <= middle[index] <= boxes[other, 3]:
            return False
        shared = min(boxes[other, 2], boxes[index, 2]) - max(boxes[other, 0], boxes[index, 0])
        narrower = min(boxes[other, 2] - boxes[other, 0], boxes[index, 2] - boxes[index, 0])
        if shared > 0.5 * narrower:
            return False
    return True
