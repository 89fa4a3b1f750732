"""What an engine reads on a crop.

A `Hypothesis` is one engine's reading of one crop: its characters, each with a probability and, where the engine knows
it, a horizontal span in crop pixels. Or an abstention with a reason: an abstention is no vote.

Nothing here compares engines; that is fusion's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ocr.runtime.pickling import fast_pickle
from ocr.text.alphabet import Alphabet


class Span(NamedTuple):
    """A horizontal extent in crop pixels, `start` <= x < `end`."""

    start: float
    end: float


class Alternative(NamedTuple):
    """Another character that the engine considered in the same position."""

    text: str
    probability: float


@fast_pickle
@dataclass(frozen=True, slots=True)
class CharacterHypothesis:
    """One character of a hypothesis.

    `text` is one user-perceived character (a base letter with its combining marks counts as one). `alternatives` are
    the engine's other guesses, most probable first.
    """

    text: str
    probability: float
    span: Span | None = None
    alternatives: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        for text, probability in ((self.text, self.probability), *self.alternatives):
            _require_text(text)
            if not 0.0 <= probability <= 1.0:
                raise ValueError(f"character {text!r}: {probability} is not a probability")
        if self.span is not None and not -math.inf < self.span.start < self.span.end < math.inf:
            raise ValueError(f"character {self.text!r}: span {tuple(self.span)} is empty or endless")


@fast_pickle
@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One engine's reading of one crop: its characters from left to right, or an abstention with its reason.

    No characters and no abstention says that the crop holds no text. `alphabet` is what the model can write in the
    language of the crop; None where that is not known, and then it counts as able to write everything. `remark` is what
    whoever asked should know of the reading; it becomes the detail of the engine's report. `specialised` says that a
    model read which the engine has for this kind of line alone.
    """

    characters: tuple[CharacterHypothesis, ...] = ()
    abstention: str | None = None
    alphabet: Alphabet | None = None
    remark: str = ""
    specialised: bool = False

    def __post_init__(self) -> None:
        if self.abstention is not None and self.characters:
            raise ValueError(f"an abstention ({self.abstention}) cannot hold {self.text!r}")
        if self.abstention is not None:
            _require_text(self.abstention, "an abstention needs a reason")
        if not all(isinstance(character, CharacterHypothesis) for character in self.characters):
            raise ValueError("a hypothesis is made of CharacterHypothesis values")

    @classmethod
    def of(cls, characters: Iterable[CharacterHypothesis], alphabet: Alphabet | None = None) -> Hypothesis:
        return cls(tuple(characters), alphabet=alphabet)

    @classmethod
    def of_text(cls, text: str, probability: float) -> Hypothesis:
        """A hypothesis whose characters all have the same probability and no known position."""
        return cls(tuple(CharacterHypothesis(character, probability) for character in text))

    @classmethod
    def abstain(cls, reason: str) -> Hypothesis:
        return cls(abstention=reason)

    @property
    def abstained(self) -> bool:
        return self.abstention is not None

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)

    @property
    def confidence(self) -> float:
        """Mean probability of the characters in [0, 1]; 0 when there are none."""
        if not self.characters:
            return 0.0
        return sum(character.probability for character in self.characters) / len(self.characters)


def _require_text(text: object, otherwise: str = "a character cannot be empty; leave it out instead") -> None:
    """Raise ValueError for what is no text, or none that can be sent: half a character is a lone surrogate."""
    if not isinstance(text, str) or not text:
        raise ValueError(f"{text!r} is no text: {otherwise}")
    if not text.isascii() and any("\ud800" <= part <= "\udfff" for part in text):
        raise ValueError(f"{text!r} holds half a character")
