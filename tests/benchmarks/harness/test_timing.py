"""The one loop that times calls."""

from __future__ import annotations

from itertools import accumulate

from benchmarks.harness.timing import timed


def test_each_call_is_timed_by_itself_after_those_that_do_not_count() -> None:
    calls: list[int] = []
    clock = accumulate([0.0, 1.0, 5.0, 2.0]).__next__  # a call takes 1 and 2, and 5 pass between them
    assert timed(lambda: calls.append(1), 2, uncounted=3, clock=clock) == [1.0, 2.0]
    assert len(calls) == 5
