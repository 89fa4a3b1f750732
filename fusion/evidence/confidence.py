"""How sure the vote is: the probability that a fused character is right, and that a fused word is.

The parameters are fitted to labelled lines (training/votes/tuning.py); nothing here knows how.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fusion.evidence.calibration import IDENTITY, Calibration
from fusion.evidence.claim_evidence import log_odds

MAX_DISPUTED_SLOTS = 4
_SQUARE = 8.0  # squares of log-odds are divided by it, so that they are of the size of the log-odds


@dataclass(frozen=True, slots=True)
class CharacterConfidence:
    """From the supports of the candidates to the confidence in the winner. The log-odds of being right are `base` +
    `slope` * (the winner's support - log(1 + the sum of e^support over the others)) + `agreement` * how much the
    engines agree on the line, in log-odds.
    """

    base: float = 0.0
    slope: float = 1.0
    agreement: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.base, self.slope, self.agreement))) or self.slope < 0.0:
            raise ValueError(f"{self}: want finite numbers, and a slope of at least 0; more support never harms")

    def at_agreement(self, agreement: float) -> CharacterConfidence:
        """For a line on which the engines agree so much, in log-odds."""
        return CharacterConfidence(self.base + self.agreement * agreement, self.slope)

    def of(self, winner: float, others: Sequence[float]) -> float:
        """In [0, 1], for the supports of the winner and of the other candidates in nats."""
        return _logistic(self.base + self.slope * margin(winner, others))


def _logistic(value: float) -> float:
    """The probability, in [0, 1], that has these log-odds."""
    return 1.0 / (1.0 + math.exp(-value)) if value > -700.0 else 0.0


def margin(winner: float, others: Sequence[float]) -> float:
    """The log-odds of a winner against the other candidates and one that no engine read."""
    if not others:
        return winner
    highest = max(0.0, *others)
    return winner - highest - math.log(math.exp(-highest) + sum([math.exp(other - highest) for other in others]))


class WordFeatures(NamedTuple):
    """What the vote knows of a fused word; log-odds are natural, within MIN_LOG_ODDS and MAX_LOG_ODDS."""

    characters: float
    """Log-odds of the geometric mean of its characters' confidences."""
    least_character: float
    """Log-odds of the least of them."""
    disputed_slots: int
    """In how many slots of the word or beside it the engines differ."""
    leading: float
    """Log-odds of the least probability that the leading engine has there."""
    least_claim: float
    """The same of all engines."""
    mean_claim: float
    """Mean over the engines of the log-odds of the least that each has."""
    known: float
    """1 where a language of the page has the word, 0 where none has, times the share of the page's words that they
    know."""
    accented: float
    """How often the languages of the page write such a word with an accent, where it was read without any, in
    [0, 1]."""

    def terms(self) -> tuple[float, ...]:
        """What a logistic function is fitted to, in the order of WORD_TERMS."""
        return (
            self.characters,
            self.least_character,
            float(self.disputed_slots > 0),
            float(min(self.disputed_slots, MAX_DISPUTED_SLOTS)),
            self.leading,
            self.least_claim,
            self.mean_claim,
            self.known,
            self.accented,
            self.characters**2 / _SQUARE,
            self.leading**2 / _SQUARE,
            self.least_claim**2 / _SQUARE,
            self.mean_claim**2 / _SQUARE,
        )


WORD_TERMS = (
    "characters",
    "least_character",
    "disputed",
    "disputed_slots",
    "leading",
    "least_claim",
    "mean_claim",
    "known",
    "accented",
    "characters_squared",
    "leading_squared",
    "least_claim_squared",
    "mean_claim_squared",
)


@dataclass(frozen=True, slots=True)
class WordConfidence:
    """From what the vote knows of a fused word to the probability that it is right: a logistic function of its terms,
    then a table. No term belongs to an engine but that of the one that leads.
    """

    base: float
    slopes: tuple[float, ...]
    table: Calibration = IDENTITY

    def __post_init__(self) -> None:
        if len(self.slopes) != len(WORD_TERMS) or not all(map(math.isfinite, (self.base, *self.slopes))):
            raise ValueError(f"{self}: want a finite slope for each of {', '.join(WORD_TERMS)}")

    def raw(self, features: WordFeatures) -> float:
        """In [0, 1], before the table."""
        return _logistic(self.base + sum(map(operator.mul, self.slopes, features.terms())))

    def of(self, features: WordFeatures) -> float:
        """In [0, 1]."""
        return self.table.of(self.raw(features))


UNTUNED_CHARACTERS = CharacterConfidence()

_LEAST_LEGIBLE = {2: -0.5, 3: 0.5, 4: 1.0}
"""By how many engines voted: below these mean log-odds of its characters a line is noise to all of them. True lines of
clean print lie above 1.5, mirrored print, scrawl and dust below 1 (docs/log.md, 2026-11-30)."""
_LEAST_OF_A_KIND = 0.5
"""The bound where a model for such lines leads: the others, which are no good at them, say less. Between this and the
usual bound letters of a hand have a third of their characters wrong (docs/log.md, 2026-11-30).
"""
_MORE_AMONG_NOISE = 1.0
"""What is added to the bound where most lines of a page are noise: mirrored print has lines above 1.5."""
_FEW, _LEAST_OF_FEW = 3, -0.5
"""So few characters, as page numbers have, are seldom sure even where they are right: for those the bound is lower."""


def is_legible(
    confidences: Sequence[float], engines: int, *, specialised: bool = False, among_noise: bool = False
) -> bool:
    """Whether a line of characters with these confidences is text that somebody can read. One engine alone cannot say
    so. `specialised` is whether a model for such lines leads, `among_noise` whether most lines of the page are noise.
    """
    if engines < 2 or not confidences:
        return True
    least = _LEAST_LEGIBLE[min(engines, max(_LEAST_LEGIBLE))]
    if among_noise:
        least += _MORE_AMONG_NOISE
    if specialised:
        least = min(least, _LEAST_OF_A_KIND)
    if len(confidences) <= _FEW:
        least = min(least, _LEAST_OF_FEW)
    return sum(map(log_odds, confidences)) / len(confidences) >= least
