"""How sure the vote is: the probability that a fused character is right, and that a fused word is.

The parameters are fitted to labelled lines (training/votes/tuning.py); nothing here knows how.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fusion.evidence.calibration import IDENTITY, Calibration

MAX_DISPUTED_SLOTS = 4
_MIN_PROBABILITY = 1e-6


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
        value = self.base + self.slope * margin(winner, others)
        return 1.0 / (1.0 + math.exp(-value)) if value > -700.0 else 0.0


def margin(winner: float, others: Sequence[float]) -> float:
    """The log-odds of a winner against the other candidates and one that no engine read."""
    if not others:
        return winner
    highest = max(0.0, *others)
    return winner - highest - math.log(math.exp(-highest) + sum([math.exp(other - highest) for other in others]))


@dataclass(frozen=True, slots=True)
class WordConfidence:
    """From the geometric mean of a word's characters to the probability that the word is right. Its log-odds fall by
    `disputed` where the engines differ in any slot of the word or beside it, and by `per_slot` for every such slot, as
    far as MAX_DISPUTED_SLOTS; then they pass through the table.
    """

    disputed: float = 0.0
    per_slot: float = 0.0
    table: Calibration = IDENTITY

    def __post_init__(self) -> None:
        if not (math.isfinite(self.disputed) and math.isfinite(self.per_slot)):
            raise ValueError(f"{self}: want finite numbers")

    def raw(self, mean: float, disputed_slots: int) -> float:
        """In [0, 1], before the table."""
        if not disputed_slots or not (self.disputed or self.per_slot):
            return mean
        probability = min(max(mean, _MIN_PROBABILITY), 1.0 - _MIN_PROBABILITY)
        log_odds = math.log(probability / (1.0 - probability))
        log_odds = log_odds - self.disputed - self.per_slot * min(disputed_slots, MAX_DISPUTED_SLOTS)
        return 1.0 / (1.0 + math.exp(-log_odds))

    def of(self, mean: float, disputed_slots: int) -> float:
        """In [0, 1], for a word with so many slots in which the engines differ."""
        return self.table.of(self.raw(mean, disputed_slots))


UNTUNED_CHARACTERS = CharacterConfidence()
UNTUNED_WORDS = WordConfidence()
"""Words are as sure as their characters."""
