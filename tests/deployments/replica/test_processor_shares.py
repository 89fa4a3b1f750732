"""Turns at the processors of a node: who has had less is not held up by who has had more, and no core is left idle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from deployments.messages.request import Asker
from deployments.replica import processor_shares
from deployments.replica.processor_shares import NotShared, ProcessorShares, Turns, shares_of_node
from tests.fakes.hand_clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "own" / "table"


def process(table: Path, clock: HandClock, cores: float = 2.0) -> ProcessorShares:
    """One more process of the node. All are this one, which a table takes for as many as it is opened."""
    return ProcessorShares(table, cores, clock)


def test_whoever_is_alone_may_compute(table: Path, clock: HandClock) -> None:
    engine, other = process(table, clock), process(table, clock)
    engine.want({"a": 2.0})
    engine.had("a", 100.0, 1.0)
    assert engine.may_compute("a")
    assert other.may_compute("a")
    assert other.may_compute("b")


def test_who_has_had_more_waits_while_another_wants_all_cores_in_any_process(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    first.had("book", 10.0, 1.0)
    second.want({"page": 2.0})
    second.had("page", 1.0, 1.0)
    assert not first.may_compute("book")
    assert first.may_compute("page")
    second.want({})
    assert first.may_compute("book")


def test_the_cores_that_the_others_leave_free_are_used(table: Path, clock: HandClock) -> None:
    first, second, third = process(table, clock), process(table, clock), process(table, clock)
    first.had("book", 10.0, 1.0)
    second.want({"page": 1.0})
    assert first.may_compute("book")
    third.want({"page": 1.0})
    assert not first.may_compute("book")


def test_what_the_others_leave_free_is_taken_once_not_by_every_process(table: Path, clock: HandClock) -> None:
    first, second, third = process(table, clock), process(table, clock), process(table, clock)
    first.had("book", 10.0, 1.0)
    third.want({"page": 1.0})
    assert first.may_compute("book")
    first.computes({"book": 1.0}, {"book": 1.0})
    assert not second.may_compute("book")
    assert second.may_compute("page")
    assert first.may_compute("book")  # what it computes itself is this
    first.computes({}, {})
    assert second.may_compute("book")
    first.computes({"book": 1.0}, {"book": 1.0})
    third.want({})
    assert second.may_compute("book")  # alone it has all of them


def test_what_is_still_being_computed_counts_already(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    second.had("page", 3.0, 1.0)
    second.want({"page": 2.0})
    first.want({"book": 2.0})
    first.computes({"book": 1.0}, {"book": 4.0})
    clock.now += 1.0
    assert not first.may_compute("book")
    assert second.may_compute("page")


def test_what_one_began_before_he_asked_for_more_counts_like_the_rest(table: Path, clock: HandClock) -> None:
    gateway, engine = process(table, clock), process(table, clock)
    engine.want({"page": 2.0})
    engine.had("page", 3.0, 1.0)
    engine.had("book", 1.0, 1.0)
    assert engine.may_compute("book")
    assert engine.asked("book") == 0.0
    gateway.asks({"book": 4.0})
    assert engine.asked("book") == 4.0
    engine.had("book", 1.0, 1.0)
    assert not engine.may_compute("book")
    gateway.asks({})
    assert engine.asked("book") == 0.0


def test_callers_who_have_had_about_the_same_compute_beside_each_other(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    first.had("a", 5.2, 1.0)
    second.had("b", 5.0, 1.0)
    second.want({"b": 2.0})
    first.want({"a": 2.0})
    assert first.may_compute("a")
    assert second.may_compute("b")


def test_what_was_had_in_all_processes_counts_together_and_half_as_much_after_a_while(
    table: Path, clock: HandClock
) -> None:
    first, second = process(table, clock), process(table, clock)
    second.had("page", 0.9, 1.0)
    first.had("book", 0.7, 1.0)
    second.had("book", 0.6, 1.0)
    second.want({"page": 2.0})
    assert not first.may_compute("book")
    clock.now += 30.0
    second.want({"page": 2.0})
    assert first.may_compute("book")


def test_one_that_comes_is_neither_far_ahead_nor_behind(table: Path, clock: HandClock) -> None:
    first, second, third = process(table, clock), process(table, clock), process(table, clock)
    for process_ in (first, second):
        process_.want({"reader": 1.0})
        process_.had("reader", 10.0, 1.0)
    second.want({"reader": 1.0, "new": 1.0})
    third.want({"new": 2.0})
    assert second.may_compute("new")
    assert not first.may_compute("reader")  # a little was saved up
    second.had("new", 1.5, 1.0)
    assert first.may_compute("reader")
    first.want({"reader": 2.0})
    assert not third.may_compute("new")


def test_work_that_gives_way_comes_level_with_those_who_are_there(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    first.want({"reader": 2.0})
    first.had("reader", 10.0, 1.0)
    turns = Turns(second, clock)
    assert turns.of({Asker("book", "batch")}, 2.0) == {"book batch"}
    first.want({"reader": 2.0})
    assert first.may_compute("reader")  # it does not wait for the book
    second.had("book batch", 0.1, 8.0)
    assert turns.of({Asker("book", "batch")}, 2.0) == set()
    assert first.may_compute("reader")


def test_one_that_comes_again_owes_nothing_of_what_it_had_alone(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    first.want({"a": 2.0})
    first.had("a", 100.0, 1.0)
    first.want({})
    clock.now += 3.0
    second.want({"b": 2.0})
    first.want({"a": 2.0})
    assert first.may_compute("a")


def test_one_that_asks_again_at_once_was_there_all_the_time(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    second.want({"page": 1.0})
    second.had("page", 1.0, 1.0)
    first.want({"book": 1.0})
    first.had("book", 50.0, 1.0)
    second.want({})
    clock.now += 1.0
    second.want({"page": 2.0})
    assert not first.may_compute("book")
    second.had("page", 10.0, 1.0)
    assert not first.may_compute("book")


def test_one_that_says_nothing_any_more_holds_nobody_up(table: Path, clock: HandClock) -> None:
    first, hanging = process(table, clock), process(table, clock)
    first.had("book", 50.0, 1.0)
    hanging.want({"page": 2.0})
    clock.now += 2.5
    assert first.may_compute("book")


def test_a_row_has_room_for_whoever_wants_something_now(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    for number in range(100):
        first.had(f"caller {number}", 1.0 + number, 1.0)
    first.want({"page": 2.0})
    second.had("book", 1000.0, 1.0)
    assert not second.may_compute("book")
    assert second.may_compute("page")


def test_the_row_of_a_process_that_is_gone_is_used_again(
    table: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(table, clock).had("book", 5.0, 1.0)
    monkeypatch.setattr(processor_shares, "_lives", lambda _pid: False)
    second = process(table, clock)
    assert np.count_nonzero(second._table["pid"]) == 1
    second.want({"page": 2.0})
    assert second.may_compute("book")


def test_where_there_is_no_room_for_a_table_everybody_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processor_shares, "ProcessorShares", _no_room)
    shares = shares_of_node("node", 2.0)
    assert isinstance(shares, NotShared)
    shares.want({"page": 2.0})
    shares.had("book", 100.0, 1.0)
    assert shares.may_compute("book")
    assert "no memory" in caplog.text


def _no_room(*_args: object) -> ProcessorShares:
    raise OSError("no memory")


def test_a_full_table_is_an_error(table: Path, clock: HandClock) -> None:
    first = process(table, clock)
    first._table["pid"] = os.getpid()
    with pytest.raises(OSError, match="more than"):
        process(table, clock)


def test_tables_of_nodes_that_are_gone_are_removed(
    table: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(table, clock)
    processor_shares._remove_left_over([table])
    assert table.exists()
    monkeypatch.setattr(processor_shares, "_lives", lambda _pid: False)
    processor_shares._remove_left_over([table])
    assert not table.exists()


def test_a_caller_is_slowed_by_others_and_never_stopped(table: Path, clock: HandClock) -> None:
    here, other = process(table, clock), process(table, clock)
    other.want({"page": 2.0})
    here.want({"book": 1.0})
    here.had("book", 1000.0, 1.0)
    turns = Turns(here, clock)
    allowed = []
    for _ in range(130):
        clock.now += 0.1
        other.want({"page": 2.0})
        allowed.append(turns.of({Asker("book")}, 1.0))
    assert [may for may in allowed if may] == [{"book"}] * 2
    other.want({})
    assert turns.of({Asker("book")}, 1.0) == {"book"}
    assert turns.of((), 1.0) == set()


def test_a_process_knows_whether_others_have_work_on_the_node(table: Path, clock: HandClock) -> None:
    first, second = process(table, clock), process(table, clock)
    first.want({"book": 1.0})
    assert not first.are_wanted_by_others({"book"})
    second.want({"page": 1.0})
    second.want({})
    assert first.are_wanted_by_others({"book"})
    clock.now += 3.0
    assert not first.are_wanted_by_others({"book"})
