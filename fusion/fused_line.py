"""A line as the engines read it together: the characters that won, the words, and every vote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fusion.alignment.confusion_network import ABSENT, Network
from fusion.alignment.similarity import SILENT
from fusion.profiles.profile import SPELLING
from fusion.votes.voices import Voice
from ocr import Span, Vote

_NOTHING = Network((), ())


class FusedCharacter(NamedTuple):
    """An elected character: its confidence in [0, 1], its span in crop pixels (None when nobody who said it knows the
    place), and its place, the column of the network.
    """

    text: str
    confidence: float
    span: Span | None
    place: int


class FusedWord(NamedTuple):
    """Characters `start` to `end` of a fused line, with the confidence in [0, 1] that all of them are right, and at how
    many of its places or beside it engines differ.
    """

    start: int
    end: int
    confidence: float
    contests: int = 0


@dataclass(frozen=True, slots=True)
class FusedLine:
    """What the engines say together. `voices[k]` reads row `rows[k]` of the network; a place of the network without a
    character in the line was decided for nothing. `spelled` are the votes of the spelling model, by place.
    """

    characters: tuple[FusedCharacter, ...] = ()
    words: tuple[FusedWord, ...] = ()
    confidence: float = 0.0
    voices: tuple[Voice, ...] = ()
    rows: tuple[int, ...] = ()
    network: Network = _NOTHING
    spelled: Mapping[int, Vote] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)

    @property
    def expected_errors(self) -> float:
        """How many characters are expected to be wrong; infinite for a line of which nothing was said."""
        if not self.characters:
            return math.inf
        return math.fsum(1.0 - character.confidence for character in self.characters)

    def votes(self, place: int) -> tuple[Vote, ...]:
        """What every engine said at a place of the network, with "" for nothing; last, where it was asked, what the
        spelling model prefers.
        """
        said = tuple(
            Vote(voice.engine, said, voice.share, probability)
            for voice, (said, probability) in zip(self.voices, self._said(place), strict=True)
        )
        return (*said, self.spelled[place]) if place in self.spelled else said

    def texts(self, place: int) -> Iterator[tuple[str, str]]:
        """Who said what at a place of the network: the same without anything else that a vote knows."""
        for voice, (said, _) in zip(self.voices, self._said(place), strict=True):
            yield voice.engine, said
        if place in self.spelled:
            yield SPELLING, self.spelled[place].text

    def _said(self, place: int) -> Iterator[tuple[str, float]]:
        of_space = set(self.network.said[place]) <= {" ", SILENT}
        for voice, row in zip(self.voices, self.rows, strict=True):
            index = self.network.columns[place][row]
            if index != ABSENT:
                yield voice.texts[index], voice.probabilities[index]
            else:
                yield SILENT, voice.silence(self.network.next_entry(place, row), of_space=of_space)
