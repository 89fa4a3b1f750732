"""The circuit breaker: what opens it, what closes it, and what holds for every history."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.config.schema import CircuitConfig
from deployments.messages.states import Position
from deployments.router.circuit_breaker import Admitted, Circuit, Circuits, Verdict
from tests.fakes.hand_clock import HandClock

CONFIG = CircuitConfig(failures=3, share=0.5, window_s=10.0, cool_down_s=5.0, patience_s=1.0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def circuit(clock: HandClock) -> Circuit:
    return Circuit(clock)


def note(circuit: Circuit, *outcomes: bool | None) -> None:
    for failed in outcomes:
        circuit.note(circuit.era, failed, CONFIG)


def test_it_opens_at_so_many_failures_and_not_before(circuit: Circuit) -> None:
    note(circuit, True, True)
    assert circuit.take(CONFIG) is Verdict.ASK
    note(circuit, True)
    assert circuit.take(CONFIG) is Verdict.LEAVE_OUT


def test_failures_among_many_successes_leave_it_closed(circuit: Circuit) -> None:
    note(circuit, *[False] * 7, *[True] * 6)
    assert circuit.position is Position.CLOSED
    note(circuit, True)
    assert circuit.position is Position.OPEN


def test_failures_that_are_long_ago_do_not_count(circuit: Circuit, clock: HandClock) -> None:
    note(circuit, True, True)
    clock.now += 10.0
    note(circuit, True, True)
    assert circuit.position is Position.CLOSED


def test_what_says_nothing_about_the_engine_does_not_count(circuit: Circuit) -> None:
    note(circuit, *[None] * 20)
    assert circuit.position is Position.CLOSED


def test_after_the_cool_down_there_is_one_probe_and_its_success_closes_it(circuit: Circuit, clock: HandClock) -> None:
    note(circuit, True, True, True)
    clock.now += 4.9
    assert circuit.take(CONFIG) is Verdict.LEAVE_OUT
    clock.now += 0.2
    assert [circuit.take(CONFIG) for _ in range(3)] == [Verdict.PROBE, Verdict.LEAVE_OUT, Verdict.LEAVE_OUT]
    note(circuit, False)
    assert circuit.take(CONFIG) is Verdict.ASK


def test_a_probe_that_fails_opens_it_for_another_cool_down(circuit: Circuit, clock: HandClock) -> None:
    note(circuit, True, True, True)
    clock.now += 5.0
    circuit.take(CONFIG)
    note(circuit, True)
    assert circuit.take(CONFIG) is Verdict.LEAVE_OUT
    clock.now += 5.0
    assert circuit.take(CONFIG) is Verdict.PROBE


def test_a_probe_that_tells_nothing_is_followed_by_another_at_once(circuit: Circuit, clock: HandClock) -> None:
    note(circuit, True, True, True)
    clock.now += 5.0
    circuit.take(CONFIG)
    note(circuit, None)
    assert circuit.take(CONFIG) is Verdict.PROBE


def test_what_was_asked_before_it_opened_neither_closes_it_nor_counts_after_it_is_closed(
    circuit: Circuit, clock: HandClock
) -> None:
    before = circuit.era
    note(circuit, True, True, True)
    circuit.note(before, False, CONFIG)
    assert circuit.position is Position.OPEN
    clock.now += 5.0
    circuit.take(CONFIG)
    note(circuit, False)
    for _ in range(10):
        circuit.note(before, True, CONFIG)
    assert circuit.position is Position.CLOSED


def test_it_can_be_turned_off_while_it_is_open(circuit: Circuit) -> None:
    note(circuit, True, True, True)
    off = CircuitConfig(failures=0, share=0.5, window_s=10.0, cool_down_s=5.0, patience_s=1.0)
    assert circuit.take(off) is Verdict.ASK
    for _ in range(50):
        circuit.note(circuit.era, True, off)
    assert circuit.take(off) is Verdict.ASK


@pytest.mark.parametrize("wrong", [{"failures": -1}, {"share": 0.0}, {"share": 1.1}, {"window_s": 0.0}])
def test_a_configuration_without_sense_is_refused(wrong: dict[str, float]) -> None:
    fields = {"failures": 3, "share": 0.5, "window_s": 10.0, "cool_down_s": 5.0, "patience_s": 1.0}
    with pytest.raises(ValueError, match="should be"):
        CircuitConfig.model_validate({**fields, **wrong})


# --- whatever happens ---

# A second passes, or requests begin and end: (seconds, how the oldest open one ends).
Events = list[tuple[float, bool | None]]
EVENTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 6.0]), st.sampled_from([True, False, None])), max_size=60)


def run(circuit: Circuit, clock: HandClock, events: Sequence[tuple[float, bool | None]]) -> list[Verdict]:
    """Each event: time passes, a request asks what to do and, if it asks or probes, its outcome is noted."""
    verdicts = []
    for seconds, failed in events:
        clock.now += seconds
        verdict = circuit.take(CONFIG)
        verdicts.append(verdict)
        if verdict is not Verdict.LEAVE_OUT:
            circuit.note(circuit.era, failed, CONFIG)
    return verdicts


@given(EVENTS)
def test_an_engine_that_never_fails_is_never_left_out(events: Events) -> None:
    clock = HandClock()
    sane = [(seconds, failed and None) for seconds, failed in events]
    assert set(run(Circuit(clock), clock, sane)) <= {Verdict.ASK}


@given(EVENTS)
def test_whatever_happened_an_engine_that_answers_again_is_asked_after_one_cool_down_and_one_probe(
    events: Events,
) -> None:
    clock = HandClock()
    circuit = Circuit(clock)
    run(circuit, clock, events)
    run(circuit, clock, [(CONFIG.cool_down_s, False)])
    assert circuit.take(CONFIG) is Verdict.ASK


@given(EVENTS)
def test_an_engine_that_always_fails_costs_at_most_its_failures_and_a_probe_for_each_cool_down(events: Events) -> None:
    clock = HandClock()
    verdicts = run(Circuit(clock), clock, [(seconds, True) for seconds, _ in events])
    probes = sum(seconds for seconds, _ in events) / CONFIG.cool_down_s
    assert verdicts.count(Verdict.PROBE) <= probes
    # Failures that lie wide apart never come to three within a window.
    if all(seconds < 3.0 for seconds, _ in events):
        assert verdicts.count(Verdict.ASK) <= CONFIG.failures


@given(EVENTS, st.integers(0, 59))
def test_of_two_histories_that_differ_in_one_failure_the_better_one_is_never_left_out_more_often(
    events: Events, at: int
) -> None:
    """Within one window, where nothing is forgotten and nothing is probed."""
    still = [(0.0, failed) for _, failed in events]
    better = [(seconds, False if index == at else failed) for index, (seconds, failed) in enumerate(still)]
    first, second = HandClock(), HandClock()
    worse_out = run(Circuit(first), first, still).count(Verdict.LEAVE_OUT)
    assert run(Circuit(second), second, better).count(Verdict.LEAVE_OUT) <= worse_out


# --- several engines ---


def fail(circuits: Circuits, *engines: str) -> None:
    for engine in engines:
        for _ in range(CONFIG.failures):
            circuits.note(engine, circuits.era(engine), True, CONFIG)


def test_an_engine_whose_circuit_is_open_is_left_out_then_probed_and_then_asked(clock: HandClock) -> None:
    told: dict[str, bool] = {}
    circuits = Circuits(("a", "b"), clock, told.__setitem__)
    assert told == {"a": False, "b": False}
    fail(circuits, "b")
    assert circuits.admit(("a", "b"), CONFIG) == Admitted(("a",), (), ("b",))
    assert told == {"a": False, "b": True}
    clock.now += 5.0
    assert circuits.admit(("a", "b"), CONFIG) == Admitted(("a",), ("b",), ())
    assert circuits.positions() == {"a": Position.CLOSED, "b": Position.HALF_OPEN}
    circuits.note("b", circuits.era("b"), False, CONFIG)
    assert circuits.admit(("a", "b"), CONFIG) == Admitted(("a", "b"))
    assert told == {"a": False, "b": False}


def test_where_all_circuits_are_open_all_engines_are_asked(clock: HandClock) -> None:
    circuits = Circuits(("a", "b"), clock)
    fail(circuits, "a", "b")
    assert circuits.admit(("a", "b"), CONFIG) == Admitted(("a", "b"))
    assert circuits.admit(("b",), CONFIG) == Admitted(("b",))


def test_an_answer_to_a_request_that_asked_all_closes_the_circuit(clock: HandClock) -> None:
    circuits = Circuits(("a", "b"), clock)
    fail(circuits, "a", "b")
    circuits.admit(("a", "b"), CONFIG)
    circuits.note("a", circuits.era("a"), False, CONFIG)
    assert circuits.positions() == {"a": Position.CLOSED, "b": Position.OPEN}
