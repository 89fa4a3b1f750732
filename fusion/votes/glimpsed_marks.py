"""Marks that an engine nearly read: a doubt where something else stands.

An engine that can write marks may have its probability spread over some of them ("⅝", "⅜", "⅔") and read a "%", as the
others do that have none of these. The place is no surer than it is unlikely to be any of those marks. Only what some
engine of the line cannot write counts: about the rest all engines vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fusion.alignment.confusion_network import ABSENT
from fusion.alignment.similarity import folded
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.weighted_hypotheses import WeightedHypothesis
from ocr.text.alphabet import Alphabet

Glimpse = tuple[str, float]
"""What an engine could have read, with plain typographic forms, and its probability."""


@dataclass(frozen=True, slots=True)
class GlimpsedMarks:
    """By slot, for each engine that saw some there, the marks that it read or could have read."""

    by_slot: Mapping[int, tuple[tuple[Glimpse, ...], ...]]

    @classmethod
    def of(cls, aligned: AlignedHypotheses) -> GlimpsedMarks:
        alphabets = [own.alphabet for own in aligned.hypotheses]
        by_slot: dict[int, list[tuple[Glimpse, ...]]] = {}
        for own, transcription in zip(aligned.hypotheses, aligned.transcription_of, strict=True):
            seen = dict(_glimpses(own, alphabets))
            if seen:
                for slot, indices in enumerate(aligned.network.slots):
                    if (index := indices[transcription]) != ABSENT and index in seen:
                        by_slot.setdefault(slot, []).append(seen[index])
        return cls({slot: tuple(engines) for slot, engines in by_slot.items()})

    def limit(self, slot: int, text: str) -> float:
        """How sure one may be at most of `text` in a slot: as it is none of the marks that an engine saw there."""
        own = folded(text)
        engines = self.by_slot.get(slot, ())
        most = max((sum(value for mark, value in glimpses if mark != own) for glimpses in engines), default=0.0)
        return max(0.0, 1.0 - most)


def _glimpses(
    own: WeightedHypothesis, alphabets: Sequence[Alphabet | None]
) -> Iterator[tuple[int, tuple[Glimpse, ...]]]:
    """The index of each character for which the engine considered such marks, and these."""
    for index, alternatives in enumerate(own.alternatives):
        if alternatives and not all(text.isascii() for text, _ in alternatives):
            read = (own.texts[index], own.probabilities[index]), *alternatives
            marks = tuple([(folded(text), value) for text, value in read if _is_beyond(text, alphabets)])
            if marks:
                yield index, marks


def _is_beyond(text: str, alphabets: Sequence[Alphabet | None]) -> bool:
    """Whether it is a mark, and some engine cannot write it."""
    plain = folded(text)
    return not plain.isascii() and any(own is not None and not own.can_write(plain) for own in alphabets)
