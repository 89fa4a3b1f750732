"""A confusion network: several readings of one line, laid side by side.

It has a row for every different reading and a column for every place of the line. The name and the idea are those of
Mangu, Brill and Stolcke 2000 (doi:10.1006/csla.2000.0152); how one is made is alignment's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fusion.similarity import DOUBLES, JOINED, SILENT, distance

ABSENT = -1
"""Stands in a column for a row that has no character at the place."""

Entries = tuple[int, ...]
"""A column: for every row the index of its character, or ABSENT."""


@dataclass(frozen=True, slots=True)
class Row:
    """One reading: its characters, how many engines read so, and where known the centres of its characters in crop
    pixels, NaN for those that are not; no centres at all when none is known.
    """

    texts: tuple[str, ...]
    count: int = 1
    centres: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"row {''.join(self.texts)!r} was read by {self.count} engines; want at least one")
        if self.centres and len(self.centres) != len(self.texts):
            raise ValueError(f"row {''.join(self.texts)!r}: {len(self.centres)} centres, {len(self.texts)} characters")

    def text(self, index: int) -> str:
        return SILENT if index == ABSENT else self.texts[index]

    def centre(self, index: int) -> float:
        return self.centres[index] if self.centres and index != ABSENT else math.nan


@dataclass(frozen=True, slots=True)
class Network:
    """`columns[place][row]` is an index into `rows[row].texts`, or ABSENT. `linked` are the places to be decided
    together with the one before, because one row reads two characters where another reads one ("rn", "m").
    """

    rows: tuple[Row, ...]
    columns: tuple[Entries, ...]
    linked: frozenset[int] = frozenset()

    def texts(self, place: int) -> tuple[str, ...]:
        """What each row says at a place, SILENT where it says nothing."""
        return tuple([row.text(index) for row, index in zip(self.rows, self.columns[place], strict=True)])

    def groups(self) -> Iterator[range]:
        """The places from left to right, those that are decided together in one range."""
        start = 0
        for place in range(1, len(self.columns) + 1):
            if place not in self.linked:
                yield range(start, place)
                start = place

    @property
    def agreed(self) -> list[int]:
        """The places at which all rows say the same."""
        said = [
            [SILENT if (entry := column[index]) == ABSENT else row.texts[entry] for column in self.columns]
            for index, row in enumerate(self.rows)
        ]
        return [place for place, texts in enumerate(zip(*said, strict=True)) if texts.count(texts[0]) == len(texts)]

    def next_entry(self, place: int, row: int) -> int:
        """The index of the first character that a row says at a place or after it."""
        for column in self.columns[place:]:
            if column[row] != ABSENT:
                return column[row]
        return len(self.rows[row].texts)

    @property
    def cost(self) -> int:
        """Sum over all pairs of engines of what their two readings cost as they lie; centres add nothing here."""
        columns = [self.texts(place) for place in range(len(self.columns))]
        return sum(
            self.rows[one].count
            * self.rows[other].count
            * _pair_cost([(column[one], column[other]) for column in columns])
            for other in range(len(self.rows))
            for one in range(other)
        )


def linked_places(columns: Sequence[Entries], rows: Sequence[Row]) -> frozenset[int]:
    """Places whose column, with the one before, holds a pair in one row and its single character in another."""
    gaps = [ABSENT in column for column in columns]
    return frozenset(
        place
        for place in range(1, len(columns))
        if (gaps[place] or gaps[place - 1])
        and _pair_meets_single(_texts(columns[place - 1], rows), _texts(columns[place], rows))
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
