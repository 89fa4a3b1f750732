"""The cheapest alignment of one more transcription with the slots of a network: exact dynamic programming.

A slot is given by the text of each transcription in it, NULL ("") where it has none; transcription k stands for
`counts[k]` engines. A character in a slot costs its distance to every one of them; to leave a slot out, or to open a
new one, costs gaps. Costs are integers (see similarity.py), so nothing here depends on the order of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fusion.alignment.similarity import GAP, MERGED_PAIRS, NULL, distance, merge_distance

UNALIGNED = -1

APART = 25
"""Extra cost, for every engine in the slot, of a character whose centre lies too far from the slot's."""

_UNREACHABLE = 1 << 60
_NO_LIMIT = 1 << 61

SlotTexts = tuple[str, ...]
Step = tuple[int, int]
"""(slot, character): UNALIGNED for the slot when a new one is opened, for the character when the slot is left out."""


class AlignmentPath(NamedTuple):
    """One step for every slot and every new slot, from left to right, and what they cost together."""

    steps: list[Step]
    cost: int


class Positions(NamedTuple):
    """Centres in crop pixels of the slots and of the characters, NaN where unknown, and how far apart they may lie
    without cost.
    """

    slots: Sequence[float]
    characters: Sequence[float]
    tolerance_px: float

    def part(self, slots: slice, characters: slice) -> Positions:
        return Positions(self.slots[slots], self.characters[characters], self.tolerance_px)

    def apart(self, slot: int, character: int) -> bool:
        # NaN compares false: an unknown position is never apart.
        return abs(self.slots[slot] - self.characters[character]) > self.tolerance_px


def align_characters(
    slots: Sequence[SlotTexts], counts: tuple[int, ...], characters: Sequence[str], positions: Positions | None = None
) -> AlignmentPath:
    """The cheapest alignment of characters with slots."""
    path = align_below(_NO_LIMIT, slots, counts, characters, positions)
    assert path is not None
    return path


def align_below(
    limit: int,
    slots: Sequence[SlotTexts],
    counts: tuple[int, ...],
    characters: Sequence[str],
    positions: Positions | None = None,
) -> AlignmentPath | None:
    """The same if it costs less than `limit`; None, without a look at the steps, where it does not."""
    head = _common_end(slots, characters, positions, 0)
    tail = _common_end(slots, characters, positions, head, backwards=True)
    last_slot, last_character = len(slots) - tail, len(characters) - tail
    inner = positions.part(slice(head, last_slot), slice(head, last_character)) if positions else None
    path = _align_inner(limit, slots[head:last_slot], counts, characters[head:last_character], inner)
    if path is None or not (head or tail):
        return path
    return AlignmentPath(
        [
            *[(index, index) for index in range(head)],
            *[
                (slot + head if slot >= 0 else UNALIGNED, character + head if character >= 0 else UNALIGNED)
                for slot, character in path.steps
            ],
            *[(last_slot + offset, last_character + offset) for offset in range(tail)],
        ],
        path.cost,
    )


def aligned_cost(
    slots: Sequence[SlotTexts], counts: tuple[int, ...], texts: Sequence[str], positions: Positions | None
) -> int:
    """What a transcription costs that has `texts[k]`, or NULL, in slot k; a slot in which no other one has a character
    is a new one. `positions.characters` has one centre per slot here.
    """
    cost = sum([_slot_costs(slot, counts)[text] for slot, text in zip(slots, texts, strict=True)])
    apart = sum([positions.apart(index, index) for index in range(len(slots))]) if positions else 0
    return cost + apart * APART * sum(counts)


def _common_end(
    slots: Sequence[SlotTexts],
    characters: Sequence[str],
    positions: Positions | None,
    taken: int,
    *,
    backwards: bool = False,
) -> int:
    """How many slots at one end have the same characters in all transcriptions, at no cost.

    To align these is never worse than any other way: a slot costs nothing with its own character, and whatever either
    of the two was aligned with before becomes a gap, no dearer than the gap that closes.
    """
    most = min(len(slots), len(characters)) - taken
    for offset in range(most):
        slot, index = (len(slots) - 1 - offset, len(characters) - 1 - offset) if backwards else (offset, offset)
        if slots[slot].count(characters[index]) != len(slots[slot]) or (positions and positions.apart(slot, index)):
            return offset
    return most


