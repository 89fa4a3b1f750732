"""Lays out what several readings say in a stretch on which they differ.

The readings are laid in one after the other, nearest to the middle first, each in the cheapest way there is; then
around every gap each reading is taken out and laid in again until nothing gets cheaper (progressive alignment with
iterative refinement). Two readings are laid optimally; for more that is NP-hard, and this comes close (docs/fusion.md
says how close). In long stretches, long runs that a reading shares with the middle one are kept as they are.

Readings come sorted and different from each other, so that the result does not depend on an order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from fusion.alignment.confusion_network import ABSENT, Entries
from fusion.alignment.row_alignment import NOWHERE, Column, Laid, Places, cost_as_laid, lay, lay_below
from fusion.alignment.similarity import SILENT

_LONG_RUN = 4  # characters
_MARGIN = 2  # columns around a gap that refinement may move
_ROUNDS = 4  # of refinement at most; most stretches settle in one
_MANY = 120  # characters of all readings together, above which nothing is refined: in noise nothing is to be saved


def from_the_middle(readings: Sequence[Sequence[str]], counts: Sequence[int]) -> list[int]:
    """Indices of readings: first the one nearest to all others, then the rest by their distance to it."""
    if len(readings) < 3:
        return list(range(len(readings)))
    edits = [[0] * len(readings) for _ in readings]
    for one, other in combinations(range(len(readings)), 2):
        edits[one][other] = edits[other][one] = Levenshtein.distance(readings[one], readings[other])
    total = [sum([edit * count for edit, count in zip(line, counts, strict=True)]) for line in edits]
    middle = min(range(len(readings)), key=lambda index: (total[index], index))
    return sorted(range(len(readings)), key=lambda index: (index != middle, edits[middle][index], index))


def spelling(texts: Sequence[str]) -> Sequence[str]:
    """The same characters as one string when each is one code point: rapidfuzz is three times faster with those."""
    joined = "".join(texts)
    return joined if len(joined) == len(texts) else texts


def mean_known(places: Sequence[tuple[float, int]]) -> float:
    """Mean of (centre, count) over the known centres, NaN when there are none."""
    known = [(centre * count, count) for centre, count in places if not math.isnan(centre)]
    if len(known) < 2:
        return known[0][0] / known[0][1] if known else math.nan
    return math.fsum([centre for centre, _ in known]) / sum([count for _, count in known])


@lru_cache(maxsize=16384)
def lay_out(readings: tuple[tuple[str, ...], ...], counts: tuple[int, ...]) -> tuple[Entries, ...]:
    """The columns of different readings whose places do not matter. The same confusions come again and again."""
    return _laid_out(_Readings(readings, counts, (), math.inf))


def lay_out_by_place(
    readings: tuple[tuple[str, ...], ...],
    counts: tuple[int, ...],
    centres: tuple[tuple[float, ...], ...],
    tolerance_px: float,
) -> tuple[Entries, ...]:
    """The columns of different readings whose characters have centres, in pixels, NaN where unknown."""
    return _laid_out(_Readings(readings, counts, centres, tolerance_px))


@dataclass(frozen=True, slots=True)
class _Readings:
    """What is laid out: the characters of each reading, how many engines read so, and the centres, if they matter."""

    texts: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]
    centres: tuple[tuple[float, ...], ...]
    tolerance_px: float

    def said(self, column: Entries, rows: Iterable[int]) -> Column:
        return tuple([SILENT if (entry := column[row]) == ABSENT else self.texts[row][entry] for row in rows])

    def lies(self, row: int, entry: int) -> float:
        """The centre of a character, NaN where it is unknown or does not matter."""
        return self.centres[row][entry] if self.centres and entry != ABSENT else math.nan

    def columns_lie(self, columns: Sequence[Entries], rows: Sequence[int]) -> list[float]:
        """The mean centres of what some rows have in columns."""
        if not self.centres:
            return [math.nan] * len(columns)
        return [self._centre(column, rows) for column in columns]

    def _centre(self, column: Entries, rows: Sequence[int]) -> float:
        return mean_known([(self.centres[row][column[row]], self.counts[row]) for row in rows if column[row] != ABSENT])

    def places(self, columns: Sequence[float], row: Sequence[float]) -> Places | None:
        """Where columns and the characters of a row lie, if it matters."""
        return Places(columns, row, self.tolerance_px) if self.centres else None


def _laid_out(readings: _Readings) -> tuple[Entries, ...]:
    first, *others = from_the_middle([spelling(texts) for texts in readings.texts], readings.counts)
    absent = [ABSENT] * len(readings.texts)
    columns: list[Entries] = [
        (*absent[:first], entry, *absent[first + 1 :]) for entry in range(len(readings.texts[first]))
    ]
    placed = [first]
    for row in others:
        columns = _with_row(columns, readings, row, placed)
        placed.append(row)
    return tuple(_refined(columns, readings) if len(placed) > 2 else columns)


def _with_row(columns: list[Entries], readings: _Readings, row: int, placed: Sequence[int]) -> list[Entries]:
    """The columns with one more row, between the long runs that it shares with the first one placed."""
    result: list[Entries] = []
    column = entry = 0
    ends = (len(columns), len(readings.texts[row]), 0)
    for start, own_start, length in [*_shared_runs(columns, readings, placed[0], row), ends]:
        between = range(entry, own_start)
        gap = columns[column:start]
        result += _insert(gap, readings, row, between, _laid(gap, readings, row, between, placed))
        result += [_set(columns[start + offset], row, own_start + offset) for offset in range(length)]
        column, entry = start + length, own_start + length
    return result


def _shared_runs(
    columns: Sequence[Entries], readings: _Readings, guide: int, row: int
) -> Iterator[tuple[int, int, int]]:
    """Long runs of neighbouring columns in which the guide says what the row says: (column, character, length)."""
    if min(len(columns), len(readings.texts[row])) < 2 * _LONG_RUN:
        return
    places = [place for place, column in enumerate(columns) if column[guide] != ABSENT]
    for block in Levenshtein.editops(
        spelling(readings.texts[guide]), spelling(readings.texts[row])
    ).as_matching_blocks():
        if block.size < _LONG_RUN or places[block.a + block.size - 1] - places[block.a] != block.size - 1:
            continue
        if readings.centres and any(
            abs(readings.centres[guide][block.a + offset] - readings.centres[row][block.b + offset])
            > readings.tolerance_px
            for offset in (0, block.size - 1)
        ):
            continue
        yield places[block.a], block.b, block.size


def _laid(columns: Sequence[Entries], readings: _Readings, row: int, entries: range, others: Sequence[int]) -> Laid:
    """The cheapest way to lay some characters of a row into the columns of others."""
    counts = tuple([readings.counts[other] for other in others])
    texts = readings.texts[row][entries.start : entries.stop]
    places = readings.places(readings.columns_lie(columns, others), [readings.lies(row, entry) for entry in entries])
    return lay([readings.said(column, others) for column in columns], counts, texts, places)


def _insert(columns: Sequence[Entries], readings: _Readings, row: int, entries: range, laid: Laid) -> list[Entries]:
    """The columns with some characters of a row where the steps put them."""
    new = (ABSENT,) * len(readings.texts)
    return [
        _set(
            new if column == NOWHERE else columns[column],
            row,
            ABSENT if character == NOWHERE else entries.start + character,
        )
        for column, character in laid.steps
    ]


def _set(column: Entries, row: int, entry: int) -> Entries:
    return (*column[:row], entry, *column[row + 1 :])


# --- refinement ---


def _refined(columns: list[Entries], readings: _Readings) -> list[Entries]:
    """Lays the columns around every gap again; elsewhere each row has one character for each place and none can
    move.
    """
    result: list[Entries] = []
    reached = 0
    for start, end in _around_gaps(columns):
        result += columns[reached:start]
        result += _settled(columns[start:end], readings)
        reached = end
    return result + columns[reached:]


def _around_gaps(columns: Sequence[Entries]) -> list[tuple[int, int]]:
    """Ranges of columns that hold a gap or lie close to one."""
    ranges: list[tuple[int, int]] = []
    for place, column in enumerate(columns):
        if ABSENT in column:
            start, end = max(0, place - _MARGIN), min(len(columns), place + 1 + _MARGIN)
            if ranges and start <= ranges[-1][1]:
                start, _ = ranges.pop()
            ranges.append((start, end))
    return ranges


def _settled(columns: list[Entries], readings: _Readings) -> list[Entries]:
    """Takes one row after the other out and lays it in again, until nothing gets cheaper."""
    rows = len(readings.texts)
    if len(columns) * rows > _MANY:
        return columns
    as_they_lie = 0  # rows in a row that found no cheaper place
    for turn in range(_ROUNDS * rows):
        cheaper = _relaid(columns, readings, turn % rows)
        as_they_lie = as_they_lie + 1 if cheaper is None else 1  # what was just laid in lies as cheaply as can be
        columns = columns if cheaper is None else cheaper
        if as_they_lie == rows:
            break
    return columns


def _relaid(columns: list[Entries], readings: _Readings, row: int) -> list[Entries] | None:
    """The columns with one row laid in again, if that is cheaper than how it lies."""
    others = [other for other in range(len(readings.texts)) if other != row]
    counts = tuple([readings.counts[other] for other in others])
    own = [column[row] for column in columns]
    said = [readings.said(column, others) for column in columns]
    texts = [SILENT if entry == ABSENT else readings.texts[row][entry] for entry in own]
    centres = readings.columns_lie(columns, others)
    cost = cost_as_laid(said, counts, texts, readings.places(centres, [readings.lies(row, entry) for entry in own]))
    spoken = [index for index, among in enumerate(said) if any(among)]  # the others would have no further columns
    entries = [entry for entry in own if entry != ABSENT]
    places = readings.places([centres[index] for index in spoken], [readings.lies(row, entry) for entry in entries])
    laid = lay_below(cost, [said[index] for index in spoken], counts, [text for text in texts if text], places)
    if laid is None:
        return None
    rest = [_set(columns[index], row, ABSENT) for index in spoken]
    return _insert(rest, readings, row, range(entries[0], entries[-1] + 1) if entries else range(0), laid)
