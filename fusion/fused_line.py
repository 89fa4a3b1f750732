"""A line as the vote reads it: the characters that won, the words, and every vote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fusion.alignment.confusion_network import ConfusionNetwork
from fusion.evidence.confidence import WordFeatures
from fusion.evidence.spelling_evidence import SPELLING
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from ocr import Span, Vote

_NONE = AlignedHypotheses()


class FusedCharacter(NamedTuple):
    """A character that won: its confidence in [0, 1], its span in crop pixels (None when no engine that reads it knows
    the position), and its slot in the network. No word with it is surer than `limit`.
    """

    text: str
    confidence: float
    span: Span | None
    slot: int
    limit: float = 1.0


class FusedWord(NamedTuple):
    """Characters `start` to `end` of a fused line, with the confidence in [0, 1] that all of them are right, and what a
    tuned profile has it from.
    """

    start: int
    end: int
    confidence: float
    features: WordFeatures | None = None


@dataclass(frozen=True, slots=True)
class FusedLine:
    """What the engines read together. A slot of the network without a character in the line was won by NULL.
    `spelling_votes` are those of the spelling model, by slot. A line that is not `legible` is noise to all engines.
    `specialised`: a model for lines of its kind leads.
    """

    characters: tuple[FusedCharacter, ...] = ()
    words: tuple[FusedWord, ...] = ()
    confidence: float = 0.0
    aligned: AlignedHypotheses = _NONE
    spelling_votes: Mapping[int, Vote] = field(default_factory=dict)
    legible: bool = True
    specialised: bool = False

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)

    @property
    def network(self) -> ConfusionNetwork:
        return self.aligned.network

    @property
    def expected_errors(self) -> float:
        """How many characters are expected to be wrong; infinite for a line without characters."""
        if not self.characters:
            return math.inf
        return math.fsum(1.0 - character.confidence for character in self.characters)

    def votes(self, slot: int) -> tuple[Vote, ...]:
        """What every engine reads in a slot, with "" for nothing; last, where it was asked, what the spelling model
        prefers.
        """
        votes = tuple(
            Vote(hypothesis.engine, text, hypothesis.weight, probability)
            for hypothesis, text, probability in self.aligned.slot(slot)
        )
        return (*votes, self.spelling_votes[slot]) if slot in self.spelling_votes else votes

    def texts(self, slot: int) -> Iterator[tuple[str, str]]:
        """The same as (engine, text), without the rest of a vote."""
        for hypothesis, text, _ in self.aligned.slot(slot):
            yield hypothesis.engine, text
        if slot in self.spelling_votes:
            yield SPELLING, self.spelling_votes[slot].text
