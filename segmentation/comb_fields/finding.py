"""Where the comb fields of a page are, by their rules: uprights at one distance that stand on one level rule.

Closed boxes, boxes with a little room between them, and a level rule with ticks are found alike. A table is told from
them by its cells, which are wider or hold more than one character. A field in which nothing is written is none: it has
nothing to read. Lengths are pixels of the reduced upright page unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.comb_fields.rules import Bits, dark_parts, joined, level_rules, upright_rules
from segmentation.detection.neighbours import points_in_boxes
from segmentation.detection.quads import from_boxes
from segmentation.ink import Luma, gray
from segmentation.page_rotation import PageRotation

_PAGE_PIXELS = 1_500_000  # a page of A4 has 125 dots an inch then, and a box of 5 mm is 25 px wide
_LEAST_UPRIGHT_PX, _LEAST_LEVEL_PX = 9, 14
_THICKEST_PX = 7
_LEAST_CELL_PX, _LEAST_HEIGHT_PX = 14, 12
_SLOPE_PX = 8  # from one end of a level rule to the other
_NEAR_PX = 3  # between the foot of an upright and the rule that it stands on
_ROOM_PX = 13  # between two boxes, less than this
_ALIKE = 0.25  # of the usual height of the uprights on a rule, up and down
_MIN_CELLS, _MIN_OPEN_CELLS = 4, 6  # stems of four letters or five may stand on what underlines them
_MOST_UPRIGHTS, _MOST_RULES = 20_000, 500  # on a page; one with more is a pattern, and no form

# In widths of a cell.
_NEAR = 0.1  # between an upright and where it should be
_ROOM = 0.45  # what is narrower is the room between two boxes
_OF_TICKS = 1.25  # the height of a cell whose uprights are ticks

_ROOMS = 0.3  # of the steps from one upright to the next: boxes have room between them
_SEEN = 0.6  # of the uprights that cells have are found: writing hides some
_OF_THE_FIELD = 0.5  # of the uprights on a rule: stems of letters may stand on it too
_MORE_CELLS = 2  # up to the end of the rule, at each end
_MOST_ON_A_RULE = 300

_LOWEST, _HIGHEST = 0.55, 2.2  # of a cell, its height
_RULED = 0.6  # of the length of a field: a level rule runs along its top
_GROUND = 0.93  # of the width of the cells: a level rule, whole and not joined from serifs, runs along their feet
_GLYPH = 0.3  # of the height of a cell: smaller parts of it are marks and dots
_MOST_INK = 0.35  # of the area within the cells: what has more is noise or a picture
_PARTS = 1.4  # that are not smaller, in the mean of the cells that hold something: a pen breaks some characters


@dataclass(frozen=True, slots=True, eq=False)
class CombField:
    """A rectangle (4, 2) on the upright page, the feet of the boxes on its lower side; where each of its cells begins
    and ends along it, in parts of its width; how high the uprights between them are, in parts of its height.
    """

    quad: NDArray[np.float32]
    cells: tuple[tuple[float, float], ...]
    uprights: float = 1.0


Spans = tuple[tuple[float, float], ...]
"""Where each cell begins and ends."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """On the reduced page: where each cell begins and ends, and the rows of all of them."""

    spans: Spans
    top: float
    bottom: float
    thick: float
    uprights: float = 1.0

    @property
    def left(self) -> float:
        return self.spans[0][0]

    @property
    def right(self) -> float:
        return self.spans[-1][1]

    def field(self, scale: float) -> CombField:
        """On the upright page, which is `scale` times as large."""
        box = np.array([[self.left, self.top, self.right, self.bottom]]) * scale
        wide = self.right - self.left
        cells = tuple(((start - self.left) / wide, (end - self.left) / wide) for start, end in self.spans)
        return CombField(from_boxes(box)[0].astype(np.float32), cells, self.uprights)


def find_comb_fields(page: Pixels, rotation: PageRotation) -> list[CombField]:
    """The comb fields of a page that have something in them, in no particular order."""
    width, height = rotation.upright_width_px, rotation.upright_height_px
    scale = min(1.0, math.sqrt(_PAGE_PIXELS / (width * height)))
    luma = _reduced_upright(page, rotation, scale)
    dark = dark_parts(luma, _LEAST_LEVEL_PX)
    whole = level_rules(dark, _LEAST_LEVEL_PX)
    level = joined(whole, _ROOM_PX)
    grounded = [row for row in _rows(dark, level) if _stands_on_a_rule(row, whole)]
    rows = [row for cells in grounded if (row := _with_top(cells, level)) is not None]
    return [row.field(1.0 / scale) for row in _each_once(rows) if _holds_single_characters(row, dark)]


def _reduced_upright(page: Pixels, rotation: PageRotation, scale: float) -> Luma:
    """The brightness of the upright page, `scale` times as large."""
    height, width = page.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    luma = gray(page)
    if scale < 1.0:
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if rotation.degrees == 0.0:
        return luma
    matrix = rotation.matrix.copy()
    matrix[:, 2] *= scale
    matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5  # cv2 counts from pixel centres
    upright = max(1, round(rotation.upright_width_px * scale)), max(1, round(rotation.upright_height_px * scale))
    turned = cv2.warpAffine(luma, matrix, upright, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8)


def _rows(dark: Bits, level: Bits) -> Iterator[_Cells]:
    """Rows of cells, as high as their uprights."""
    feet = _boxes(level)
    long, thin = feet[:, 2] - feet[:, 0] >= _MIN_CELLS * _LEAST_CELL_PX, feet[:, 3] - feet[:, 1]
    feet = feet[long & (thin <= _THICKEST_PX + _SLOPE_PX)]
    if not len(feet):
        return
    uprights = _boxes(upright_rules(dark & ~level, _LEAST_UPRIGHT_PX))
    uprights = uprights[uprights[:, 2] - uprights[:, 0] <= _THICKEST_PX]
    if not _MIN_CELLS <= len(uprights) <= _MOST_UPRIGHTS:
        return
    middles = (uprights[:, 0] + uprights[:, 2]) / 2
    standing = np.column_stack([middles, uprights[:, 3]])
    rule, upright = points_in_boxes(feet[:, :2] - _NEAR_PX, feet[:, 2:] + _NEAR_PX, standing)
    rules, standing_on = np.unique(rule, return_counts=True)
    rules = rules[standing_on >= _MIN_CELLS]
    if len(rules) > _MOST_RULES:
        return
    for index in rules.tolist():
        own = uprights[upright[rule == index]]
        heights = own[:, 3] - own[:, 1]
        usual = _most_usual(heights)
        alike = own[np.abs(heights - usual) <= _ALIKE * usual]
        if len(alike) < _MIN_CELLS:
            continue
        top, bottom = float(np.median(alike[:, 1])), float(np.median(alike[:, 3]))
        thick = float(np.median(alike[:, 2] - alike[:, 0]))
        places = np.sort((alike[:, 0] + alike[:, 2]) / 2)
        if spans := _cells_on(places, float(feet[index, 0]), float(feet[index, 2])):
            yield _Cells(spans, top, bottom, thick)


def _boxes(mask: Bits) -> NDArray[np.float64]:
    """The connected parts (N, 4): left, top, right, bottom."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height = stats[1:, :4].T.astype(np.float64)
    return np.column_stack([left, top, left + width, top + height])


