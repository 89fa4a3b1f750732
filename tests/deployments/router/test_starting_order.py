"""Which engines begin when: all at once where there is time for it, else the worthiest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.messages.states import EngineState
from deployments.router.starting_order import ReadingPace, Stage

CORES = 2.0


def state(name: str, line_s: float, node: str = "n", cores: float = CORES, gpu: float = 0.0) -> EngineState:
    return EngineState(name, (), threads=2, line_s=line_s, node=node, cores=cores, gpu_fraction=gpu)


def named(*states: EngineState) -> dict[str, EngineState]:
    return {each.name: each for each in states}


FIVE = named(state("quick", 0.02), state("good", 0.05), state("slow", 0.1), state("poor", 0.05), state("odd", 0.02))
WEIGHTS = {"quick": 0.2, "good": 0.5, "slow": 0.15, "poor": 0.15, "odd": 0.0}


def order(left_s: float, states: dict[str, EngineState] = FIVE, lines: int = 40) -> list[tuple[str, ...]]:
    stages = ReadingPace().stages(list(states), lines, states, WEIGHTS, left_s)
    return [stage.engines for stage in stages]


def test_all_begin_at_once_where_there_is_time() -> None:
    assert order(60.0) == [tuple(FIVE)]


def test_where_time_is_short_as_many_begin_as_can_be_done_by_their_worth_a_second() -> None:
    # Together they take (0.02 + 0.05 + 0.1 + 0.05 + 0.02) * 40 / 2 = 4.8 s.
    assert order(3.0) == [("quick", "good"), ("poor",), ("slow",), ("odd",)]
    assert order(1.0) == [("quick",), ("good",), ("poor",), ("slow",), ("odd",)]


def test_one_that_cannot_be_done_in_time_does_not_begin_before_one_that_can() -> None:
    worthy = named(state("slow", 0.1), state("quick", 0.04))
    stages = ReadingPace().stages(list(worthy), 40, worthy, {"slow": 0.9, "quick": 0.1}, 2.5)
    assert [stage.engines for stage in stages] == [("quick",), ("slow",)]


def test_at_least_one_begins_however_short_the_time() -> None:
    assert order(0.01)[0] == ("quick",)


def test_engines_of_other_nodes_and_on_cards_take_no_time_from_these() -> None:
    apart = named(*(state(name, known.line_s, node=name) for name, known in FIVE.items()))
    assert order(4.0, apart) == [tuple(FIVE)]
    on_card = FIVE | named(state("slow", 0.1, gpu=0.5))
    assert "slow" in order(1.5, on_card)[0]


def test_many_cores_are_enough_for_all() -> None:
    assert order(4.0, named(*(state(name, known.line_s, cores=64.0) for name, known in FIVE.items()))) == [tuple(FIVE)]


def test_engines_of_which_nothing_is_known_begin_at_once() -> None:
    assert order(0.01, {"new": EngineState("new", ()), "other": EngineState("other", ())}) == [("new", "other")]


def test_what_it_took_here_counts_and_little_pages_say_nothing_about_it() -> None:
    pace = ReadingPace()
    for _ in range(20):
        pace.note(list(FIVE), 1, FIVE, 30.0, done=True)
    assert pace.seconds(FIVE, 40, FIVE) == pytest.approx(4.8)
    for _ in range(20):
        pace.note(list(FIVE), 40, FIVE, 9.6, done=True)
    assert pace.seconds(FIVE, 40, FIVE) == pytest.approx(9.6, rel=0.01)
    pace.note(list(FIVE), 40, FIVE, 1.0, done=False)
    assert pace.seconds(FIVE, 40, FIVE) == pytest.approx(9.6, rel=0.01)
    for _ in range(20):
        pace.note(list(FIVE), 40, FIVE, 14.4, done=False)
    assert pace.seconds(FIVE, 40, FIVE) == pytest.approx(14.4, rel=0.01)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.0, 1.0), min_size=1),
    st.floats(0.0, 100.0),
    st.integers(0, 500),
)
def test_every_engine_begins_exactly_once(costs: dict[str, float], left_s: float, lines: int) -> None:
    states = named(*(state(name, line_s) for name, line_s in costs.items()))
    stages: tuple[Stage, ...] = ReadingPace().stages(list(costs), lines, states, {}, left_s)
    assert sorted(name for stage in stages for name in stage.engines) == sorted(costs)
    assert all(stage.engines and stage.patience_s >= 0.0 for stage in stages)
