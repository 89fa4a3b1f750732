"""Where the time goes: whatever happens while it is measured, the parts that a request waited for add up to it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr import Laps, Stretch
from ocr.timing import OTHER, TRANSFER, Placed, placed
from tests.fakes.hand_clock import HandClock

pytestmark = pytest.mark.hypothesis

seconds = st.floats(0.0, 100.0)
leaves = st.builds(Stretch, st.sampled_from("abc"), st.just("here"), seconds)


def _around(parts: list[Stretch], side_by_side: bool, more: float) -> Stretch:
    covered = max if side_by_side else sum
    return Stretch("w", "here", covered([part.seconds for part in parts]) + more, tuple(parts), side_by_side)


stretches = st.recursive(
    leaves, lambda inner: st.builds(_around, st.lists(inner, min_size=1, max_size=4), st.booleans(), seconds)
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def laps(clock: HandClock) -> Laps:
    return Laps("Router", clock)


def told(spent: tuple[Stretch, ...]) -> list[tuple[str, float]]:
    return [(stretch.name, stretch.seconds) for stretch in spent]


@given(st.lists(stretches, max_size=4))
def test_the_critical_parts_follow_one_another_without_a_gap_and_take_as_long_as_the_whole(
    spent: list[Stretch],
) -> None:
    parts = placed(spent)
    critical = [part for part in parts if part.critical]
    whole_s = sum(stretch.seconds for stretch in spent)
    assert sum(part.stretch.seconds for part in critical) == pytest.approx(whole_s, abs=1e-4)
    for before, after in pairwise(critical):
        assert after.start_s == pytest.approx(before.start_s + before.stretch.seconds, abs=1e-4)


@given(st.lists(stretches, max_size=4))
def test_each_part_lies_within_the_last_one_above_it_that_is_less_deep(spent: list[Stretch]) -> None:
    around: list[Placed] = []
    for part in placed(spent):
        around = around[: part.depth]
        if around:
            outer = around[-1]
            assert part.start_s >= outer.start_s - 1e-4
            assert part.start_s + part.stretch.seconds <= outer.start_s + outer.stretch.seconds + 1e-4
        around.append(part)


@given(seconds, st.lists(stretches, max_size=4))
def test_a_call_takes_as_long_as_its_caller_waited_whatever_the_other_side_says(
    waited_s: float, spent: list[Stretch]
) -> None:
    call = Stretch.of_call("read", "Router", "engine", waited_s, spent)
    assert call.seconds == waited_s
    assert not spent or sum(part.seconds for part in call.parts) == pytest.approx(waited_s, abs=1e-4)


def test_what_a_caller_waited_beyond_what_the_other_side_did_is_transfer() -> None:
    call = Stretch.of_call(
        "read", "Router", "engine", 0.5, [Stretch("queue", "engine", 0.1), Stretch("x", "engine", 0.3)]
    )
    assert [(part.name, part.where, round(part.seconds, 6)) for part in call.parts] == [
        (TRANSFER, "Router to engine", 0.1),
        ("queue", "engine", 0.1),
        ("x", "engine", 0.3),
    ]


def test_a_call_that_was_not_answered_has_no_parts() -> None:
    assert Stretch.of_call("read", "Router", "engine", 0.5, ()) == Stretch("read", "engine", 0.5)


def test_every_moment_belongs_to_one_lap(laps: Laps, clock: HandClock) -> None:
    clock.now += 1.0
    laps.lap("a")
    clock.now += 2.0
    laps.call("b", "engine", (Stretch("c", "engine", 0.5),))
    clock.now += 4.0
    laps.side_by_side("d", [Stretch("e", "e", 3.0), Stretch("f", "f", 3.5)])
    assert told(laps.spent) == [("a", 1.0), ("b", 2.0), ("d", 4.0)]
    critical = [part.stretch.name for part in placed(laps.spent) if part.critical]
    assert critical == ["a", TRANSFER, "c", "f", OTHER], "the others were waited for with the longest"


def test_what_is_done_in_turns_is_put_together(laps: Laps, clock: HandClock) -> None:
    for name, duration in (("queue", 1.0), ("read", 2.0), ("wait", 4.0), ("read", 8.0)):
        clock.now += duration
        laps.more(name)
    assert told(laps.spent) == [("queue", 1.0), ("read", 10.0), ("wait", 4.0)]


def test_a_clock_that_is_set_back_makes_no_negative_time(laps: Laps, clock: HandClock) -> None:
    clock.now -= 1.0
    laps.lap("a")
    assert told(laps.spent) == [("a", 0.0)]


@pytest.mark.parametrize(
    ("seconds_", "parts", "side_by_side"),
    [(-1.0, (), False), (1.0, (0.6, 0.6), False), (1.0, (1.1, 0.1), True)],
)
def test_a_duration_below_zero_or_parts_longer_than_the_whole_are_refused(
    seconds_: float, parts: tuple[float, ...], side_by_side: bool
) -> None:
    inner = tuple(Stretch("part", "here", part) for part in parts)
    with pytest.raises(ValueError, match="whole"):
        Stretch("whole", "here", seconds_, inner, side_by_side)
