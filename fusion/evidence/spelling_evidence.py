"""How much the spelling model counts in the vote, fitted to labelled lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fusion.evidence.spelling_model import SpellingModel

SPELLING = "spelling"
"""The name of the spelling model among the voters."""


@dataclass(frozen=True, slots=True)
class SpellingEvidence:
    """A candidate has the support `slope` * (its log-probability + `per_symbol` * its length), above the least likely
    candidate. Without the second part, whatever has characters would count against itself.
    """

    model: SpellingModel
    slope: float
    per_symbol: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope >= 0.0):
            raise ValueError(f"spelling: slope {self.slope} is not a number of at least 0")

    def supports(self, before: str, after: str, candidates: Mapping[str, str]) -> dict[str, float]:
        """By candidate, in nats: how much more likely each is than the least likely one; nothing where they are spelt
        alike. `before` and `after` are the symbols around the slot, `candidates` has the symbols of each candidate.
        """
        if len(set(candidates.values())) == 1:
            return {}
        scores = {
            candidate: self.model.log_probability(before, own, after) + self.per_symbol * len(own)
            for candidate, own in candidates.items()
        }
        least = min(scores.values())
        return {candidate: self.slope * (score - least) for candidate, score in scores.items()}