def _most_usual(heights: NDArray[np.float64]) -> float:
    """The height that the most others are near to: the uprights of a field are alike, stems of letters are not."""
    near = np.convolve(np.bincount(heights.astype(np.intp)), np.array([1, 2, 3, 2, 1]), "same")
    return float(near.argmax())


def _cells_on(places: NDArray[np.float64], rule_left: float, rule_right: float) -> Spans:
    """The cells, of one width and at one distance, that most uprights at `places` (N,) are edges of; none where too few
    are, or too many are not.
    """
    if not _MIN_CELLS <= len(places) <= _MOST_ON_A_RULE:
        return ()
    steps = np.diff(places)
    wide = steps[steps > max(_LEAST_CELL_PX, 0.5 * np.percentile(steps, 90))]
    small = steps[(steps > _NEAR_PX) & (steps < _ROOM * wide.min(initial=np.inf))]
    room = float(np.median(small)) if len(small) >= _ROOMS * len(steps) else 0.0
    if not len(wide):
        return ()
    widths = np.unique(np.percentile(wide, (25, 50, 75)).round()).tolist()
    return max(_cells_as_wide(places, width, room, (rule_left, rule_right)) for width in widths)[1]


def _cells_as_wide(
    places: NDArray[np.float64], cell: float, room: float, rule: tuple[float, float]
) -> tuple[float, Spans]:
    """The cells about as wide as `cell`, and before them the part of the uprights, found or expected, that are both."""
    first, period, number, fits = _lattice(places, cell, room)
    if fits.sum() < _OF_THE_FIELD * len(places):
        return 0.0, ()
    low, high = int(number[fits].min()), int(number[fits].max()) + (1 if room else 0)  # cells low <= k < high
    low -= _more((first + low * period - rule[0]) / period)
    high += _more((rule[1] - (first + high * period - room)) / period)
    edges = (2 if room else 1) * (high - low) + (0 if room else 1)
    if high - low < _MIN_CELLS or fits.sum() < _SEEN * edges:
        return 0.0, ()
    both = float(fits.sum() / (edges + len(places) - fits.sum()))
    return both, tuple((first + k * period, first + (k + 1) * period - room) for k in range(low, high))


