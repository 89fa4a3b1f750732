"""A confusion network: several transcriptions of one line, aligned.

It has a slot for every place of the line, and in each slot every transcription has one character or none. The name and
the idea are those of Mangu, Brill and Stolcke 2000 (doi:10.1006/csla.2000.0152). `line_alignment.py` makes one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fusion.alignment.similarity import MERGE, MERGED_PAIRS, NULL, distance
from ocr import Span

ABSENT = -1
"""The index in a slot of a transcription that has no character there."""

Slot = tuple[int, ...]
"""For every transcription the index of its character, or ABSENT."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """One way in which engines read a line: its characters, how many engines read it so, and, from each of those that
    know positions, the spans of the characters in crop pixels (None for a character without one).
    """

    texts: tuple[str, ...]
    count: int = 1
    spans: tuple[Sequence[Span | None], ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{''.join(self.texts)!r} was read by {self.count} engines; want at least one")
        if any(len(spans) != len(self.texts) for spans in self.spans):
            raise ValueError(f"{''.join(self.texts)!r}: want one span, or None, for each character")

    def text(self, index: int) -> str:
        """The character at an index of a slot, NULL at ABSENT."""
        return NULL if index == ABSENT else self.texts[index]

    def centre(self, index: int) -> float:
        """The mean centre of a character in pixels, NaN where no engine knows it."""
        if len(self.spans) == 1:  # most transcriptions are one engine's
            only = self.spans[0][index]
            return math.nan if only is None else (only.start + only.end) / 2
        known = [(span.start + span.end) / 2 for spans in self.spans if (span := spans[index]) is not None]
        return sum(known) / len(known) if known else math.nan

    def pitch(self) -> float:
        """The mean distance between the centres of neighbours in pixels, NaN where positions are not known."""
        indices = range(len(self.texts))
        first, last = next(filter(self._known, indices), 0), next(filter(self._known, reversed(indices)), 0)
        return (self.centre(last) - self.centre(first)) / (last - first) if first < last else math.nan

    def _known(self, index: int) -> bool:
        return any(spans[index] is not None for spans in self.spans)


@dataclass(frozen=True)
class ConfusionNetwork:
    """`slots[slot][k]` is an index into `transcriptions[k].texts`, or ABSENT. A slot in `linked` is voted on together
    with the one before, because one transcription has two characters where another has one ("rn", "m").
    """

    transcriptions: tuple[Transcription, ...] = ()
    slots: tuple[Slot, ...] = ()
    linked: frozenset[int] = frozenset()

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The text of each transcription in each slot, NULL where it has none: `texts[slot][k]`."""
        indices = list(zip(*self.slots, strict=True)) or [()] * len(self.transcriptions)
        # ABSENT is -1, and the last of these texts is NULL.
        by_transcription = [
            map((*transcription.texts, NULL).__getitem__, own)
            for transcription, own in zip(self.transcriptions, indices, strict=True)
        ]
        return tuple(zip(*by_transcription, strict=True))

    @cached_property
    def slot_groups(self) -> tuple[range, ...]:
        """The slots from left to right, those that are voted on together in one range."""
        starts = [slot for slot in range(len(self.slots) + 1) if slot not in self.linked]
        return tuple(map(range, starts, starts[1:]))

    @cached_property
    def unanimous(self) -> list[int]:
        """The slots in which all transcriptions have the same text."""
        return [slot for slot, texts in enumerate(self.texts) if texts.count(texts[0]) == len(texts)]

    def next_character(self, slot: int, transcription: int) -> int:
        """The index of the first character that a transcription has in a slot or after it."""
        for later in range(slot, len(self.slots)):
            if self.slots[later][transcription] != ABSENT:
                return self.slots[later][transcription]
        return len(self.transcriptions[transcription].texts)

    @property
    def cost(self) -> int:
        """Sum over all pairs of engines of what their two transcriptions cost as aligned; positions add nothing."""
        return sum(
            self.transcriptions[one].count
            * self.transcriptions[other].count
            * _pair_cost([(texts[one], texts[other]) for texts in self.texts])
            for other in range(len(self.transcriptions))
            for one in range(other)
        )


def linked_slots(slots: Sequence[Slot], transcriptions: Sequence[Transcription]) -> frozenset[int]:
    """The slots that, with the one before, hold a pair in one transcription and its single character in another."""
    gaps = [index for index, slot in enumerate(slots) if ABSENT in slot]
    beside = {*gaps, *[index + 1 for index in gaps]}
    return frozenset(
        [
            index
            for index in beside
            if 0 < index < len(slots)
            and _pair_meets_single(_texts(slots[index - 1], transcriptions), _texts(slots[index], transcriptions))
        ]
    )


def _texts(slot: Slot, transcriptions: Sequence[Transcription]) -> tuple[str, ...]:
    return tuple([transcription.text(index) for transcription, index in zip(transcriptions, slot, strict=True)])


@lru_cache(maxsize=16384)
def _pair_meets_single(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    texts = set(zip(left, right, strict=True))
    pairs = [both for both in texts if NULL not in both]
    singles = [both for both in texts if (both[0] == NULL) != (both[1] == NULL)]
    return any(_is_merge((pair[0], single[0]), (pair[1], single[1])) for pair in pairs for single in singles)


def _is_merge(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether, in two neighbouring slots of two transcriptions, one has a pair and the other its single character."""
    if (NULL in first) == (NULL in second):
        return False
    whole, gapped = (second, first) if NULL in first else (first, second)
    pair = 0 if gapped[0] != NULL else 1  # the transcription that has the pair
    return whole[1 - pair] in MERGED_PAIRS.get(first[pair] + second[pair], "")


def _pair_cost(texts: Sequence[tuple[str, str]]) -> int:
    """What two transcriptions cost as aligned; a pair that meets its single character costs MERGE."""
    texts = [both for both in texts if both != (NULL, NULL)]
    cost = slot = 0
    while slot < len(texts):
        merged = slot + 1 < len(texts) and _is_merge(texts[slot], texts[slot + 1])
        cost += MERGE if merged else distance(*texts[slot])
        slot += 2 if merged else 1
    return cost
