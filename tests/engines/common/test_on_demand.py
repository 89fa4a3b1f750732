"""Something costly is made when it is first used, kept while it is used, and let go afterwards."""

from __future__ import annotations

import time

import pytest

from engines.common.on_demand import OnDemand


class Maker:
    """Counts what it made; fails as often as it was told to."""

    def __init__(self, failures: int = 0) -> None:
        self.made, self.failures = 0, failures

    def __call__(self) -> str:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is gone")
        self.made += 1
        return f"number {self.made}"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def use(thing: OnDemand[str]) -> str:
    with thing.used() as made:
        return made


def test_it_is_made_when_it_is_first_used_and_once() -> None:
    maker = Maker()
    thing = OnDemand("thing", maker)
    assert (thing.is_held, maker.made) == (False, 0)
    assert [use(thing), use(thing)] == ["number 1", "number 1"]
    assert thing.is_held


def test_it_is_let_go_when_nobody_used_it_for_so_long_and_made_anew() -> None:
    clock = Clock()
    thing = OnDemand("thing", Maker(), kept_s=60.0, clock=clock)
    use(thing)
    clock.now = 50.0
    use(thing)
    clock.now = 100.0
    thing.let_go_if_unused()
    assert thing.is_held
    clock.now = 110.0
    thing.let_go_if_unused()
    assert not thing.is_held
    assert use(thing) == "number 2"


def test_it_goes_without_anybody_asking() -> None:
    thing = OnDemand("thing", Maker(), kept_s=0.01)
    use(thing)
    until = time.monotonic() + 60.0
    while thing.is_held and time.monotonic() < until:
        time.sleep(0.01)
    assert not thing.is_held


def test_the_time_counts_from_the_end_of_a_use_that_failed_as_well() -> None:
    clock = Clock()
    thing = OnDemand("thing", Maker(), kept_s=60.0, clock=clock)

    def fail_late() -> None:
        with thing.used():
            clock.now = 100.0
            raise ValueError("in use")

    with pytest.raises(ValueError, match="in use"):
        fail_late()
    clock.now = 150.0
    thing.let_go_if_unused()
    assert thing.is_held


def test_what_could_not_be_made_is_tried_again() -> None:
    thing = OnDemand("thing", Maker(failures=1))
    with pytest.raises(OSError, match="the disk is gone"):
        use(thing)
    assert use(thing) == "number 1"
