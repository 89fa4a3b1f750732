"""How much a text in a slot counts where engines differ, whoever reads it, fitted to labelled lines.

What is known of an engine from other pages says little about a page of another kind. So nothing here belongs to one
engine: the support of a text is the log of one plus the odds

    log(odds) = base(kind) + slope(kind) * log(p / (1 - p)) + reliability(kind) * r
              + agreement * log(a / (1 - a)) + certainty * c

of its kind (letter, digit, mark, space, NULL), its raw probability p, how seldom the engine stands alone with such
texts on this page (r, `PageConduct` in fusion/votes/page_evidence.py), the share a of the line's slots in which it
agrees with any other engine, and how sure it is on this page where all agree (c). An
alternative, which the engine gave a lower probability q, counts with

    log(odds) = the same with alternative_base + alternative_slope * log(q / (1 - q)) for the slope and p

The one engine that the profile knows as the best has `lead` nats more: a change of what it reads needs evidence.
Support is in nats and never negative, so one more supporter, or more weight for one, never harms a candidate; and, as
logarithms of probabilities are, the supports of a candidate are summed. training/votes/evidence_fit.py fits it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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


class KindGroup(StrEnum):
    """Kinds of text that an engine reads about equally well."""

    LETTER = "letter"
    DIGIT = "digit"
    MARK = "mark"
    SPACE = "space"  # or none
    NOTHING = "nothing"


_LETTERS = (Kind.LOWER, Kind.UPPER, Kind.SEVERAL)
GROUP_OF: Mapping[Kind, KindGroup] = {
    kind: KindGroup.LETTER
    if kind in _LETTERS
    else KindGroup(kind)
    if kind in (Kind.DIGIT, Kind.MARK, Kind.NOTHING)
    else KindGroup.SPACE
    for kind in Kind
}

GROUPS = tuple(GROUP_OF.values())
"""Of each kind, in their order."""

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
    that a surer engine never counts less, and `reliability` for each unit of the engine's on the page.
    """

    base: float = 0.0
    slope: float = 1.0
    reliability: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.base, self.slope, self.reliability))) or self.slope < 0.0:
            raise ValueError(f"{self}: want finite numbers, and a slope of at least 0")


UNTUNED_KIND = Coefficients()


@dataclass(frozen=True)
class ClaimEvidence:
    """The coefficients of each kind of text and of what is known of the engine on the line and the page."""

    coefficients: Mapping[Kind, Coefficients] = field(default_factory=dict)
    agreement: float = 0.0
    certainty: float = 0.0
    alternative_base: float = 0.0
    alternative_slope: float = 1.0
    lead: float = 0.0

    def __post_init__(self) -> None:
        if self.lead < 0.0 or self.alternative_slope < 0.0:
            raise ValueError(f"{self}: want a lead and a slope of alternatives of at least 0")

    @cached_property
    def by_kind(self) -> NDArray[np.float64]:
        """(3, kinds): base, slope and reliability of each kind, in the order of Kind."""
        own = [self.coefficients.get(kind, UNTUNED_KIND) for kind in Kind]
        return np.array([[one.base for one in own], [one.slope for one in own], [one.reliability for one in own]])

    def odds(self, kind: Kind, probability: float, reliability: float, agreement: float, certainty: float) -> float:
        """The log-odds of the text that an engine reads; agreement and certainty are in log-odds too."""
        own = self.coefficients.get(kind, UNTUNED_KIND)
        odds = own.base + own.slope * log_odds(probability) + own.reliability * reliability
        return odds + self.agreement * agreement + self.certainty * certainty

    def alternative_odds(
        self, kind: Kind, probability: float, reliability: float, agreement: float, certainty: float
    ) -> float:
        """The same of a text that is not the engine's first choice; `kind` is that of the choice."""
        own = self.coefficients.get(kind, UNTUNED_KIND)
        odds = own.base + self.alternative_base + self.alternative_slope * log_odds(probability)
        odds += own.reliability * reliability
        return odds + self.agreement * agreement + self.certainty * certainty


def support_of(odds: float) -> float:
    """The support in nats of a text with these log-odds, log(1 + e^odds): at least 0."""
    return odds if odds > 30.0 else math.log1p(math.exp(odds))