def _align_inner(
    limit: int,
    slots: Sequence[SlotTexts],
    counts: tuple[int, ...],
    characters: Sequence[str],
    positions: Positions | None,
) -> AlignmentPath | None:
    """The cheapest path where neither end is in common; most often little is left, and needs no table."""
    if len(slots) == len(characters) == 1:
        path = _align_one(slots[0], counts, characters[0], apart=positions is not None and positions.apart(0, 0))
        return path if path.cost < limit else None
    removals = sorted([_slot_costs(slot, counts)[NULL] for slot in slots])
    # At least as many gaps as one side is longer: a pair read as one character closes one gap, and costs no less.
    longer = len(characters) - len(slots)
    least = longer * GAP * sum(counts) if longer >= 0 else sum(removals[:-longer])
    if least >= limit:
        return None
    if slots and characters:
        return _cheapest_path(limit, _Moves(slots, counts, characters, positions), removals)
    return AlignmentPath(
        [*[(slot, UNALIGNED) for slot in range(len(slots))], *[(UNALIGNED, own) for own in range(len(characters))]],
        least,
    )


def _align_one(slot: SlotTexts, counts: tuple[int, ...], character: str, *, apart: bool) -> AlignmentPath:
    """One character in the only slot, or beside it where that is no dearer."""
    engines = sum(counts)
    costs = _slot_costs(slot, counts)
    together, beside = costs[character] + apart * APART * engines, costs[NULL] + GAP * engines
    return (
        AlignmentPath([(0, 0)], together)
        if together < beside
        else AlignmentPath([(UNALIGNED, 0), (0, UNALIGNED)], beside)
    )


class _SlotCosts(dict[str, int]):
    """What any character costs in a slot; filled as it is asked for."""

    def __init__(self, slot: SlotTexts, counts: tuple[int, ...]) -> None:
        super().__init__()
        self._counted = tuple(zip(slot, counts, strict=True))

    def __missing__(self, character: str) -> int:
        cost = sum([count * distance(text, character) for text, count in self._counted])
        self[character] = cost
        return cost


@lru_cache(maxsize=16384)
def _slot_costs(slot: SlotTexts, counts: tuple[int, ...]) -> _SlotCosts:
    return _SlotCosts(slot, counts)


class _Moves:
    """The costs of every move of an alignment."""

    __slots__ = ("_positions", "characters", "costs", "insertion", "merges")

    def __init__(
        self,
        slots: Sequence[SlotTexts],
        counts: tuple[int, ...],
        characters: Sequence[str],
        positions: Positions | None,
    ) -> None:
        self.costs = [_slot_costs(slot, counts) for slot in slots]
        self.characters = characters
        self.insertion = GAP * sum(counts)
        self.merges = _find_merges(slots, counts, characters)
        self._positions = positions

    def substitutions(self, slot: int, start: int, end: int) -> list[int]:
        """What the characters start..end cost in a slot."""
        costs = self.costs[slot]
        found = [costs[character] for character in self.characters[start:end]]
        if self._positions is None:
            return found
        # NaN compares false: an unknown position is never apart. Written out, because it is asked most often of all.
        here, tolerance_px = self._positions.slots[slot], self._positions.tolerance_px
        penalty = APART * self.insertion // GAP
        return [
            cost + penalty if abs(here - own) > tolerance_px else cost
            for cost, own in zip(found, self._positions.characters[start:end], strict=True)
        ]


def _find_merges(
    slots: Sequence[SlotTexts], counts: tuple[int, ...], characters: Sequence[str]
) -> dict[Step, tuple[int, int]]:
    """The cells (slot, character) at which a pair of characters may be read as one: how many slots the move closes
    (two with one character, or one with two), and its cost.
    """
    found: dict[Step, tuple[int, int]] = {}
    for index, (first, second) in enumerate(pairwise(characters), 1):
        singles = MERGED_PAIRS.get(first + second, "")
        for slot, texts in enumerate(slots) if singles else ():
            if any(text and text in singles for text in texts):
                costs = [count * merge_distance(first, second, text) for text, count in zip(texts, counts, strict=True)]
                found[slot, index] = (1, sum(costs))
    for slot, (left, right) in enumerate(pairwise(slots), 1):
        singles = _singles(left, right)
        for index, character in enumerate(characters) if singles else ():
            if character in singles:
                pairs = zip(left, right, counts, strict=True)
                costs = [count * merge_distance(first, second, character) for first, second, count in pairs]
                found[slot, index] = (2, sum(costs))
    return found


