"""The cheapest way to lay one more reading into the columns of a network: exact dynamic programming.

A column is what each row says at a place, SILENT ("") where it says nothing; a row stands for `counts[row]` engines.
Laying a character into a column costs its distance to every one of them; leaving a column out or opening a new one
costs gaps. Costs are integers (see similarity), so nothing here depends on the order of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fusion.alignment.similarity import DOUBLES, GAP, SILENT, distance, joined_distance

NOWHERE = -1

APART = 25
"""Extra cost, for every engine in the column, of a character whose centre lies too far from the column's."""

_UNREACHABLE = 1 << 60
_NO_LIMIT = 1 << 61

Column = tuple[str, ...]
Step = tuple[int, int]
"""(column, character): NOWHERE for the column when a new one is opened, for the character when the row is silent."""


class Laid(NamedTuple):
    """One step for every column and every new column, from left to right, and what they cost."""

    steps: list[Step]
    cost: int


class Places(NamedTuple):
    """Centres in crop pixels of the columns and of the row's characters, NaN where unknown, and how far apart they may
    lie without cost.
    """

    columns: Sequence[float]
    row: Sequence[float]
    tolerance_px: float

    def part(self, columns: slice, row: slice) -> Places:
        return Places(self.columns[columns], self.row[row], self.tolerance_px)

    def apart(self, column: int, character: int) -> bool:
        # NaN compares false: an unknown place is never apart.
        return abs(self.columns[column] - self.row[character]) > self.tolerance_px


def lay(columns: Sequence[Column], counts: tuple[int, ...], row: Sequence[str], places: Places | None = None) -> Laid:
    """The cheapest way to lay a row into columns, of all ways."""
    laid = lay_below(_NO_LIMIT, columns, counts, row, places)
    assert laid is not None
    return laid


def lay_below(
    limit: int, columns: Sequence[Column], counts: tuple[int, ...], row: Sequence[str], places: Places | None = None
) -> Laid | None:
    """The same if it costs less than `limit`; None without a look at the steps where it does not."""
    head = _common(columns, row, places, 0)
    tail = _common(columns, row, places, head, backwards=True)
    last_column, last_character = len(columns) - tail, len(row) - tail
    inner = places.part(slice(head, last_column), slice(head, last_character)) if places else None
    laid = _inside(limit, columns[head:last_column], counts, row[head:last_character], inner)
    if laid is None or not (head or tail):
        return laid
    return Laid(
        [
            *[(index, index) for index in range(head)],
            *[
                (column + head if column >= 0 else NOWHERE, own + head if own >= 0 else NOWHERE)
                for column, own in laid.steps
            ],
            *[(last_column + offset, last_character + offset) for offset in range(tail)],
        ],
        laid.cost,
    )


def cost_as_laid(
    columns: Sequence[Column], counts: tuple[int, ...], texts: Sequence[str], places: Places | None
) -> int:
    """What a row costs that says `texts[k]`, or SILENT, in column k; a column in which nobody else speaks is a new one.
    `places.row` has one centre per column here.
    """
    cost = sum([_costs(column, counts)[text] for column, text in zip(columns, texts, strict=True)])
    apart = sum([places.apart(index, index) for index in range(len(columns))]) if places else 0
    return cost + apart * APART * sum(counts)


def _common(
    columns: Sequence[Column], row: Sequence[str], places: Places | None, taken: int, *, backwards: bool = False
) -> int:
    """How many columns at one end say what the row says, all of them, at no cost.

    To take these together is never worse than any other way: a column costs nothing with its own character, and
    whatever either of the two was laid with before becomes a gap, no dearer than the gap that closes.
    """
    most = min(len(columns), len(row)) - taken
    for offset in range(most):
        column, index = (len(columns) - 1 - offset, len(row) - 1 - offset) if backwards else (offset, offset)
        if columns[column].count(row[index]) != len(columns[column]) or (places and places.apart(column, index)):
            return offset
    return most


