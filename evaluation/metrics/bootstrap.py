"""How far a figure from so many lines can be trusted: bootstrap intervals and paired tests.

Lines are drawn again, with replacement, a few thousand times (Efron and Tibshirani 1993); what is drawn is whole lines,
so errors that hang together in a line stay together. Bisani and Ney 2004 (doi:10.1109/ICASSP.2004.1326009) do so for
word error rates. Lines of one page are not independent, which makes the intervals a little too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which two rates or differences the true one lies in 95 of 100 cases."""

    low: float
    high: float


def _draws(lines: int, seed: int) -> NDArray[np.float64]:
    """(ROUNDS, lines): how often each line is drawn in each round."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(lines, np.full(lines, 1.0 / lines), size=ROUNDS).astype(np.float64)


def bootstrap_interval(edits: Sequence[int], lengths: Sequence[int], seed: int = 0) -> Interval:
    """Of an error rate: the edits of each line over its length."""
    if not edits:
        return Interval(0.0, 0.0)
    drawn = _draws(len(edits), seed)
    rates = (drawn @ np.array(edits, dtype=np.float64)) / np.maximum(1.0, drawn @ np.array(lengths, dtype=np.float64))
    low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def paired_bootstrap(one: Sequence[int], other: Sequence[int], seed: int = 0) -> float:
    """How likely a difference of edits this large is if neither reader of the same lines is better: two-sided."""
    differences = np.array(one, dtype=np.float64) - np.array(other, dtype=np.float64)
    if not differences.any():
        return 1.0
    sums = _draws(len(differences), seed) @ differences
    return float(min(1.0, 2.0 * min((sums <= 0).mean(), (sums >= 0).mean())))


def paired_interval(one: Sequence[int], other: Sequence[int], seed: int = 0) -> Interval:
    """By which part of `other` the edits of `one` differ, on the same lines: below 0 where `one` makes fewer."""
    if not sum(other):
        return Interval(0.0, 0.0)
    drawn = _draws(len(one), seed)
    of_other = drawn @ np.array(other, dtype=np.float64)
    differences = (drawn @ np.array(one, dtype=np.float64) - of_other) / np.maximum(1.0, of_other)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
