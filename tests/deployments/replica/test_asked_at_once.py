"""How much a second counts for each caller, by how many pages it has asked for at once of late."""

from __future__ import annotations

import pytest

from deployments.replica.asked_at_once import LATELY_S, AskedAtOnce
from tests.fakes.hand_clock import HandClock

Told = list[dict[str, float]]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_the_most_that_one_asked_for_of_late_counts_four_at_most_and_by_its_share(clock: HandClock) -> None:
    told: Told = []
    pages = AskedAtOnce(lambda counts: told.append(dict(counts)), lambda who: 0.5 if who == "b" else 1.0, clock)
    assert pages.note("a", 9) == 9
    assert pages.note("a", 1) == 9  # the last of those that came together
    pages.note("b", 1)
    assert told == [{"a": 4.0}, {"a": 4.0}, {"a": 4.0, "b": 2.0}]


def test_one_that_asked_for_nothing_of_late_counts_like_anybody(clock: HandClock) -> None:
    told: Told = []
    pages = AskedAtOnce(lambda counts: told.append(dict(counts)), clock=clock)
    pages.note("a", 3)
    clock.now += LATELY_S
    assert pages.note("a", 1) == 1
    clock.now += LATELY_S
    pages.tell()
    assert told[-1] == {}
