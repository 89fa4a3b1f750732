"""Whether a confidence is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from enum import StrEnum


class Band(StrEnum):
    """A confidence in one word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences in [0, 1]: below `accept` an answer is not accepted and its band is low, from `high` on its band is
    high, below `review` a person should look at it. A page should be looked at where more than `doubted` of its
    words is below `review`.
    """

    accept: float = 0.5
    review: float = 0.7
    high: float = 0.8
    doubted: float = 0.05

    def __post_init__(self) -> None:
        for name, value in zip(("accept", "review", "high", "doubted"), astuple(self), strict=True):
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


def judge_page(
    confidence: float, word_confidences: Sequence[float], illegible_share: float, thresholds: Thresholds
) -> Verdict:
    """The verdict on a page by its words: a person should look where there are none, where too many are doubted, or
    where too large a part of the lines is not legible. `confidence` is that of the page.
    """
    doubted = sum(own < thresholds.review for own in word_confidences)
    needs_review = doubted > thresholds.doubted * len(word_confidences) or illegible_share > thresholds.doubted
    return replace(judge(confidence, thresholds), needs_review=not word_confidences or needs_review)
