"""Readings of one line, laid side by side: a confusion network.

A network has a row for every different reading and a column for every place. A column holds, for each row, the index of
the row's character at that place, or ABSENT. The network is the one with the smallest sum of pairwise distances
(`similarity.distance`) that we can find: rows join one after the other, nearest to the middle first, each by an exact
alignment against the columns so far; then every place in dispute is taken apart and put together again until no
row can be laid better (progressive alignment with iterative refinement; Mangu, Brill and Stolcke 2000,
doi:10.1006/csla.2000.0152, name the result).

Where readings know the horizontal centre of their characters, in crop pixels, holding characters together that
lie apart costs extra; it decides where a gap goes in "llll" against "lll".

The network depends on the set of readings only: not on their order, not on who read them, not on weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from statistics import median

from rapidfuzz.distance import Levenshtein

from fusion.similarity import DOUBLES, GAP, JOINED, SILENT, distance, joined_distance

ABSENT = -1

APART = 25
"""Extra cost of holding characters together whose centres lie further apart than `_TOLERANCE` character widths."""

_TOLERANCE = 0.75
_ANCHOR = 4  # characters that all rows share; the longest run that chance makes in unlike text is shorter
_MARGIN = 2  # columns around a gap that refinement may move
_ROUNDS = 4  # of refinement; real lines settle in one or two
_UNREACHABLE = 1 << 60

Column = tuple[int, ...]
Step = tuple[int, int]  # (column, character); ABSENT for a new column, or for a column in which the row is silent


@dataclass(frozen=True, slots=True)
class Row:
    """One reading: its characters, how many engines read so, and the centres of its characters in crop pixels, NaN
    where unknown; no centres at all when none is known.
    """

    texts: tuple[str, ...]
    count: int = 1
    centres: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"row {''.join(self.texts)!r} was read by {self.count} engines; want at least one")
        if self.centres and len(self.centres) != len(self.texts):
            raise ValueError(f"row {''.join(self.texts)!r}: {len(self.centres)} centres, {len(self.texts)} characters")

    def part(self, start: int, end: int) -> Row:
        return Row(self.texts[start:end], self.count, self.centres[start:end])

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
    columns: tuple[Column, ...]
    linked: frozenset[int] = frozenset()

    def texts(self, place: int) -> tuple[str, ...]:
        """What each row says at a place, SILENT where it says nothing."""
        return tuple(row.text(index) for row, index in zip(self.rows, self.columns[place], strict=True))

    def groups(self) -> Iterator[range]:
        """The places from left to right, those that are decided together in one range."""
        start = 0
        for place in range(1, len(self.columns) + 1):
            if place not in self.linked:
                yield range(start, place)
                start = place

    @property
    def cost(self) -> int:
        """Sum over all pairs of engines of what their two readings cost as they lie, without what centres add."""
        costs = (row.count * _row_cost(self.columns, self.rows, index, math.inf) for index, row in enumerate(self.rows))
        return sum(costs) // 2  # every pair was met from both sides


def align(rows: Sequence[Row]) -> Network:
    """The network of different readings; its rows are those given, in the order of their texts."""
    ordered = tuple(sorted(rows, key=lambda row: row.texts))
    if any(one.texts == other.texts for one, other in pairwise(ordered)):
        raise ValueError("two rows with the same text; count them in one row")
    tolerance_px = _tolerance_px(ordered)
    columns: list[Column] = []
    reached = (0,) * len(ordered)
    for starts, length in _anchors(ordered, tolerance_px):
        columns += _stretch(ordered, reached, starts, tolerance_px)
        columns += [tuple(start + offset for start in starts) for offset in range(length)]
        reached = tuple(start + length for start in starts)
    columns += _stretch(ordered, reached, tuple(len(row.texts) for row in ordered), tolerance_px)
    return Network(ordered, tuple(columns), _linked(columns, ordered))


def _tolerance_px(rows: Sequence[Row]) -> float:
    """How far apart the centres of the same character may lie: part of the usual distance between neighbours."""
    known = [[centre for centre in row.centres if not math.isnan(centre)] for row in rows]
    steps = [(centres[-1] - centres[0]) / (len(centres) - 1) for centres in known if len(centres) > 1]
    return _TOLERANCE * median(steps) if steps else math.inf


# --- where all rows agree ---


def _anchors(rows: Sequence[Row], tolerance_px: float) -> list[tuple[tuple[int, ...], int]]:
    """Runs in which all rows say the same, as (start in each row, length), from left to right.

    Runs at the two ends of the line are always right to take (see `_common`). A run in between is taken when it is
    long enough that no cheaper way around it is to be expected.
    """
    if not rows:
        return []
    middle = _from_the_middle(rows)[0]
    # (start in each row so far, start in the middle row, length)
    runs: list[tuple[tuple[int, ...], int, int]] = [((), 0, len(rows[middle].texts))]
    for row in rows:
        blocks = Levenshtein.editops(rows[middle].texts, row.texts).as_matching_blocks()
        runs = [
            (
                (*(start + max(at, block.a) - at for start in starts), max(at, block.a) + block.b - block.a),
                max(at, block.a),
                size,
            )
            for starts, at, length in runs
            for block in blocks
            if (size := min(at + length, block.a + block.size) - max(at, block.a)) > 0
        ]
    return [(starts, length) for starts, _, length in runs if _is_anchor(rows, starts, length, tolerance_px)]


def _is_anchor(rows: Sequence[Row], starts: tuple[int, ...], length: int, tolerance_px: float) -> bool:
    at_the_end = not any(starts) or all(
        start + length == len(row.texts) for row, start in zip(rows, starts, strict=True)
    )
    if length < _ANCHOR and not at_the_end:
        return False
    for offset in (0, length - 1):
        centres = [row.centre(start + offset) for row, start in zip(rows, starts, strict=True)]
        known = [centre for centre in centres if not math.isnan(centre)]
        if known and max(known) - min(known) > tolerance_px:
            return False
    return True


def _from_the_middle(rows: Sequence[Row]) -> list[int]:
    """Indices of the rows: first the one nearest to all others, then the rest by their distance to it."""
    if len(rows) < 3:
        return list(range(len(rows)))
    edits = [[Levenshtein.distance(one.texts, other.texts) for other in rows] for one in rows]
    total = [sum(edit * row.count for edit, row in zip(line, rows, strict=True)) for line in edits]
    middle = min(range(len(rows)), key=lambda index: (total[index], index))
    return sorted(range(len(rows)), key=lambda index: (index != middle, edits[middle][index], index))


# --- a stretch on which they differ ---


def _stretch(rows: Sequence[Row], starts: Column, ends: Column, tolerance_px: float) -> list[Column]:
    """The columns of what every row says between its start and its end."""
    if starts == ends:
        return []
    spans = list(zip(starts, ends, strict=True))
    if all(end - start == 1 for start, end in spans):
        return [starts]
    if len(rows) == 1:
        return [(index,) for index in range(starts[0], ends[0])]
    sayings: dict[tuple[str, ...], list[int]] = {}
    for index, (start, end) in enumerate(spans):
        sayings.setdefault(rows[index].texts[start:end], []).append(index)
    parts = tuple(
        _part(texts, [rows[index] for index in said], [starts[index] for index in said])
        for texts, said in sorted(sayings.items())
    )
    row_of = {index: part for part, (_, said) in enumerate(sorted(sayings.items())) for index in said}
    laid = _laid_out(parts, tolerance_px if any(part.centres for part in parts) else math.inf)
    return [
        tuple(
            ABSENT if (entry := column[row_of[index]]) == ABSENT else entry + start
            for index, start in enumerate(starts)
        )
        for column in laid
    ]


def _part(texts: tuple[str, ...], rows: Sequence[Row], starts: Sequence[int]) -> Row:
    """What several rows say in a stretch, all the same, as one row."""
    count = sum(row.count for row in rows)
    if not any(row.centres for row in rows):
        return Row(texts, count)
    centres = (
        _mean_centre([(row.centre(start + offset), row.count) for row, start in zip(rows, starts, strict=True)])
        for offset in range(len(texts))
    )
    return Row(texts, count, tuple(centres))


def _mean_centre(places: Iterable[tuple[float, int]]) -> float:
    """Mean of (centre, count) in pixels over those that are known, NaN where none is."""
    known = [(centre * count, count) for centre, count in places if not math.isnan(centre)]
    return math.fsum(centre for centre, _ in known) / sum(count for _, count in known) if known else math.nan


@lru_cache(maxsize=8192)
def _laid_out(rows: tuple[Row, ...], tolerance_px: float) -> tuple[Column, ...]:
    """Different readings of a stretch laid out: one after the other, then refined."""
    first, *others = _from_the_middle(rows)
    columns: list[Column] = [(index,) for index in range(len(rows[first].texts))]
    placed = [first]
    for index in others:
        steps = _lay(columns, [rows[other] for other in placed], rows[index], tolerance_px)
        columns = _merged(columns, steps, len(placed))
        placed.append(index)
    columns = [tuple(index for _, index in sorted(zip(placed, column, strict=True))) for column in columns]
    return tuple(_refined(columns, rows, tolerance_px) if len(rows) > 2 else columns)


# --- one row against the columns so far ---


class _Costs(dict[str, int]):
    """What it costs to put a character into a column, for any character; filled as it is asked for."""

    def __init__(self, texts: Sequence[str], counts: Sequence[int]) -> None:
        super().__init__()
        self._said = tuple(zip(texts, counts, strict=True))

    def __missing__(self, character: str) -> int:
        cost = sum(count * distance(text, character) for text, count in self._said)
        self[character] = cost
        return cost


@lru_cache(maxsize=16384)
def _costs(texts: tuple[str, ...], counts: tuple[int, ...]) -> _Costs:
    return _Costs(texts, counts)


@dataclass(frozen=True, slots=True)
class _Board:
    """The part of an alignment problem that is left after the common ends were cut off. `joins[column, character]` is
    the cost of closing two columns with one character (width 2) or one column with two characters (width 1).
    """

    costs: list[_Costs]
    characters: tuple[str, ...]
    insertion: int
    column_centres: list[float]
    centres: tuple[float, ...]
    tolerance_px: float
    penalty: int
    joins: dict[tuple[int, int], tuple[int, int]]

    def substitutions(self, column: int, start: int, end: int) -> list[int]:
        """What characters start..end cost in a column."""
        costs = self.costs[column]
        found = [costs[character] for character in self.characters[start:end]]
        if not self.centres:
            return found
        centre, tolerance_px, penalty = self.column_centres[column], self.tolerance_px, self.penalty
        # NaN compares false: an unknown place costs nothing.
        return [
            cost + penalty if abs(own - centre) > tolerance_px else cost
            for cost, own in zip(found, self.centres[start:end], strict=True)
        ]


def _lay(columns: Sequence[Column], rows: Sequence[Row], row: Row, tolerance_px: float) -> list[Step]:
    """The cheapest way to lay a row into columns: one step per column and inserted character, from left to right.

    Exact, but for long runs that the row shares with the first of `rows`: those it keeps.
    """
    steps: list[Step] = []
    column = character = 0
    for start, own_start, length in [
        *_shared_runs(columns, rows[0], row, tolerance_px),
        (len(columns), len(row.texts), 0),
    ]:
        steps += (
            (ABSENT if place == ABSENT else place + column, ABSENT if index == ABSENT else index + character)
            for place, index in _lay_exactly(columns[column:start], rows, row.part(character, own_start), tolerance_px)
        )
        steps += ((start + offset, own_start + offset) for offset in range(length))
        column, character = start + length, own_start + length
    return steps


def _shared_runs(columns: Sequence[Column], guide: Row, row: Row, tolerance_px: float) -> list[tuple[int, int, int]]:
    """Long runs of neighbouring columns in which the guide says what the row says: (column, character, length)."""
    if min(len(columns), len(row.texts)) < 2 * _ANCHOR:
        return []
    places = [place for place, column in enumerate(columns) if column[0] != ABSENT]
    said = [guide.texts[columns[place][0]] for place in places]
    blocks = Levenshtein.editops(said, row.texts).as_matching_blocks()
    return [
        (places[block.a], block.b, block.size)
        for block in blocks
        if block.size >= _ANCHOR
        and places[block.a + block.size - 1] - places[block.a] == block.size - 1
        and not any(
            abs(guide.centre(columns[places[block.a + offset]][0]) - row.centre(block.b + offset)) > tolerance_px
            for offset in (0, block.size - 1)
        )
    ]


def _lay_exactly(columns: Sequence[Column], rows: Sequence[Row], row: Row, tolerance_px: float) -> list[Step]:
    """The cheapest way to lay a row into columns, of all ways."""
    if not columns:
        return [(ABSENT, index) for index in range(len(row.texts))]
    if not row.texts:
        return [(place, ABSENT) for place in range(len(columns))]
    texts = [tuple(other.text(index) for other, index in zip(rows, column, strict=True)) for column in columns]
    centres = [_centre(column, rows) for column in columns] if row.centres else []
    head = _common(texts, row, centres, tolerance_px, 0)
    tail = _common(texts, row, centres, tolerance_px, head, backwards=True)
    last_column, last_character = len(columns) - tail, len(row.texts) - tail
    counts = tuple(other.count for other in rows)
    characters = row.texts[head:last_character]
    board = _Board(
        [_costs(column, counts) for column in texts[head:last_column]],
        characters,
        GAP * sum(counts),
        centres[head:last_column],
        row.centres[head:last_character],
        tolerance_px,
        APART * sum(counts),
        _joins(texts[head:last_column], counts, characters),
    )
    return [
        *((index, index) for index in range(head)),
        *(
            (ABSENT if place == ABSENT else place + head, ABSENT if index == ABSENT else index + head)
            for place, index in _shortest(board)
        ),
        *((last_column + offset, last_character + offset) for offset in range(tail)),
    ]


def _common(
    texts: Sequence[tuple[str, ...]],
    row: Row,
    centres: Sequence[float],
    tolerance_px: float,
    taken: int,
    *,
    backwards: bool = False,
) -> int:
    """How many columns at one end say what the row says, all of them, at no cost.

    Taking these together is never worse than any other way: closing a column with its own character costs nothing, and
    whatever the column or the character was joined to before becomes a gap that is no dearer than the gap it replaces.
    """
    most = min(len(texts), len(row.texts)) - taken
    for offset in range(most):
        column, index = (len(texts) - 1 - offset, len(row.texts) - 1 - offset) if backwards else (offset, offset)
        character = row.texts[index]
        if any(text != character for text in texts[column]):
            return offset
        if centres and abs(centres[column] - row.centres[index]) > tolerance_px:
            return offset
    return most


def _centre(column: Column, rows: Sequence[Row]) -> float:
    """Mean centre of a column's characters in pixels, NaN where nobody knows."""
    return _mean_centre((row.centre(index), row.count) for row, index in zip(rows, column, strict=True))


