"""How far a figure can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.bootstrap import Interval, bootstrap_interval, paired_bootstrap, paired_interval


def test_an_interval_holds_the_rate_and_shrinks_with_more_lines() -> None:
    rng = np.random.default_rng(7)
    few = (rng.random(50) < 0.1).astype(int).tolist()
    many = (rng.random(1250) < 0.1).astype(int).tolist()
    wide, narrow = (bootstrap_interval(edits, [1] * len(edits)) for edits in (few, many))
    assert wide.low <= np.mean(few) <= wide.high
    assert narrow.low <= np.mean(many) <= narrow.high
    assert narrow.high - narrow.low == pytest.approx((wide.high - wide.low) / 5, rel=0.5)


def test_about_five_of_a_hundred_intervals_miss_the_truth() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for seed in range(100):
        found = bootstrap_interval((rng.random(80) < 0.2).astype(int).tolist(), [1] * 80, seed)
        missed += not found.low <= 0.2 <= found.high
    assert missed <= 12


def test_no_lines_have_no_rate() -> None:
    assert bootstrap_interval([], []) == Interval(0.0, 0.0)


def test_a_difference_on_many_lines_is_no_chance_and_one_that_cancels_is() -> None:
    assert paired_bootstrap([0] * 100, [1] * 30 + [0] * 70) < 0.01
    assert paired_bootstrap([1, 0] * 50, [0, 1] * 50) > 0.5
    assert paired_bootstrap([3, 1, 2], [3, 1, 2]) == 1.0


def test_an_interval_of_a_difference_is_relative_and_signed() -> None:
    fewer = paired_interval([1] * 40, [2] * 40)
    assert (fewer.low, fewer.high) == (-0.5, -0.5)
    mixed = paired_interval([0, 2] * 40, [1, 1] * 40)
    assert mixed.low < 0.0 < mixed.high
    assert paired_interval([3], [0]) == Interval(0.0, 0.0)
