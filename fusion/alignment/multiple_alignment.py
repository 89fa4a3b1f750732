"""Aligns the different texts of a segment, in which the transcriptions of a line differ.

The texts are aligned one after the other, nearest to the medoid first, each in the cheapest way there is; then around
every gap each text is taken out and aligned again until nothing gets cheaper (progressive alignment with iterative
refinement). Two texts are aligned optimally; for more that is NP-hard, and this comes close (docs/fusion.md says how
close). In long segments, long runs that a text shares with the medoid are kept as they are.

Texts come sorted and different from each other, so that the result does not depend on an order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from fusion.alignment.confusion_network import ABSENT, Slot
from fusion.alignment.network_alignment import (
    UNALIGNED,
    AlignmentPath,
    Positions,
    SlotTexts,
    align_below,
    align_characters,
    aligned_cost,
)
from fusion.alignment.similarity import NULL

_LONG_RUN = 4  # characters
_MARGIN = 2  # slots around a gap that refinement may move
_MAX_ROUNDS = 4  # of refinement; most segments settle in one
_MAX_CELLS = 120  # slots times texts, above which nothing is refined: in noise nothing is to be saved


def order_from_medoid(texts: Sequence[Sequence[str]], counts: Sequence[int]) -> list[int]:
    """Indices of texts: first the medoid, which is nearest to all others, then the rest by their distance to it."""
    if len(texts) < 3:
        return list(range(len(texts)))
    edits = [[0] * len(texts) for _ in texts]
    for one, other in combinations(range(len(texts)), 2):
        edits[one][other] = edits[other][one] = Levenshtein.distance(texts[one], texts[other])
    total = [sum([edit * count for edit, count in zip(line, counts, strict=True)]) for line in edits]
    medoid = min(range(len(texts)), key=lambda index: (total[index], index))
    return sorted(range(len(texts)), key=lambda index: (index != medoid, edits[medoid][index], index))


def as_string(characters: Sequence[str]) -> Sequence[str]:
    """The same as one string where each character is one code point: rapidfuzz is three times faster with those."""
    joined = "".join(characters)
    return joined if len(joined) == len(characters) else characters


def mean_centre(centres: Sequence[tuple[float, int]]) -> float:
    """The mean of (centre, count) over the known centres, NaN when there are none."""
    known = [(centre * count, count) for centre, count in centres if not math.isnan(centre)]
    if len(known) < 2:
        return known[0][0] / known[0][1] if known else math.nan
    return math.fsum([centre for centre, _ in known]) / sum([count for _, count in known])


@lru_cache(maxsize=16384)
def align_texts(texts: tuple[tuple[str, ...], ...], counts: tuple[int, ...]) -> tuple[Slot, ...]:
    """The slots of different texts whose positions do not matter. The same confusions come again and again."""
    return _align(_Segment(texts, counts, (), math.inf))


def align_texts_by_position(
    texts: tuple[tuple[str, ...], ...],
    counts: tuple[int, ...],
    centres: tuple[tuple[float, ...], ...],
    tolerance_px: float,
) -> tuple[Slot, ...]:
    """The slots of different texts whose characters have centres, in pixels, NaN where unknown."""
    return _align(_Segment(texts, counts, centres, tolerance_px))


@dataclass(frozen=True, slots=True)
class _Segment:
    """What is aligned: the characters of each text, how many engines read it, and the centres, if they matter. `row` is
    the index of a text.
    """

    texts: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]
    centres: tuple[tuple[float, ...], ...]
    tolerance_px: float

    def slot_texts(self, slot: Slot, rows: Iterable[int]) -> SlotTexts:
        return tuple([NULL if (index := slot[row]) == ABSENT else self.texts[row][index] for row in rows])

    def centre(self, row: int, index: int) -> float:
        """The centre of a character, NaN where it is unknown or does not matter."""
        return self.centres[row][index] if self.centres and index != ABSENT else math.nan

    def slot_centres(self, slots: Sequence[Slot], rows: Sequence[int]) -> list[float]:
        """The mean centres of what some texts have in slots."""
        if not self.centres:
            return [math.nan] * len(slots)
        return [self._slot_centre(slot, rows) for slot in slots]

    def _slot_centre(self, slot: Slot, rows: Sequence[int]) -> float:
        return mean_centre([(self.centres[row][slot[row]], self.counts[row]) for row in rows if slot[row] != ABSENT])

    def positions(self, slots: Sequence[float], characters: Sequence[float]) -> Positions | None:
        """Where slots and characters lie, if it matters."""
        return Positions(slots, characters, self.tolerance_px) if self.centres else None


def _align(segment: _Segment) -> tuple[Slot, ...]:
    first, *others = order_from_medoid([as_string(text) for text in segment.texts], segment.counts)
    absent = [ABSENT] * len(segment.texts)
    slots: list[Slot] = [(*absent[:first], index, *absent[first + 1 :]) for index in range(len(segment.texts[first]))]
    aligned = [first]
    for row in others:
        slots = _with_text(slots, segment, row, aligned)
        aligned.append(row)
    return tuple(_refined(slots, segment) if len(aligned) > 2 else slots)


def _with_text(slots: list[Slot], segment: _Segment, row: int, aligned: Sequence[int]) -> list[Slot]:
    """The slots with one more text, aligned between the long runs that it shares with the medoid."""
    result: list[Slot] = []
    slot = index = 0
    ends = (len(slots), len(segment.texts[row]), 0)
    for start, own_start, length in [*_shared_runs(slots, segment, aligned[0], row), ends]:
        between = range(index, own_start)
        gap = slots[slot:start]
        result += _insert(gap, segment, row, between, _cheapest_path(gap, segment, row, between, aligned))
        result += [_set(slots[start + offset], row, own_start + offset) for offset in range(length)]
        slot, index = start + length, own_start + length
    return result


def _shared_runs(slots: Sequence[Slot], segment: _Segment, medoid: int, row: int) -> Iterator[tuple[int, int, int]]:
    """Long runs of neighbouring slots in which the medoid has the characters of a text: (slot, character, length)."""
    if min(len(slots), len(segment.texts[row])) < 2 * _LONG_RUN:
        return
    slot_of = [number for number, slot in enumerate(slots) if slot[medoid] != ABSENT]
    for block in Levenshtein.editops(
        as_string(segment.texts[medoid]), as_string(segment.texts[row])
    ).as_matching_blocks():
        if block.size < _LONG_RUN or slot_of[block.a + block.size - 1] - slot_of[block.a] != block.size - 1:
            continue
        if segment.centres and any(
            abs(segment.centres[medoid][block.a + offset] - segment.centres[row][block.b + offset])
            > segment.tolerance_px
            for offset in (0, block.size - 1)
        ):
            continue
        yield slot_of[block.a], block.b, block.size


def _cheapest_path(
    slots: Sequence[Slot], segment: _Segment, row: int, indices: range, others: Sequence[int]
) -> AlignmentPath:
    """The cheapest alignment of some characters of a text with the slots of others."""
    counts = tuple([segment.counts[other] for other in others])
    characters = segment.texts[row][indices.start : indices.stop]
    positions = segment.positions(
        segment.slot_centres(slots, others), [segment.centre(row, index) for index in indices]
    )
    return align_characters([segment.slot_texts(slot, others) for slot in slots], counts, characters, positions)


def _insert(slots: Sequence[Slot], segment: _Segment, row: int, indices: range, path: AlignmentPath) -> list[Slot]:
    """The slots with some characters of a text where the path puts them."""
    new = (ABSENT,) * len(segment.texts)
    return [
        _set(
            new if slot == UNALIGNED else slots[slot],
            row,
            ABSENT if character == UNALIGNED else indices.start + character,
        )
        for slot, character in path.steps
    ]


def _set(slot: Slot, row: int, index: int) -> Slot:
    return (*slot[:row], index, *slot[row + 1 :])


# --- refinement ---


def _refined(slots: list[Slot], segment: _Segment) -> list[Slot]:
    """Aligns the slots around every gap again; elsewhere each text has one character for each slot and none can
    move.
    """
    result: list[Slot] = []
    done = 0
    for start, end in _around_gaps(slots):
        result += slots[done:start]
        result += _settled(slots[start:end], segment)
        done = end
    return result + slots[done:]


def _around_gaps(slots: Sequence[Slot]) -> list[tuple[int, int]]:
    """Ranges of slots that hold a gap or lie close to one."""
    ranges: list[tuple[int, int]] = []
    for number, slot in enumerate(slots):
        if ABSENT in slot:
            start, end = max(0, number - _MARGIN), min(len(slots), number + 1 + _MARGIN)
            if ranges and start <= ranges[-1][1]:
                start, _ = ranges.pop()
            ranges.append((start, end))
    return ranges


def _settled(slots: list[Slot], segment: _Segment) -> list[Slot]:
    """Takes one text after the other out and aligns it again, until nothing gets cheaper."""
    texts = len(segment.texts)
    if len(slots) * texts > _MAX_CELLS:
        return slots
    settled = 0  # texts one after the other that found no cheaper alignment
    for turn in range(_MAX_ROUNDS * texts):
        cheaper = _realigned(slots, segment, turn % texts)
        settled = settled + 1 if cheaper is None else 1  # what was just aligned is as cheap as it can be
        slots = slots if cheaper is None else cheaper
        if settled == texts:
            break
    return slots


def _realigned(slots: list[Slot], segment: _Segment, row: int) -> list[Slot] | None:
    """The slots with one text aligned again, if that is cheaper than how it is."""
    others = [other for other in range(len(segment.texts)) if other != row]
    counts = tuple([segment.counts[other] for other in others])
    own = [slot[row] for slot in slots]
    slot_texts = [segment.slot_texts(slot, others) for slot in slots]
    texts = [NULL if index == ABSENT else segment.texts[row][index] for index in own]
    centres = segment.slot_centres(slots, others)
    own_centres = [segment.centre(row, index) for index in own]
    cost = aligned_cost(slot_texts, counts, texts, segment.positions(centres, own_centres))
    kept = [number for number, among in enumerate(slot_texts) if any(among)]  # the others have no further slots
    indices = [index for index in own if index != ABSENT]
    positions = segment.positions(
        [centres[number] for number in kept], [segment.centre(row, index) for index in indices]
    )
    path = align_below(
        cost, [slot_texts[number] for number in kept], counts, [text for text in texts if text], positions
    )
    if path is None:
        return None
    rest = [_set(slots[number], row, ABSENT) for number in kept]
    return _insert(rest, segment, row, range(indices[0], indices[-1] + 1) if indices else range(0), path)
