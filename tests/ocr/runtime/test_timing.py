"""Where the time goes: whatever happens while it is measured, the parts that a request waited for add up to it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr import StepTimer, TimedStep
from ocr.runtime.timing import OTHER, TRANSFER, TimelineEntry, timeline
from tests.fakes.hand_clock import HandClock

pytestmark = pytest.mark.hypothesis

seconds = st.floats(0.0, 100.0)
leaves = st.builds(TimedStep, st.sampled_from("abc"), st.just("here"), seconds)


def _around(parts: list[TimedStep], parallel: bool, more: float) -> TimedStep:
    covered = max if parallel else sum
    return TimedStep("w", "here", covered([part.seconds for part in parts]) + more, tuple(parts), parallel)


steps = st.recursive(
    leaves, lambda inner: st.builds(_around, st.lists(inner, min_size=1, max_size=4), st.booleans(), seconds)
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def timer(clock: HandClock) -> StepTimer:
    return StepTimer("Router", clock)


def told(timings: tuple[TimedStep, ...]) -> list[tuple[str, float]]:
    return [(step.name, step.seconds) for step in timings]


@given(st.lists(steps, max_size=4))
def test_the_critical_parts_follow_one_another_without_a_gap_and_take_as_long_as_the_whole(
    timings: list[TimedStep],
) -> None:
    parts = timeline(timings)
    critical = [part for part in parts if part.critical]
    whole_s = sum(step.seconds for step in timings)
    assert sum(part.step.seconds for part in critical) == pytest.approx(whole_s, abs=1e-4)
    for before, after in pairwise(critical):
        assert after.start_s == pytest.approx(before.start_s + before.step.seconds, abs=1e-4)


@given(st.lists(steps, max_size=4))
def test_each_part_lies_within_the_last_one_above_it_that_is_less_deep(timings: list[TimedStep]) -> None:
    around: list[TimelineEntry] = []
    for part in timeline(timings):
        around = around[: part.depth]
        if around:
            outer = around[-1]
            assert part.start_s >= outer.start_s - 1e-4
            assert part.start_s + part.step.seconds <= outer.start_s + outer.step.seconds + 1e-4
        around.append(part)


@given(seconds, st.lists(steps, max_size=4))
def test_a_call_takes_as_long_as_its_caller_waited_whatever_the_other_side_says(
    waited_s: float, timings: list[TimedStep]
) -> None:
    call = TimedStep.of_call("read", "Router", "engine", waited_s, timings)
    assert call.seconds == waited_s
    assert not timings or sum(part.seconds for part in call.parts) == pytest.approx(waited_s, abs=1e-4)


def test_what_a_caller_waited_beyond_what_the_other_side_did_is_transfer() -> None:
    call = TimedStep.of_call(
        "read", "Router", "engine", 0.5, [TimedStep("queue", "engine", 0.1), TimedStep("x", "engine", 0.3)]
    )
    assert [(part.name, part.where, round(part.seconds, 6)) for part in call.parts] == [
        (TRANSFER, "Router to engine", 0.1),
        ("queue", "engine", 0.1),
        ("x", "engine", 0.3),
    ]


def test_a_call_that_was_not_answered_has_no_parts() -> None:
    assert TimedStep.of_call("read", "Router", "engine", 0.5, ()) == TimedStep("read", "engine", 0.5)


def test_every_moment_belongs_to_one_step(timer: StepTimer, clock: HandClock) -> None:
    clock.now += 1.0
    timer.end_step("a")
    clock.now += 2.0
    timer.end_call("b", "engine", (TimedStep("c", "engine", 0.5),))
    clock.now += 4.0
    timer.end_parallel("d", [TimedStep("e", "e", 3.0), TimedStep("f", "f", 3.5)])
    assert told(timer.timings) == [("a", 1.0), ("b", 2.0), ("d", 4.0)]
    critical = [part.step.name for part in timeline(timer.timings) if part.critical]
    assert critical == ["a", TRANSFER, "c", "f", OTHER], "the others were waited for with the longest"


def test_what_is_done_in_turns_is_put_together(timer: StepTimer, clock: HandClock) -> None:
    for name, duration in (("queue", 1.0), ("read", 2.0), ("wait", 4.0), ("read", 8.0)):
        clock.now += duration
        timer.add_to_step(name)
    assert told(timer.timings) == [("queue", 1.0), ("read", 10.0), ("wait", 4.0)]


def test_a_clock_that_is_set_back_makes_no_negative_time(timer: StepTimer, clock: HandClock) -> None:
    clock.now -= 1.0
    timer.end_step("a")
    assert told(timer.timings) == [("a", 0.0)]


@pytest.mark.parametrize(
    ("seconds_", "parts", "parallel"),
    [(-1.0, (), False), (1.0, (0.6, 0.6), False), (1.0, (1.1, 0.1), True)],
)
def test_a_duration_below_zero_or_parts_longer_than_the_whole_are_refused(
    seconds_: float, parts: tuple[float, ...], parallel: bool
) -> None:
    inner = tuple(TimedStep("part", "here", part) for part in parts)
    with pytest.raises(ValueError, match="whole"):
        TimedStep("whole", "here", seconds_, inner, parallel)


def test_steps_that_another_process_measured_are_followed_by_what_is_missing_of_them():
    clock = iter([10.0, 13.0])
    timer = StepTimer("Segmentation", clock=lambda: next(clock))
    timer.add_steps(
        (TimedStep("decode", "Segmentation", 0.5), TimedStep("find lines", "Segmentation", 2.0)), "hand over"
    )
    assert [(step.name, step.seconds) for step in timer.timings] == [
        ("decode", 0.5),
        ("find lines", 2.0),
        ("hand over", 0.5),
    ]


def test_of_two_clocks_that_disagree_the_own_one_is_believed():
    clock = iter([10.0, 12.0])
    timer = StepTimer("Segmentation", clock=lambda: next(clock))
    timer.add_steps(
        (TimedStep("decode", "Segmentation", 1.0), TimedStep("find lines", "Segmentation", 3.0)), "hand over"
    )
    assert [step.seconds for step in timer.timings] == [0.5, 1.5, 0.0]
