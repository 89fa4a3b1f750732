"""How much an engine's text in a slot counts where the engines differ, fitted to labelled lines.

How often an engine is right in general says little about how often it is right where another one disagrees. So the
support of a text in the vote is fitted on the slots where they do: the log of one plus the odds

    log(odds) = base(kind) + slope(kind) * log(p / (1 - p)) + spacing(kind) * s
              + agreement * log(a / (1 - a)) + confusion(text, others)

of its kind (letter, digit, mark, space, NULL), its raw probability p, for spaces and NULL the spacing s of the engine's
characters there (`Arc.spacing` in fusion/votes/disputed_slots.py), the share a of the line's slots in which the engine
agrees with any other, and how often it takes one text for the other. Support is in nats and never negative, so one more
supporter, or more weight for one, never harms a candidate; and, as logarithms of probabilities are, the supports of a
candidate are summed. training/votes/evidence_fit.py fits it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fusion.alignment.similarity import NULL

MIN_LOG_ODDS, MAX_LOG_ODDS = -4.0, 8.0
"""Scores beyond these say no more: what a model calls 0.99999 is not right more often than what it calls 0.9997."""


class Kind(StrEnum):
    """What kind of text an engine has in a slot. Whether a space stands beside a mark is harder to tell than between
    letters, and other engines err there.
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
def kind_of(text: str, others: tuple[str, ...], neighbours: str = "") -> Kind:
    """The kind of a text in a slot in which other engines have `others`. `neighbours` are the engine's characters on
    both sides.
    """
    if text == NULL and any(other not in (" ", NULL) for other in others):
        return Kind.NOTHING
    if text in (" ", NULL):
        at_mark = any(not letter.isalnum() for letter in neighbours)
        return _SPACES[text == NULL][2 if at_mark else any(letter.isdigit() for letter in neighbours)]
    if len(text) > 1 and others:
        return Kind.SEVERAL
    if text.isalpha():
        return Kind.LOWER if text == text.lower() else Kind.UPPER
    return Kind.DIGIT if text.isdigit() else Kind.MARK


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), within MIN_LOG_ODDS and MAX_LOG_ODDS."""
    if probability <= 0.0:
        return MIN_LOG_ODDS
    if probability >= 1.0:
        return MAX_LOG_ODDS
    return min(MAX_LOG_ODDS, max(MIN_LOG_ODDS, math.log(probability / (1.0 - probability))))


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The log-odds of a kind of text: `base` at p = 0.5, `slope` for each unit of the score's log-odds, at least 0, so
    that a surer engine never counts less, and `spacing` for each pitch of characters that the engine left free.
    """

    base: float = 0.0
    slope: float = 1.0
    spacing: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.base, self.slope, self.spacing))) or self.slope < 0.0:
            raise ValueError(f"{self}: want finite numbers, and a slope of at least 0")


UNTUNED_KIND = Coefficients()


@dataclass(frozen=True)
class EngineEvidence:
    """One engine's: the coefficients of each kind of text, what its agreement with the others adds, and what a pair
    (its text, another engine's text) adds.
    """

    coefficients: Mapping[Kind, Coefficients] = field(default_factory=dict)
    agreement: float = 0.0
    confusions: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @cached_property
    def by_kind(self) -> NDArray[np.float64]:
        """(2, kinds): base and slope of each kind, in the order of Kind."""
        coefficients = [self.coefficients.get(kind, UNTUNED_KIND) for kind in Kind]
        return np.array([[own.base for own in coefficients], [own.slope for own in coefficients]])

    def support(
        self, kind: Kind, text: str, others: Collection[str], probability: float, spacing: float, agreement: float
    ) -> float:
        """In nats, at least 0. `others` are the other texts in the slot; `agreement` is in log-odds."""
        own = self.coefficients.get(kind, UNTUNED_KIND)
        odds = own.base + own.slope * log_odds(probability) + own.spacing * spacing + self.agreement * agreement
        if others and self.confusions:
            known = self.confusions.get
            odds += sum([known((text, other), 0.0) for other in others]) / len(others)
        return _softplus(odds)


def _softplus(value: float) -> float:
    """log(1 + e^value)"""
    return value if value > 30.0 else math.log1p(math.exp(value))