def _lattice(
    places: NDArray[np.float64], cell: float, room: float
) -> tuple[float, float, NDArray[np.float64], NDArray[np.bool_]]:
    """Where the first cell begins and how far it is to the next; for each place the number of the cell of which it is
    an edge, and whether it is one.
    """
    period, near = cell + room, max(2.0, _NEAR * cell)
    offsets = places - places[:, np.newaxis]
    residuals = np.minimum(_residual(offsets, period), _residual(offsets - cell, period))
    first = float(places[(residuals <= near).sum(axis=1).argmax()])
    for _ in range(4):
        begins, ends = (places - first) / period, (places - first - cell) / period
        ending = (np.abs(ends - ends.round()) < np.abs(begins - begins.round())) & (room > 0.0)
        number = np.where(ending, ends, begins).round()
        edges = places - np.where(ending, cell, 0.0)
        fits = np.abs(edges - first - number * period) <= near
        if len(np.unique(number[fits])) > 1:
            period, first = (float(value) for value in np.polyfit(number[fits], edges[fits], 1))
    return first, period, number, fits


def _residual(offsets: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    return np.asarray(np.abs(offsets - (offsets / period).round() * period), dtype=np.float64)


def _more(cells: float) -> int:
    """How many cells there are up to the end of a rule: none unless it ends where a cell does."""
    whole = round(cells)
    return whole if 1 <= whole <= _MORE_CELLS and abs(cells - whole) <= _NEAR else 0


def _each_once(rows: Sequence[_Cells]) -> list[_Cells]:
    """Without those whose middle lies in an earlier one: a level rule may be two thin ones."""
    if not rows:
        return []
    low = np.array([(row.left, row.top) for row in rows])
    high = np.array([(row.right, row.bottom) for row in rows])
    outer, inner = points_in_boxes(low, high, (low + high) / 2)
    again = set(inner[outer < inner].tolist())
    return [row for index, row in enumerate(rows) if index not in again]


def _stands_on_a_rule(row: _Cells, whole: Bits) -> bool:
    """Whether each cell has a level rule along its feet; letters have serifs that are near to each other at most."""
    rows = whole[max(0, int(row.bottom) - _NEAR_PX) : int(row.bottom) + _NEAR_PX + 1]
    feet = rows.max(axis=0, initial=0)
    return all(feet[max(0, round(start)) : round(end)].mean() >= _GROUND for start, end in row.spans)


def _with_top(row: _Cells, level: Bits) -> _Cells | None:
    """The row with the height that characters have in it; None where no cell is of the shape for one."""
    cell = float(np.median([end - start for start, end in row.spans]))
    tall = row.bottom - row.top
    top = max(0, int(row.top) - _NEAR_PX), int(row.top) + _NEAR_PX + 1
    along = level[top[0] : top[1], max(0, int(row.left)) : int(row.right)]
    closed = along.size > 0 and along.any(axis=0).mean() >= _RULED
    if not closed and len(row.spans) < _MIN_OPEN_CELLS:
        return None
    if not closed and tall < _LOWEST * cell:  # ticks
        whole = _OF_TICKS * cell
        return None if whole > row.bottom else replace(row, top=row.bottom - whole, uprights=tall / whole)
    return row if max(_LEAST_HEIGHT_PX, _LOWEST * cell) <= tall <= _HIGHEST * cell else None


def _holds_single_characters(row: _Cells, dark: Bits) -> bool:
    """Whether something is written in the cells, and mostly one character in each."""
    tall = row.bottom - row.top
    rule = max(2, round(0.08 * tall), math.ceil(row.thick / 2) + 1)
    parts, inked, area = [], 0, 0
    for start, end in row.spans:
        inner = dark[int(row.top) + rule : int(row.bottom) - rule + 1, int(start) + rule : int(end) - rule + 1]
        if not inner.size:
            continue
        _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(inner), connectivity=8)
        parts.append(int(np.count_nonzero(stats[1:, 3] >= _GLYPH * tall)))
        inked, area = inked + int(inner.sum()), area + inner.size
    filled = [count for count in parts if count]
    return bool(filled) and sum(filled) <= _PARTS * len(filled) and inked <= _MOST_INK * area
