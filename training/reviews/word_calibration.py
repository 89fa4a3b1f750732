"""How sure fused words are, moved to what people found of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics.text_comparison import correct_words
from fusion import FusedLine, Profile
from fusion.evidence.calibration import Calibration
from fusion.evidence.claim_evidence import log_odds
from training.reviews.reviewed_lines import ReviewedLine

_RIDGE = 4.0  # words that say that the confidences are right as they are
_UNSEEN = 1.0
"""For how many words one counts at which nobody looked: it says that its confidence is right."""


@dataclass(frozen=True, slots=True)
class _JudgedWord:
    """A fused word: how sure it was, whether it is right, in [0, 1], and for how many it counts. Of one at which nobody
    looked its confidence is the best that is known.
    """

    confidence: float
    right: float
    weight: float
    looked_at: bool


def _judged_words(line: ReviewedLine, fused: FusedLine) -> Iterator[_JudgedWord]:
    read = line.line.normalised(fused.text)
    if len(read.split()) != len(fused.words):
        return
    right = correct_words(read, line.line.truth)
    for word, is_right, weight in zip(fused.words, right, line.weights_of(read), strict=True):
        if weight:
            yield _JudgedWord(word.confidence, float(is_right), weight, looked_at=True)
        else:
            yield _JudgedWord(word.confidence, word.confidence, _UNSEEN, looked_at=False)


def brier(line: ReviewedLine, fused: FusedLine) -> float:
    """The sum over words at which people looked of the squared error of their confidence, by their weights."""
    judged = [word for word in _judged_words(line, fused) if word.looked_at]
    return sum(word.weight * (word.confidence - word.right) ** 2 for word in judged)


def recalibrated(profile: Profile, lines: Iterable[tuple[ReviewedLine, FusedLine]]) -> Profile:
    """The profile with the confidences of words that people's findings ask for: log-odds moved and stretched, with a
    ridge that leaves them as they are. The lines are fused by the profile.
    """
    tuning = profile.tuning
    if tuning is None or tuning.word_confidence is None:
        return profile
    base, slope = _logistic_moves([own for line, fused in lines for own in _judged_words(line, fused)])
    table = tuning.word_confidence.table
    moved_table = Calibration(
        table.raw, tuple(round(_moved_probability(value, base, slope), 4) for value in table.probability)
    )
    confidence = replace(tuning.word_confidence, table=moved_table)
    return replace(profile, tuning=replace(tuning, word_confidence=confidence, source=None))


def _moved_probability(probability: float, base: float, slope: float) -> float:
    return 1.0 / (1.0 + math.exp(-(base + slope * log_odds(probability))))


def _logistic_moves(judged: Sequence[_JudgedWord]) -> tuple[float, float]:
    """By how much log-odds are moved and stretched so that confidences fit what was found. Who was asked depends on the
    confidence alone, so what was found holds for all words that are as sure; for the others the profile speaks.
    """
    from scipy.optimize import minimize

    if not any(word.looked_at for word in judged):
        return 0.0, 1.0
    odds = np.array([log_odds(word.confidence) for word in judged])
    right = np.array([word.right for word in judged])
    weight = np.array([word.weight for word in judged])

    def loss(values: np.ndarray) -> float:
        value = values[0] + values[1] * odds
        likelihood = weight @ (np.logaddexp(0.0, value) - right * value)
        return float(likelihood + _RIDGE * (values[0] ** 2 + (values[1] - 1.0) ** 2))

    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=[(-3.0, 3.0), (0.2, 3.0)])
    return float(found.x[0]), float(found.x[1])
