"""Whose word counts how much, and how sure is sure enough.

A profile holds the voting weight of each engine for one kind of material, what each engine's scores are worth, and the
thresholds by which an answer is judged. Weights are relative: only their ratios among the engines that answered count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fusion.calibration import IDENTITY, Calibration


class Band(StrEnum):
    """A confidence in one word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences in [0, 1]: below `accept` an answer is not accepted and its band is low, from `high` on its band is
    high, below `review` a person should look at it.
    """

    accept: float = 0.5
    review: float = 0.7
    high: float = 0.8

    def __post_init__(self) -> None:
        for name, value in (("accept", self.accept), ("review", self.review), ("high", self.high)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"threshold {name} is {value}; want 0 to 1")
        if self.accept > self.high:
            raise ValueError(f"threshold accept {self.accept} is above high {self.high}: an answer would be both")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to make of a confidence."""

    accepted: bool
    needs_review: bool
    band: Band


def judge(confidence: float, thresholds: Thresholds) -> Verdict:
    """The verdict on a fused confidence in [0, 1]."""
    accepted = confidence >= thresholds.accept
    band = Band.HIGH if confidence >= thresholds.high else Band.MEDIUM if accepted else Band.LOW
    return Verdict(accepted, confidence < thresholds.review, band)


@dataclass(frozen=True, slots=True)
class Profile:
    """Voting weights (non-negative, by engine), thresholds, and calibrations (by engine; identity where missing).

    An engine that the profile does not name has weight 0: it is heard and shown, and it counts only where all weights
    are 0, or in majority voting, which asks for no weights.
    """

    name: str
    weights: Mapping[str, float]
    thresholds: Thresholds = Thresholds()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a profile needs a name")
        for engine, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0.0):
                raise ValueError(f"profile {self.name}: weight of {engine} is {weight}; want a number of at least 0")

    def shares(self, engines: Iterable[str]) -> dict[str, float]:
        """The part of the vote that each of these engines has; together 1. Equal parts where all weights are 0."""
        weights = {engine: self.weights.get(engine, 0.0) for engine in engines}
        largest = max(weights.values(), default=0.0)
        if largest == 0.0:
            return dict.fromkeys(weights, 1.0 / len(weights)) if weights else {}
        scaled = {engine: weight / largest for engine, weight in weights.items()}  # so that the sum cannot overflow
        total = math.fsum(scaled.values())
        return {engine: weight / total for engine, weight in scaled.items()}

    def calibration(self, engine: str) -> Calibration:
        return self.calibrations.get(engine, IDENTITY)


def profiles_from_priors(
    priors: Mapping[str, Mapping[str, float]],
    thresholds: Thresholds = Thresholds(),
) -> dict[str, Profile]:
    """The hand-made profiles, by name, from each engine's prior weights: `priors[engine][profile]`.

    Every profile that any engine names exists; an engine without a prior for it has weight 0 there.
    """
    names = sorted({name for weights in priors.values() for name in weights})
    return {
        name: Profile(
            name,
            {engine: weights.get(name, 0.0) for engine, weights in priors.items()},
            thresholds,
        )
        for name in names
    }