def _inside(
    limit: int, columns: Sequence[Column], counts: tuple[int, ...], row: Sequence[str], places: Places | None
) -> Laid | None:
    """The cheapest way where neither end is in common; most often little is left, and needs no board."""
    if len(columns) == len(row) == 1:
        laid = _one_in_one(columns[0], counts, row[0], apart=places is not None and places.apart(0, 0))
        return laid if laid.cost < limit else None
    removals = sorted([_costs(column, counts)[SILENT] for column in columns])
    # At least as many gaps as one side is longer: a pair read as one character closes one gap, and costs no less.
    longer = len(row) - len(columns)
    least = longer * GAP * sum(counts) if longer >= 0 else sum(removals[:-longer])
    if least >= limit:
        return None
    if columns and row:
        return _shortest(limit, _Board(columns, counts, row, places), removals)
    return Laid(
        [*[(column, NOWHERE) for column in range(len(columns))], *[(NOWHERE, own) for own in range(len(row))]], least
    )


def _one_in_one(column: Column, counts: tuple[int, ...], character: str, *, apart: bool) -> Laid:
    """One character into the only column, or beside it where that is no dearer."""
    engines = sum(counts)
    costs = _costs(column, counts)
    together, beside = costs[character] + apart * APART * engines, costs[SILENT] + GAP * engines
    return Laid([(0, 0)], together) if together < beside else Laid([(NOWHERE, 0), (0, NOWHERE)], beside)


class _Costs(dict[str, int]):
    """What it costs to lay a character into a column, for any character; filled as it is asked for."""

    def __init__(self, column: Column, counts: tuple[int, ...]) -> None:
        super().__init__()
        self._said = tuple(zip(column, counts, strict=True))

    def __missing__(self, character: str) -> int:
        cost = sum([count * distance(text, character) for text, count in self._said])
        self[character] = cost
        return cost


@lru_cache(maxsize=16384)
def _costs(column: Column, counts: tuple[int, ...]) -> _Costs:
    return _Costs(column, counts)


class _Board:
    """An alignment problem: the costs of every move."""

    __slots__ = ("_places", "costs", "insertion", "joins", "row")

    def __init__(
        self, columns: Sequence[Column], counts: tuple[int, ...], row: Sequence[str], places: Places | None
    ) -> None:
        self.costs = [_costs(column, counts) for column in columns]
        self.row = row
        self.insertion = GAP * sum(counts)
        self.joins = _joins(columns, counts, row)
        self._places = places

    def substitutions(self, column: int, start: int, end: int) -> list[int]:
        """What the characters start..end of the row cost in a column."""
        costs = self.costs[column]
        found = [costs[character] for character in self.row[start:end]]
        if self._places is None:
            return found
        # NaN compares false: an unknown place is never apart. Written out, because it is asked most often of all.
        here, tolerance_px = self._places.columns[column], self._places.tolerance_px
        penalty = APART * self.insertion // GAP
        return [
            cost + penalty if abs(here - own) > tolerance_px else cost
            for cost, own in zip(found, self._places.row[start:end], strict=True)
        ]


def _joins(columns: Sequence[Column], counts: tuple[int, ...], row: Sequence[str]) -> dict[Step, tuple[int, int]]:
    """The cells (column, character) at which a pair of characters may be read as one: how many columns the move closes
    (two with one character of the row, or one with two), and its cost.
    """
    found: dict[Step, tuple[int, int]] = {}
    for index, (first, second) in enumerate(pairwise(row), 1):
        singles = DOUBLES.get(first + second, "")
        for column, said in enumerate(columns) if singles else ():
            if any(text and text in singles for text in said):
                costs = [count * joined_distance(first, second, text) for text, count in zip(said, counts, strict=True)]
                found[column, index] = (1, sum(costs))
    for column, (left, right) in enumerate(pairwise(columns), 1):
        singles = _singles(left, right)
        for index, character in enumerate(row) if singles else ():
            if character in singles:
                pairs = zip(left, right, counts, strict=True)
                costs = [count * joined_distance(first, second, character) for first, second, count in pairs]
                found[column, index] = (2, sum(costs))
    return found


