"""What a claim is worth where engines differ, fitted to labelled lines.

How often an engine is right in general says little about how often it is right where another one disagrees. So a
claim's support in the vote is fitted on the places where they do: the log of one plus the odds

    log(odds) = base(kind) + slope(kind) * log(p / (1 - p)) + room(kind) * r
              + agreement * log(a / (1 - a)) + confusion(said, rivals)

of its kind (letter, digit, mark, space, silence), its raw probability p, for spaces and silence the room r that the
engine left there (see contests), the share a of the line's places at which the
engine agrees with any other, and how often it takes one for the other. Support is in nats and never negative, so one
more supporter, or more weight for one, never harms a candidate; and as logarithms of probabilities are, the supports
of a candidate are summed. What fits them is training's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fusion.alignment.similarity import SILENT

LEAST_LOG_ODDS, MOST_LOG_ODDS = -4.0, 8.0
"""Scores beyond these say no more: what a network calls 0.99999 is not right more often than what it calls 0.9997."""


class Kind(StrEnum):
    """What kind of thing was said at a place. Whether a space stands beside a mark is harder to tell than between
    letters, and others err there.
    """

    LOWER = "lower"
    UPPER = "upper"
    DIGIT = "digit"
    MARK = "mark"
    SEVERAL = "several"  # a pair of characters that others read as one
    NOTHING = "nothing"  # nothing, where others say a character
    SPACE = "space"  # between letters
    SPACE_AT_DIGIT = "space_at_digit"
    SPACE_AT_MARK = "space_at_mark"
    NO_SPACE = "no_space"  # nothing, where others say a space
    NO_SPACE_AT_DIGIT = "no_space_at_digit"
    NO_SPACE_AT_MARK = "no_space_at_mark"


_SPACES = (
    (Kind.SPACE, Kind.SPACE_AT_DIGIT, Kind.SPACE_AT_MARK),
    (Kind.NO_SPACE, Kind.NO_SPACE_AT_DIGIT, Kind.NO_SPACE_AT_MARK),
)


@lru_cache(maxsize=65536)
def kind_of(said: str, rivals: tuple[str, ...], beside: str = "") -> Kind:
    """The kind of what was said at a place at which others say `rivals`, and the engine `beside` on both sides."""
    if said == SILENT and any(rival not in (" ", SILENT) for rival in rivals):
        return Kind.NOTHING
    if said in (" ", SILENT):
        at_mark = any(not letter.isalnum() for letter in beside)
        return _SPACES[said == SILENT][2 if at_mark else any(letter.isdigit() for letter in beside)]
    if len(said) > 1 and rivals:
        return Kind.SEVERAL
    if said.isalpha():
        return Kind.LOWER if said == said.lower() else Kind.UPPER
    return Kind.DIGIT if said.isdigit() else Kind.MARK


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), within LEAST_LOG_ODDS and MOST_LOG_ODDS."""
    if probability <= 0.0:
        return LEAST_LOG_ODDS
    if probability >= 1.0:
        return MOST_LOG_ODDS
    return min(MOST_LOG_ODDS, max(LEAST_LOG_ODDS, math.log(probability / (1.0 - probability))))


@dataclass(frozen=True, slots=True)
class Worth:
    """Log-odds of a kind of claim: `base` at p = 0.5, `slope` for each unit of the score's log-odds, at least 0: a
    surer claim never counts less; and `room` for each usual distance of characters that the engine left free.
    """

    base: float = 0.0
    slope: float = 1.0
    room: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.base, self.slope, self.room))) or self.slope < 0.0:
            raise ValueError(f"{self}: want finite numbers, and a slope of at least 0")


PLAIN = Worth()


@dataclass(frozen=True)
class Evidence:
    """One engine's: the worth of each kind of claim, what its agreement with the others adds, what a pair (said, rival)
    adds.
    """

    worth: Mapping[Kind, Worth] = field(default_factory=dict)
    agreement: float = 0.0
    confusions: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @cached_property
    def by_kind(self) -> NDArray[np.float64]:
        """(2, kinds): base and slope of each kind, in the order of Kind."""
        worth = [self.worth.get(kind, PLAIN) for kind in Kind]
        return np.array([[own.base for own in worth], [own.slope for own in worth]])

    def support(
        self, kind: Kind, said: str, rivals: Collection[str], probability: float, room: float, agreement: float
    ) -> float:
        """In nats, at least 0. `rivals` are the other things said at the place; `agreement` is in log-odds."""
        worth = self.worth.get(kind, PLAIN)
        odds = worth.base + worth.slope * log_odds(probability) + worth.room * room + self.agreement * agreement
        if rivals and self.confusions:
            known = self.confusions.get
            odds += sum([known((said, rival), 0.0) for rival in rivals]) / len(rivals)
        return _softplus(odds)


def _softplus(value: float) -> float:
    """log(1 + e^value)"""
    return value if value > 30.0 else math.log1p(math.exp(value))
