"""A confusion network: several readings of one line, laid side by side.

It has a row for every different reading and a column for every place of the line. The name and the idea are those of
Mangu, Brill and Stolcke 2000 (doi:10.1006/csla.2000.0152); how one is made is alignment's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fusion.alignment.similarity import DOUBLES, JOINED, SILENT, distance
from ocr import Span

ABSENT = -1
"""Stands in a column for a row that has no character at the place."""

Entries = tuple[int, ...]
"""A column: for every row the index of its character, or ABSENT."""


Spans = Sequence[Span | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One reading: its characters, how many engines read so, and from each of those that know places, the spans of the
    characters in crop pixels, None for a character that it cannot place.
    """

    texts: tuple[str, ...]
    count: int = 1
    spans: tuple[Spans, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"row {''.join(self.texts)!r} was read by {self.count} engines; want at least one")
        if any(len(spans) != len(self.texts) for spans in self.spans):
            raise ValueError(f"row {''.join(self.texts)!r}: want one span, or None, for each character")

    def text(self, index: int) -> str:
        return SILENT if index == ABSENT else self.texts[index]

    def centre(self, index: int) -> float:
        """The mean centre of a character in pixels, NaN where nobody knows it."""
        if len(self.spans) == 1:  # most rows are one engine's
            only = self.spans[0][index]
            return math.nan if only is None else (only.start + only.end) / 2
        known = [(span.start + span.end) / 2 for spans in self.spans if (span := spans[index]) is not None]
        return sum(known) / len(known) if known else math.nan

    def pitch(self) -> float:
        """The usual distance between the centres of neighbours in pixels, NaN where places are not known."""
        indices = range(len(self.texts))
        first, last = next(filter(self._known, indices), 0), next(filter(self._known, reversed(indices)), 0)
        return (self.centre(last) - self.centre(first)) / (last - first) if first < last else math.nan

    def _known(self, index: int) -> bool:
        return any(spans[index] is not None for spans in self.spans)


@dataclass(frozen=True)
class Network:
    """`columns[place][row]` is an index into `rows[row].texts`, or ABSENT. `linked` are the places to be decided
    together with the one before, because one row reads two characters where another reads one ("rn", "m").
    """

    rows: tuple[Row, ...]
    columns: tuple[Entries, ...]
    linked: frozenset[int] = frozenset()

    @cached_property
    def said(self) -> tuple[tuple[str, ...], ...]:
        """What each row says at each place, SILENT where it says nothing: `said[place][row]`."""
        entries = list(zip(*self.columns, strict=True)) or [()] * len(self.rows)
        # ABSENT is -1, and the last of these texts is SILENT.
        by_row = [map((*row.texts, SILENT).__getitem__, own) for row, own in zip(self.rows, entries, strict=True)]
        return tuple(zip(*by_row, strict=True))

    @cached_property
    def groups(self) -> tuple[range, ...]:
        """The places from left to right, those that are decided together in one range."""
        starts = [place for place in range(len(self.columns) + 1) if place not in self.linked]
        return tuple(map(range, starts, starts[1:]))

    @cached_property
    def agreed(self) -> list[int]:
        """The places at which all rows say the same."""
        return [place for place, texts in enumerate(self.said) if texts.count(texts[0]) == len(texts)]

    def next_entry(self, place: int, row: int) -> int:
        """The index of the first character that a row says at a place or after it."""
        for later in range(place, len(self.columns)):
            if self.columns[later][row] != ABSENT:
                return self.columns[later][row]
        return len(self.rows[row].texts)

    @property
    def cost(self) -> int:
        """Sum over all pairs of engines of what their two readings cost as they lie; centres add nothing here."""
        return sum(
            self.rows[one].count
            * self.rows[other].count
            * _pair_cost([(column[one], column[other]) for column in self.said])
            for other in range(len(self.rows))
            for one in range(other)
        )


def linked_places(columns: Sequence[Entries], rows: Sequence[Row]) -> frozenset[int]:
    """Places whose column, with the one before, holds a pair in one row and its single character in another."""
    gaps = [place for place, column in enumerate(columns) if ABSENT in column]
    beside = {*gaps, *[place + 1 for place in gaps]}
    return frozenset(
        [
            place
            for place in beside
            if 0 < place < len(columns)
            and _pair_meets_single(_texts(columns[place - 1], rows), _texts(columns[place], rows))
        ]
    )


def _texts(column: Entries, rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple([row.text(index) for row, index in zip(rows, column, strict=True)])


@lru_cache(maxsize=16384)
def _pair_meets_single(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    said = set(zip(left, right, strict=True))
    pairs = [both for both in said if SILENT not in both]
    singles = [both for both in said if (both[0] == SILENT) != (both[1] == SILENT)]
    return any(_is_join((pair[0], single[0]), (pair[1], single[1])) for pair in pairs for single in singles)


def _is_join(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether, in two neighbouring places of two rows, one row reads a pair and the other its single character."""
    if (SILENT in first) == (SILENT in second):
        return False
    whole, gapped = (second, first) if SILENT in first else (first, second)
    row = 0 if gapped[0] != SILENT else 1  # the row that reads the pair
    return whole[1 - row] in DOUBLES.get(first[row] + second[row], "")


def _pair_cost(said: Sequence[tuple[str, str]]) -> int:
    """What two rows cost as they lie; a pair that meets its single character costs JOINED."""
    said = [both for both in said if both != (SILENT, SILENT)]
    cost = place = 0
    while place < len(said):
        joined = place + 1 < len(said) and _is_join(said[place], said[place + 1])
        cost += JOINED if joined else distance(*said[place])
        place += 2 if joined else 1
    return cost