@lru_cache(maxsize=16384)
def _singles(left: SlotTexts, right: SlotTexts) -> str:
    """The characters that any transcription's pair in two neighbouring slots may be read as."""
    return "".join(MERGED_PAIRS.get(one + other, "") for one, other in zip(left, right, strict=True) if one and other)


def _cheapest_path(limit: int, moves: _Moves, removals: Sequence[int]) -> AlignmentPath | None:
    """The cheapest path through the table of moves, if it costs less than `limit`. `removals` are the costs of leaving
    a slot out, the cheapest first.

    Only cells near the diagonal are looked at. A path that leaves this band needs so many more insertions and removals;
    when those alone are dearer than the path found inside, that one is the cheapest of all, else the band is
    doubled (Ukkonen 1985, doi:10.1016/S0019-9958(85)80046-2).
    """
    height, width = len(moves.costs), len(moves.characters)
    longer = width - height

    def outside_of(reach: int) -> int:
        inserted, removed = max(0, longer) + reach + 1, max(0, -longer) + reach + 1
        return inserted * moves.insertion + sum(removals[:removed])

    reach = 1
    while True:
        table = _banded_table(moves, min(0, longer) - reach, max(0, longer) + reach)
        cost, outside = table[-1][-1], outside_of(reach)
        if cost <= outside or reach >= max(height, width):
            return AlignmentPath(_backtrace(moves, table), cost) if cost < limit else None
        if outside >= limit <= cost:
            return None
        # No further than it takes to be sure of a path that is no dearer than this one.
        reach = next((wider for wider in range(reach + 1, 2 * reach) if outside_of(wider) > cost), 2 * reach)


def _banded_table(moves: _Moves, low: int, high: int) -> list[list[int]]:
    """The cheapest cost of reaching every (slot, character) with low <= character - slot <= high; the others are
    unreachable.
    """
    width, insertion, merges = len(moves.characters), moves.insertion, moves.merges
    above = [index * insertion if index <= high else _UNREACHABLE for index in range(width + 1)]
    table = [above]
    for slot, costs in enumerate(moves.costs, 1):
        first, last = max(1, slot + low), min(width, slot + high)
        row = [_UNREACHABLE] * (width + 1)
        removal = costs[NULL]
        if slot + low <= 0:
            row[0] = above[0] + removal
        left = row[first - 1]
        for index, cost in enumerate(moves.substitutions(slot - 1, first - 1, last), first):
            best = above[index - 1] + cost
            if (removed := above[index] + removal) < best:
                best = removed
            if (inserted := left + insertion) < best:
                best = inserted
            if merges and (slot - 1, index - 1) in merges:
                best = min(best, _merge_cost(table, merges, slot, index))
            row[index] = left = best
        table.append(row)
        above = row
    return table


def _merge_cost(table: Sequence[Sequence[int]], merges: dict[Step, tuple[int, int]], slot: int, index: int) -> int:
    """What it costs to reach a cell by closing a pair with a single character."""
    slots, cost = merges[slot - 1, index - 1]
    return table[slot - slots][index - (3 - slots)] + cost


def _backtrace(moves: _Moves, table: Sequence[Sequence[int]]) -> list[Step]:
    """The steps of the cheapest path, found again from its end."""
    steps: list[Step] = []
    slot, index = len(moves.costs), len(moves.characters)
    while slot or index:
        here = table[slot][index]
        if slot and here == table[slot - 1][index] + moves.costs[slot - 1][NULL]:
            slot -= 1
            steps.append((slot, UNALIGNED))
        elif index and here == table[slot][index - 1] + moves.insertion:
            index -= 1
            steps.append((UNALIGNED, index))
        elif (slot - 1, index - 1) in moves.merges and here == _merge_cost(table, moves.merges, slot, index):
            slots, _ = moves.merges[slot - 1, index - 1]
            pair = [(slot - 1, UNALIGNED), (slot - 2, index - 1)]
            steps += pair if slots == 2 else [(UNALIGNED, index - 1), (slot - 1, index - 2)]
            slot, index = slot - slots, index - (3 - slots)
        else:
            slot, index = slot - 1, index - 1
            steps.append((slot, index))
    return steps[::-1]
