"""What an engine says about a crop, and what became of the engine.

A `Hypothesis` is one engine's claim about one crop: its characters, each with a probability and, where the engine knows
it, a horizontal span in crop pixels. Or an abstention with a reason: an abstention is no vote. An `EngineReport` says
how the engine fared on a request; a failed engine is a value in the result, not a line in a log.

Nothing here compares engines; that is fusion's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ocr.pickling import fast_pickle


class Span(NamedTuple):
    """A horizontal extent in crop pixels, `start` <= x < `end`."""

    start: float
    end: float


class Alternative(NamedTuple):
    """Another character that the engine considered at the same place."""

    text: str
    probability: float


@fast_pickle
@dataclass(frozen=True, slots=True)
class ClaimedCharacter:
    """One character of a claim.

    `text` is one user-perceived character (a base letter with its combining marks counts as one). `alternatives` are
    the engine's other guesses for the place, most probable first.
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
    """One engine's claim about one crop: its characters from left to right, or an abstention with its reason.

    No characters and no abstention is the claim that the crop holds no text.
    """

    characters: tuple[ClaimedCharacter, ...] = ()
    abstention: str | None = None

    def __post_init__(self) -> None:
        if self.abstention is not None and self.characters:
            raise ValueError(f"an abstention ({self.abstention}) cannot claim {self.text!r}")
        if self.abstention is not None:
            _require_text(self.abstention, "an abstention needs a reason")
        if not all(isinstance(character, ClaimedCharacter) for character in self.characters):
            raise ValueError("a claim is made of claimed characters")

    @classmethod
    def of(cls, characters: Iterable[ClaimedCharacter]) -> Hypothesis:
        return cls(tuple(characters))

    @classmethod
    def of_text(cls, text: str, probability: float) -> Hypothesis:
        """A claim whose characters all have the same probability and no known place."""
        return cls(tuple(ClaimedCharacter(character, probability) for character in text))

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
        """Mean probability of the characters in [0, 1]; 0 when nothing is claimed."""
        if not self.characters:
            return 0.0
        return sum(character.probability for character in self.characters) / len(self.characters)


def _require_text(text: object, otherwise: str = "a claimed character cannot be empty; leave it out instead") -> None:
    """Raise ValueError for what is no text, or none that can be sent: half a character is a lone surrogate."""
    if not isinstance(text, str) or not text:
        raise ValueError(f"{text!r} is no text: {otherwise}")
    if not text.isascii() and any("\ud800" <= part <= "\udfff" for part in text):
        raise ValueError(f"{text!r} holds half a character")


class Status(StrEnum):
    """How an engine fared on a request."""

    OK = "ok"
    TIMEOUT = "timeout"  # it had not answered when its budget was spent
    ERROR = "error"  # it answered with an error, or its replica died more often than we retry
    SHED = "shed"  # its queue was full, so it was not asked
    ABSTAINED = "abstained"  # it answered, and had nothing to say about any crop
    SKIPPED = "skipped"  # the request or the policy left it out
    UNAVAILABLE = "unavailable"  # it is not loaded here (no package, program or model), or kept failing of late


@dataclass(frozen=True, slots=True)
class EngineReport:
    """How one engine fared on one request. `seconds` is what the request waited for it; `model` is "name@version" of
    the model that spoke, empty when none did; `detail` says what went wrong and what to do about it.
    """

    engine: str
    status: Status
    seconds: float = 0.0
    model: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.seconds < 0.0:
            raise ValueError(f"{self.engine}: {self.seconds} s is not a duration")