@lru_cache(maxsize=16384)
def _singles(left: Column, right: Column) -> str:
    """The characters that any row's pair in two neighbouring columns may be read as."""
    return "".join(DOUBLES.get(one + other, "") for one, other in zip(left, right, strict=True) if one and other)


def _shortest(limit: int, board: _Board, removals: Sequence[int]) -> Laid | None:
    """The cheapest path through the board, if it costs less than `limit`. `removals` are the costs of leaving a column
    out, the cheapest first.

    Only cells near the diagonal are looked at. A path that leaves this band needs so many more insertions and removals;
    when those alone are dearer than the path found inside, that one is the cheapest of all, else the band is
    doubled (Ukkonen 1985, doi:10.1016/S0019-9958(85)80046-2).
    """
    height, width = len(board.costs), len(board.row)
    longer = width - height
    reach = 1
    while True:
        table = _banded(board, min(0, longer) - reach, max(0, longer) + reach)
        inserted, removed = max(0, longer) + reach + 1, max(0, -longer) + reach + 1
        cost, outside = table[-1][-1], inserted * board.insertion + sum(removals[:removed])
        if cost <= outside or reach >= max(height, width):
            return Laid(_walked(board, table), cost) if cost < limit else None
        if outside >= limit <= cost:
            return None
        reach *= 2


def _banded(board: _Board, low: int, high: int) -> list[list[int]]:
    """The cheapest cost of reaching every (column, character) with low <= character - column <= high; the others are
    unreachable.
    """
    width, insertion, joins = len(board.row), board.insertion, board.joins
    above = [index * insertion if index <= high else _UNREACHABLE for index in range(width + 1)]
    table = [above]
    for column, costs in enumerate(board.costs, 1):
        first, last = max(1, column + low), min(width, column + high)
        row = [_UNREACHABLE] * (width + 1)
        removal = costs[SILENT]
        if column + low <= 0:
            row[0] = above[0] + removal
        left = row[first - 1]
        for index, cost in enumerate(board.substitutions(column - 1, first - 1, last), first):
            best = above[index - 1] + cost
            if (removed := above[index] + removal) < best:
                best = removed
            if (inserted := left + insertion) < best:
                best = inserted
            if joins and (column - 1, index - 1) in joins:
                best = min(best, _joined(table, joins, column, index))
            row[index] = left = best
        table.append(row)
        above = row
    return table


def _joined(table: Sequence[Sequence[int]], joins: dict[Step, tuple[int, int]], column: int, index: int) -> int:
    """What it costs to reach a cell by closing a pair with a single character."""
    columns, cost = joins[column - 1, index - 1]
    return table[column - columns][index - (3 - columns)] + cost


def _walked(board: _Board, table: Sequence[Sequence[int]]) -> list[Step]:
    """The steps of the cheapest path, found again from its end."""
    steps: list[Step] = []
    column, index = len(board.costs), len(board.row)
    while column or index:
        here = table[column][index]
        if column and here == table[column - 1][index] + board.costs[column - 1][SILENT]:
            column -= 1
            steps.append((column, NOWHERE))
        elif index and here == table[column][index - 1] + board.insertion:
            index -= 1
            steps.append((NOWHERE, index))
        elif (column - 1, index - 1) in board.joins and here == _joined(table, board.joins, column, index):
            columns, _ = board.joins[column - 1, index - 1]
            pair = [(column - 1, NOWHERE), (column - 2, index - 1)]
            steps += pair if columns == 2 else [(NOWHERE, index - 1), (column - 1, index - 2)]
            column, index = column - columns, index - (3 - columns)
        else:
            column, index = column - 1, index - 1
            steps.append((column, index))
    return steps[::-1]
