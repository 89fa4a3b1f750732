"""Whether the confidences of fused words are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.text_comparison import correct_words
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine

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


def word_calibration(lines: Sequence[tuple[LabelledLine, FusedLine]]) -> WordCalibration:
    """Of the words of fused lines."""
    sure: list[float] = []
    right: list[bool] = []
    for line, fused in lines:
        text = line.normalised(fused.text)
        if len(text) == len(fused.text):
            sure += [word.confidence for word in fused.words]
            right += correct_words(text, line.truth)
    if not sure:
        return WordCalibration(0.0, 0, 0.0)
    confidences = np.array(sure)
    drawn = np.random.default_rng(0).random((_DRAWS, len(sure))) < confidences
    by_chance = float(np.mean([_gap(confidences, one) for one in drawn]))
    return WordCalibration(_gap(confidences, np.array(right)), len(sure), by_chance)


def _gap(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(bins, confidences, BINS) - np.bincount(bins, right.astype(np.float64), BINS))
    return float(gaps.sum() / len(confidences))
