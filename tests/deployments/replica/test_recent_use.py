"""What callers had lately, on a clock of the test's own."""

from __future__ import annotations

import pytest

from deployments.replica.recent_use import RecentUse


def test_what_a_caller_had_counts_less_as_time_goes_by_and_is_forgotten() -> None:
    now = 0.0
    had = RecentUse(lambda: now, 10.0)
    had.add("a", 4.0)
    now = 10.0
    assert had.of("a") == pytest.approx(2.0)
    had.add("a", 1.0)
    now = 20.0
    assert had.of("a") == pytest.approx(1.5)
    assert had.of("b") == 0.0
    now = 500.0
    had.add("b", 1.0)
    assert list(had._had) == ["b"]
