"""Whether a confidence is enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


DEFAULT_THRESHOLDS = Thresholds()


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
