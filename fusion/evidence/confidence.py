"""How sure the vote is: from the supports of what stands in a place to the probability that the winner is right, and
from the characters of a word to the probability that the word is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fusion.evidence.calibration import IDENTITY, Calibration

_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Assurance:
    """From the supports of a place's candidates to the confidence in the winner. The log-odds of being right are
    `base` + `slope` * (the winner's support - log(1 + the sum of e^support over the others)) + `agreement` * how much
    the engines agree on the line, in log-odds.
    """

    base: float = 0.0
    slope: float = 1.0
    agreement: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.base, self.slope, self.agreement))) or self.slope < 0.0:
            raise ValueError(f"{self}: want finite numbers, and a slope of at least 0; more support never harms")

    def on_line(self, agreement: float) -> Assurance:
        """For a line on which engines agree so much."""
        return Assurance(self.base + self.agreement * agreement, self.slope)

    def of(self, winner: float, others: Sequence[float]) -> float:
        """In [0, 1], for the supports of the winner and of the others in nats."""
        value = self.base + self.slope * margin(winner, others)
        return 1.0 / (1.0 + math.exp(-value)) if value > -700.0 else 0.0


def margin(winner: float, others: Sequence[float]) -> float:
    """The log-odds of a winner against the other candidates and one that nobody named."""
    if not others:
        return winner
    highest = max(0.0, *others)
    return winner - highest - math.log(math.exp(-highest) + sum([math.exp(other - highest) for other in others]))


PLAIN_ASSURANCE = Assurance()

MOST_CONTESTS = 4


@dataclass(frozen=True, slots=True)
class WordTrust:
    """From the geometric mean of a word's characters to the probability that the word is right. Its log-odds fall by
    `contested` where the engines differ at any place of the word or beside it, and by `each` for every such place, as
    far as MOST_CONTESTS; then they pass through the table.
    """

    contested: float = 0.0
    each: float = 0.0
    table: Calibration = IDENTITY

    def __post_init__(self) -> None:
        if not (math.isfinite(self.contested) and math.isfinite(self.each)):
            raise ValueError(f"{self}: want finite numbers")

    def raw(self, mean: float, contests: int) -> float:
        """In [0, 1], before the table."""
        if not contests or not (self.contested or self.each):
            return mean
        sure = min(max(mean, _LEAST), 1.0 - _LEAST)
        odds = math.log(sure / (1.0 - sure)) - self.contested - self.each * min(contests, MOST_CONTESTS)
        return 1.0 / (1.0 + math.exp(-odds))

    def of(self, mean: float, contests: int) -> float:
        """In [0, 1], for a word with so many places at which engines differ."""
        return self.table.of(self.raw(mean, contests))


PLAIN_TRUST = WordTrust()
"""Words are as sure as their characters."""
