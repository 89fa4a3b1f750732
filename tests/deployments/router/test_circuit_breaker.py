"""The circuit breaker: what opens it, what closes it, and what holds for every history."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.config.schema import CircuitBreakerConfig
from deployments.messages.states import CircuitState
from deployments.router.circuit_breaker import AdmittedEngines, CircuitBreaker, CircuitBreakers, Permission
from tests.fakes.hand_clock import HandClock

CONFIG = CircuitBreakerConfig(failures=3, share=0.5, window_s=10.0, cool_down_s=5.0, patience_s=1.0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def record_outcome(breaker: CircuitBreaker, *outcomes: bool | None) -> None:
    for failed in outcomes:
        breaker.record_outcome(breaker.generation, failed, CONFIG)


def test_it_opens_at_so_many_failures_and_not_before(breaker: CircuitBreaker) -> None:
    record_outcome(breaker, True, True)
    assert breaker.acquire_permission(CONFIG) is Permission.CALL
    record_outcome(breaker, True)
    assert breaker.acquire_permission(CONFIG) is Permission.SKIP


def test_failures_among_many_successes_leave_it_closed(breaker: CircuitBreaker) -> None:
    record_outcome(breaker, *[False] * 7, *[True] * 6)
    assert breaker.state is CircuitState.CLOSED
    record_outcome(breaker, True)
    assert breaker.state is CircuitState.OPEN


def test_failures_that_are_long_ago_do_not_count(breaker: CircuitBreaker, clock: HandClock) -> None:
    record_outcome(breaker, True, True)
    clock.now += 10.0
    record_outcome(breaker, True, True)
    assert breaker.state is CircuitState.CLOSED


def test_what_says_nothing_about_the_engine_does_not_count(breaker: CircuitBreaker) -> None:
    record_outcome(breaker, *[None] * 20)
    assert breaker.state is CircuitState.CLOSED


def test_after_the_cool_down_there_is_one_probe_and_its_success_closes_it(
    breaker: CircuitBreaker, clock: HandClock
) -> None:
    record_outcome(breaker, True, True, True)
    clock.now += 4.9
    assert breaker.acquire_permission(CONFIG) is Permission.SKIP
    clock.now += 0.2
    assert [breaker.acquire_permission(CONFIG) for _ in range(3)] == [
        Permission.PROBE,
        Permission.SKIP,
        Permission.SKIP,
    ]
    record_outcome(breaker, False)
    assert breaker.acquire_permission(CONFIG) is Permission.CALL


def test_a_probe_that_fails_opens_it_for_another_cool_down(breaker: CircuitBreaker, clock: HandClock) -> None:
    record_outcome(breaker, True, True, True)
    clock.now += 5.0
    breaker.acquire_permission(CONFIG)
    record_outcome(breaker, True)
    assert breaker.acquire_permission(CONFIG) is Permission.SKIP
    clock.now += 5.0
    assert breaker.acquire_permission(CONFIG) is Permission.PROBE


def test_a_probe_that_tells_nothing_is_followed_by_another_at_once(breaker: CircuitBreaker, clock: HandClock) -> None:
    record_outcome(breaker, True, True, True)
    clock.now += 5.0
    breaker.acquire_permission(CONFIG)
    record_outcome(breaker, None)
    assert breaker.acquire_permission(CONFIG) is Permission.PROBE


def test_what_was_asked_before_it_opened_neither_closes_it_nor_counts_after_it_is_closed(
    breaker: CircuitBreaker, clock: HandClock
) -> None:
    before = breaker.generation
    record_outcome(breaker, True, True, True)
    breaker.record_outcome(before, False, CONFIG)
    assert breaker.state is CircuitState.OPEN
    clock.now += 5.0
    breaker.acquire_permission(CONFIG)
    record_outcome(breaker, False)
    for _ in range(10):
        breaker.record_outcome(before, True, CONFIG)
    assert breaker.state is CircuitState.CLOSED


def test_it_can_be_turned_off_while_it_is_open(breaker: CircuitBreaker) -> None:
    record_outcome(breaker, True, True, True)
    off = CircuitBreakerConfig(failures=0, share=0.5, window_s=10.0, cool_down_s=5.0, patience_s=1.0)
    assert breaker.acquire_permission(off) is Permission.CALL
    for _ in range(50):
        breaker.record_outcome(breaker.generation, True, off)
    assert breaker.acquire_permission(off) is Permission.CALL


@pytest.mark.parametrize("wrong", [{"failures": -1}, {"share": 0.0}, {"share": 1.1}, {"window_s": 0.0}])
def test_a_configuration_without_sense_is_refused(wrong: dict[str, float]) -> None:
    fields = {"failures": 3, "share": 0.5, "window_s": 10.0, "cool_down_s": 5.0, "patience_s": 1.0}
    with pytest.raises(ValueError, match="should be"):
        CircuitBreakerConfig.model_validate({**fields, **wrong})


# --- whatever happens ---

# A second passes, or requests begin and end: (seconds, how the oldest open one ends).
Events = list[tuple[float, bool | None]]
EVENTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 6.0]), st.sampled_from([True, False, None])), max_size=60)


def run(breaker: CircuitBreaker, clock: HandClock, events: Sequence[tuple[float, bool | None]]) -> list[Permission]:
    """Each event: time passes, a request asks what to do and, if it asks or probes, its outcome is noted."""
    permissions = []
    for seconds, failed in events:
        clock.now += seconds
        permission = breaker.acquire_permission(CONFIG)
        permissions.append(permission)
        if permission is not Permission.SKIP:
            breaker.record_outcome(breaker.generation, failed, CONFIG)
    return permissions


@given(EVENTS)
def test_an_engine_that_never_fails_is_never_left_out(events: Events) -> None:
    clock = HandClock()
    sane = [(seconds, failed and None) for seconds, failed in events]
    assert set(run(CircuitBreaker(clock), clock, sane)) <= {Permission.CALL}


@given(EVENTS)
def test_whatever_happened_an_engine_that_answers_again_is_asked_after_one_cool_down_and_one_probe(
    events: Events,
) -> None:
    clock = HandClock()
    breaker = CircuitBreaker(clock)
    run(breaker, clock, events)
    run(breaker, clock, [(CONFIG.cool_down_s, False)])
    assert breaker.acquire_permission(CONFIG) is Permission.CALL


@given(EVENTS)
def test_an_engine_that_always_fails_costs_at_most_its_failures_and_a_probe_for_each_cool_down(events: Events) -> None:
    clock = HandClock()
    permissions = run(CircuitBreaker(clock), clock, [(seconds, True) for seconds, _ in events])
    probes = sum(seconds for seconds, _ in events) / CONFIG.cool_down_s
    assert permissions.count(Permission.PROBE) <= probes
    # Failures that lie wide apart never come to three within a window.
    if all(seconds < 3.0 for seconds, _ in events):
        assert permissions.count(Permission.CALL) <= CONFIG.failures


@given(EVENTS, st.integers(0, 59))
def test_of_two_histories_that_differ_in_one_failure_the_better_one_is_never_left_out_more_often(
    events: Events, at: int
) -> None:
    """Within one window, where nothing is forgotten and nothing is probed."""
    still = [(0.0, failed) for _, failed in events]
    better = [(seconds, False if index == at else failed) for index, (seconds, failed) in enumerate(still)]
    first, second = HandClock(), HandClock()
    worse_out = run(CircuitBreaker(first), first, still).count(Permission.SKIP)
    assert run(CircuitBreaker(second), second, better).count(Permission.SKIP) <= worse_out


# --- several engines ---


def fail(breakers: CircuitBreakers, *engines: str) -> None:
    for engine in engines:
        for _ in range(CONFIG.failures):
            breakers.record_outcome(engine, breakers.generation(engine), True, CONFIG)


def test_an_engine_whose_circuit_is_open_is_left_out_then_probed_and_then_asked(clock: HandClock) -> None:
    told: dict[str, bool] = {}
    breakers = CircuitBreakers(("a", "b"), clock, told.__setitem__)
    assert told == {"a": False, "b": False}
    fail(breakers, "b")
    assert breakers.admit(("a", "b"), CONFIG) == AdmittedEngines(("a",), (), ("b",))
    assert told == {"a": False, "b": True}
    clock.now += 5.0
    assert breakers.admit(("a", "b"), CONFIG) == AdmittedEngines(("a",), ("b",), ())
    assert breakers.states() == {"a": CircuitState.CLOSED, "b": CircuitState.HALF_OPEN}
    breakers.record_outcome("b", breakers.generation("b"), False, CONFIG)
    assert breakers.admit(("a", "b"), CONFIG) == AdmittedEngines(("a", "b"))
    assert told == {"a": False, "b": False}


def test_where_all_circuits_are_open_all_engines_are_asked(clock: HandClock) -> None:
    breakers = CircuitBreakers(("a", "b"), clock)
    fail(breakers, "a", "b")
    assert breakers.admit(("a", "b"), CONFIG) == AdmittedEngines(("a", "b"))
    assert breakers.admit(("b",), CONFIG) == AdmittedEngines(("b",))


def test_an_answer_to_a_request_that_asked_all_closes_the_circuit(clock: HandClock) -> None:
    breakers = CircuitBreakers(("a", "b"), clock)
    fail(breakers, "a", "b")
    breakers.admit(("a", "b"), CONFIG)
    breakers.record_outcome("a", breakers.generation("a"), False, CONFIG)
    assert breakers.states() == {"a": CircuitState.CLOSED, "b": CircuitState.OPEN}
