"""Lines of which people looked at some words: what is known of them, and which of their slots it says something about.

The truth of a reviewed line is what people said where they looked, and what was fused elsewhere. A word counts as often
as the inverse of the chance with which it was asked: for itself and those like it that nobody looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from evaluation.metrics.text_comparison import correct_words, held_words
from evaluation.readings.labelled_lines import LabelledLine
from evaluation.votes.labelled_slots import DecisiveSlots, LabelledSlots, label_slots
from fusion import FusedLine


@dataclass(frozen=True, slots=True)
class ReviewedWord:
    """Where in the line's truth a word stands that somebody looked at, and for how many words it counts."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """A line, its truth as far as people have said it, and the words that they looked at, in order."""

    line: LabelledLine
    words: tuple[ReviewedWord, ...]

    @property
    def weights(self) -> list[float]:
        """For each word of the truth, for how many it counts; 0 where nobody looked."""
        return [
            max((own.weight for own in self.words if own.start < end and start < own.end), default=0.0)
            for start, end in _word_spans(self.line.truth)
        ]

    def weights_of(self, read: str) -> list[float]:
        """For each word of a text that was read, for how many it counts: the most of the true words that it holds, or
        of the one that follows where it holds none; 0 where nobody looked.
        """
        held, _ = held_words(read, self.line.truth)
        weights, place, found = self.weights, 0, []
        for count in held:
            found.append(max(weights[place : place + max(1, count)], default=0.0))
            place += count
        return found

    def wrong(self, text: str) -> float:
        """How many words are wrong in a text of the line: those that people looked at, by their weights."""
        read = self.line.normalised(text)
        right = correct_words(self.line.truth, read)
        return sum(weight for weight, is_right in zip(self.weights, right, strict=True) if not is_right)


@dataclass(frozen=True, slots=True)
class WeightedSlots:
    """The decisive slots of a line about which people said something, each with its weight."""

    labelled: LabelledSlots
    slots: tuple[tuple[DecisiveSlots, float], ...]


def weighted_slots(
    reviewed: ReviewedLine, fused: FusedLine, number: int, engines: Sequence[str]
) -> WeightedSlots | None:
    """Of one line as it is fused now; None where nothing is decisive that people looked at."""
    labelled = label_slots(reviewed.line, number, engines)
    if labelled is None:
        return None
    ranges = list(_slot_ranges(reviewed, fused))
    found = []
    for own in labelled.decisive:
        first = own.disputed.slots.start
        weight = max((weight for low, high, weight in ranges if low < first < high), default=0.0)
        if weight > 0.0:
            found.append((own, weight))
    kept = replace(labelled, decisive=tuple(own for own, _ in found))
    return WeightedSlots(kept, tuple(found)) if found else None


def _slot_ranges(reviewed: ReviewedLine, fused: FusedLine) -> Iterator[tuple[float, float, float]]:
    """For each word that somebody looked at the slots around it, exclusive: those of the last character before it that
    is right and the first one after it; and its weight.
    """
    read = reviewed.line.normalised(fused.text)
    if len(read) != len(fused.text):
        return  # its characters cannot be told from each other once it is normalised
    slot_at: dict[int, int] = {}
    for block in Levenshtein.editops(read, reviewed.line.truth).as_matching_blocks():
        for offset in range(block.size):
            slot_at[block.b + offset] = fused.characters[block.a + offset].slot
    for word in reviewed.words:
        before = [slot for place, slot in slot_at.items() if place < word.start]
        after = [slot for place, slot in slot_at.items() if place >= word.end]
        yield max(before, default=-1), min(after, default=float("inf")), word.weight


def _word_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for word in text.split(" "):
        if word:
            yield start, start + len(word)
        start += len(word) + 1
