"""What an engine's score is worth: a map from its raw score to the probability that it is right.

Engines are sure of themselves in different ways: 0.9 of one is right in 99 of 100 cases, 0.9 of another in 80. A table
made from labelled lines says which. This file applies tables; it does not know how they are fitted, nor whose they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone, piecewise linear map of [0, 1] into [0, 1] through the knots (raw[k], probability[k]).

    `raw` rises strictly, `probability` never falls. Below the first knot and above the last the map is constant.
    """

    raw: tuple[float, ...]
    probability: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.raw or len(self.raw) != len(self.probability):
            raise ValueError(f"calibration: {len(self.raw)} raw scores, {len(self.probability)} probabilities")
        if any(not 0.0 <= value <= 1.0 for value in (*self.raw, *self.probability)):
            raise ValueError("calibration: a knot lies outside [0, 1]")
        if any(left >= right for left, right in pairwise(self.raw)):
            raise ValueError(f"calibration: raw scores {self.raw} do not rise")
        if any(left > right for left, right in pairwise(self.probability)):
            raise ValueError(f"calibration: probabilities {self.probability} fall; a surer engine would count less")

    def of(self, score: float) -> float:
        """The probability in [0, 1] that a hypothesis made with this raw score is right."""
        above = bisect_right(self.raw, score)
        if above == 0:
            return self.probability[0]
        if above == len(self.raw):
            return self.probability[-1]
        left, right = self.raw[above - 1], self.raw[above]
        share = (score - left) / (right - left)
        return self.probability[above - 1] + share * (self.probability[above] - self.probability[above - 1])

    def of_all(self, scores: Sequence[float]) -> tuple[float, ...]:
        """`of` for each score; the scores themselves where the map is the identity."""
        return tuple(scores) if self is IDENTITY else tuple(map(self.of, scores))


IDENTITY = Calibration((0.0, 1.0), (0.0, 1.0))
"""An engine taken at its word."""
