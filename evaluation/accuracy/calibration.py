"""Whether the confidences of fused words are true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.doubt import ScoredWords

BINS = 10


_DRAWS = 400


@dataclass(frozen=True, slots=True)
class WordCalibration:
    """The expected calibration error of fused words in ten equal bins (Naeini et al. 2015), how many words, and the
    error that so many words would show if every confidence were true.
    """

    error: float
    words: int
    by_chance: float


def word_calibration(words: ScoredWords) -> WordCalibration:
    """Of words that were read; those that nobody read have no confidence."""
    confidences = words.confidences
    if not len(confidences):
        return WordCalibration(0.0, 0, 0.0)
    drawn = np.random.default_rng(0).random((_DRAWS, len(confidences))) < confidences
    by_chance = float(np.mean([_gap(confidences, one) for one in drawn]))
    return WordCalibration(_gap(confidences, words.right), len(confidences), by_chance)


def _gap(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(bins, confidences, BINS) - np.bincount(bins, right.astype(np.float64), BINS))
    return float(gaps.sum() / len(confidences))