def _joins(
    texts: Sequence[tuple[str, ...]], counts: tuple[int, ...], characters: tuple[str, ...]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Cells (column, character) at which a pair may be read as one, with (width in columns, cost)."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    pairs = [(index, DOUBLES[both]) for index, both in enumerate(_neighbours(characters), 1) if both in DOUBLES]
    for index, singles in pairs:
        first, second = characters[index - 1], characters[index]
        for column, said in enumerate(texts):
            if any(text and text in singles for text in said):
                cost = sum(
                    count * joined_distance(first, second, text) for text, count in zip(said, counts, strict=True)
                )
                found[column, index] = (1, cost)
    for column, (left, right) in enumerate(pairwise(texts), 1):
        singles = "".join(DOUBLES.get(one + other, "") for one, other in zip(left, right, strict=True) if one and other)
        for index, character in enumerate(characters) if singles else ():
            if character in singles:
                cost = sum(
                    count * joined_distance(one, other, character)
                    for one, other, count in zip(left, right, counts, strict=True)
                )
                found[column, index] = (2, cost)
    return found


def _neighbours(characters: Sequence[str]) -> Iterator[str]:
    return (one + other for one, other in pairwise(characters))


def _shortest(board: _Board) -> list[Step]:
    """The cheapest path through the board.

    Only cells near the diagonal are looked at. A path that leaves the band needs at least so many more insertions and
    removals; when even that is dearer than the path found inside, the path is the cheapest of all, else the band is
    doubled (Ukkonen 1985, doi:10.1016/S0019-9958(85)80046-2).
    """
    height, width = len(board.costs), len(board.characters)
    longer = width - height
    removals = sorted(costs[SILENT] for costs in board.costs)
    reach = 1
    while True:
        low, high = min(0, longer) - reach, max(0, longer) + reach
        table = _banded(board, low, high)
        outside = reach + 1
        dearest = (max(0, longer) + outside) * board.insertion + sum(removals[: max(0, -longer) + outside])
        if table[-1][-1] <= dearest or reach >= max(height, width):
            return _walked(board, table)
        reach *= 2


def _banded(board: _Board, low: int, high: int) -> list[list[int]]:
    """Cheapest cost of reaching each (column, character) with low <= character - column <= high; others unreachable."""
    width, insertion, joins = len(board.characters), board.insertion, board.joins
    above = [index * insertion if index <= high else _UNREACHABLE for index in range(width + 1)]
    table = [above]
    for column in range(1, len(board.costs) + 1):
        first, last = max(1, column + low), min(width, column + high)
        row = [_UNREACHABLE] * (width + 1)
        removal = board.costs[column - 1][SILENT]
        if column + low <= 0:
            row[0] = above[0] + removal
        left = row[first - 1]
        for index, cost in enumerate(board.substitutions(column - 1, first - 1, last), first):
            best = above[index - 1] + cost
            if (removed := above[index] + removal) < best:
                best = removed
            if (left := left + insertion) < best:
                best = left
            if joins and (column - 1, index - 1) in joins:
                best = min(best, _joined(table, joins, column, index))
            row[index] = left = best
        table.append(row)
        above = row
    return table


def _joined(table: list[list[int]], joins: dict[tuple[int, int], tuple[int, int]], column: int, index: int) -> int:
    """Cost of reaching a cell by closing a pair with a single character."""
    width, cost = joins[column - 1, index - 1]
    if column < width or index < 3 - width:
        return _UNREACHABLE
    return table[column - width][index - (3 - width)] + cost


def _walked(board: _Board, table: list[list[int]]) -> list[Step]:
    """The steps of the cheapest path, found again from its end."""
    steps: list[Step] = []
    column, index = len(board.costs), len(board.characters)
    while column or index:
        here = table[column][index]
        if (
            column
            and index
            and here == table[column - 1][index - 1] + board.substitutions(column - 1, index - 1, index)[0]
        ):
            column, index = column - 1, index - 1
            steps.append((column, index))
        elif column and here == table[column - 1][index] + board.costs[column - 1][SILENT]:
            column -= 1
            steps.append((column, ABSENT))
        elif index and here == table[column][index - 1] + board.insertion:
            index -= 1
            steps.append((ABSENT, index))
        else:
            width, _ = board.joins[column - 1, index - 1]
            steps += (
                [(column - 1, ABSENT), (column - 2, index - 1)]
                if width == 2
                else [(ABSENT, index - 1), (column - 1, index - 2)]
            )
            column, index = column - width, index - (3 - width)
    return steps[::-1]


def _merged(columns: Sequence[Column], steps: Iterable[Step], rows: int) -> list[Column]:
    """The columns with one more row, laid as the steps say."""
    return [(*((ABSENT,) * rows if column == ABSENT else columns[column]), index) for column, index in steps]


# --- refinement ---


def _refined(columns: list[Column], rows: Sequence[Row], tolerance_px: float) -> list[Column]:
    """Lays the columns around every gap again; elsewhere each row has one character for every place and none can
    move.
    """
    result: list[Column] = []
    reached = 0
    for start, end in _around_gaps(columns):
        result += columns[reached:start]
        result += _relaid(columns[start:end], rows, tolerance_px)
        reached = end
    return result + columns[reached:]


def _around_gaps(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Ranges of columns that hold a gap or lie close to one."""
    ranges: list[tuple[int, int]] = []
    for place, column in enumerate(columns):
        if ABSENT in column:
            start, end = max(0, place - _MARGIN), min(len(columns), place + 1 + _MARGIN)
            if ranges and start <= ranges[-1][1]:
                start = ranges.pop()[0]
            ranges.append((start, end))
    return ranges


def _relaid(columns: list[Column], rows: Sequence[Row], tolerance_px: float) -> list[Column]:
    """Takes one row after the other out of the columns and lays it in again, as long as that makes them cheaper."""
    for _ in range(_ROUNDS):
        before = columns
        for index in range(len(rows)):
            columns = _row_relaid(columns, rows, index, tolerance_px)
        if columns == before:
            break
    return columns


def _row_relaid(columns: list[Column], rows: Sequence[Row], index: int, tolerance_px: float) -> list[Column]:
    others = [row for other, row in enumerate(rows) if other != index]
    own = [column[index] for column in columns if column[index] != ABSENT]
    rest = [(*column[:index], *column[index + 1 :]) for column in columns]
    rest = [column for column in rest if any(entry != ABSENT for entry in column)]
    first = own[0] if own else 0
    steps = _lay_exactly(rest, others, rows[index].part(first, first + len(own)), tolerance_px)
    empty = (ABSENT,) * len(others)
    laid = [
        (*column[:index], ABSENT if entry == ABSENT else entry + first, *column[index:])
        for place, entry in steps
        for column in [empty if place == ABSENT else rest[place]]
    ]
    cheaper = _row_cost(laid, rows, index, tolerance_px) < _row_cost(columns, rows, index, tolerance_px)
    return laid if cheaper else columns


def _row_cost(columns: Sequence[Column], rows: Sequence[Row], index: int, tolerance_px: float) -> int:
    """What one row costs in these columns against all others."""
    return sum(
        row.count * _pair_cost(columns, rows, index, other, tolerance_px)
        for other, row in enumerate(rows)
        if other != index
    )


def _pair_cost(columns: Sequence[Column], rows: Sequence[Row], one: int, other: int, tolerance_px: float) -> int:
    """What two rows cost in these columns; a pair that meets its single character costs JOINED."""
    upper, lower = rows[one], rows[other]
    entries = [(column[one], column[other]) for column in columns if (column[one], column[other]) != (ABSENT, ABSENT)]
    said = [(upper.text(above), lower.text(below)) for above, below in entries]
    cost = APART * sum(abs(upper.centre(above) - lower.centre(below)) > tolerance_px for above, below in entries)
    place = 0
    while place < len(said):
        if place + 1 < len(said) and _is_join(said[place], said[place + 1]):
            cost += JOINED
            place += 2
        else:
            cost += distance(*said[place])
            place += 1
    return cost


# --- pairs read as one ---


def _linked(columns: Sequence[Column], rows: Sequence[Row]) -> frozenset[int]:
    """Places whose column, with the one before, holds a pair in one row and its single character in another."""
    disputed = [ABSENT in column for column in columns]
    return frozenset(
        place
        for place in range(1, len(columns))
        if (disputed[place] or disputed[place - 1]) and _pair_meets_single(columns[place - 1], columns[place], rows)
    )


def _pair_meets_single(left: Column, right: Column, rows: Sequence[Row]) -> bool:
    said = [(row.text(one), row.text(other)) for row, one, other in zip(rows, left, right, strict=True)]
    pairs = [both for both in said if SILENT not in both]
    singles = [both for both in said if (both[0] == SILENT) != (both[1] == SILENT)]
    return any(_is_join((pair[0], single[0]), (pair[1], single[1])) for pair, single in product(pairs, singles))


def _is_join(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether, in two neighbouring places of two rows, one row reads a pair and the other its single character."""
    if (SILENT in first) == (SILENT in second):
        return False
    whole, gapped = (second, first) if SILENT in first else (first, second)
    row = 0 if gapped[0] != SILENT else 1  # the row that reads the pair
    return whole[1 - row] in DOUBLES.get(first[row] + second[row], "")
