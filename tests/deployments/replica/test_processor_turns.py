"""Who may have a program compute beside a replica, and what it is charged."""

import asyncio
from pathlib import Path

import pytest

from deployments.messages.request import Asker
from deployments.replica import processor_shares
from deployments.replica.processor_shares import ProcessorShares
from deployments.replica.processor_turns import ProcessorTurns
from tests.fakes.hand_clock import HandClock
from tests.fakes.held_shares import HeldShares


async def _draw(turns: ProcessorTurns, caller: str, spent: list[float], done: list[str]) -> None:
    async with turns.turn(Asker(caller), lambda: spent[0]):
        spent[0] += 2.5
        done.append(caller)


async def test_who_has_had_more_waits_and_each_is_charged_what_his_program_took() -> None:
    shares, done = HeldShares("light"), []
    turns = ProcessorTurns(shares)
    heavy = asyncio.create_task(_draw(turns, "heavy", [1.0], done))
    await asyncio.sleep(0)
    await _draw(turns, "light", [7.0], done)
    assert done == ["light"]
    assert shares.wanted[-1] == {"heavy": 1.0}
    shares.may.add("heavy")
    await heavy
    assert (done, shares.charged) == (["light", "heavy"], [("light", 2.5), ("heavy", 2.5)])
    assert shares.wanted[-1] == {}


async def test_what_is_drawn_for_a_batch_counts_like_the_rest_of_it(tmp_path: Path) -> None:
    """Eight times, so that it soon waits for whoever reads a page."""
    clock = HandClock()
    here, engine = (ProcessorShares(tmp_path / "table", 1.0, clock) for _ in range(2))
    turns, spent = ProcessorTurns(here, clock), [0.0]

    async def draw() -> None:
        async with turns.turn(Asker("book", "batch"), lambda: spent[0]):
            spent[0] += 0.25

    engine.want({"page": 1.0})
    engine.had("page", 1.0, 1.0)
    await draw()
    assert not here.may_compute("book batch")
    assert here.may_compute("book")


async def test_a_program_that_still_runs_counts_for_all_that_one_asked_at_once(tmp_path: Path) -> None:
    clock = HandClock()
    here, engine = (ProcessorShares(tmp_path / "table", 1.0, clock) for _ in range(2))
    turns = ProcessorTurns(here, clock)
    engine.want({"page": 1.0})
    engine.had("page", 1.0, 1.0)
    async with turns.turn(Asker("book")), turns.turn(Asker("book", share=0.25)):
        clock.now += 0.5
        engine.want({"page": 1.0})
        assert not engine.may_compute("book")


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor_shares, "_HELD_BACK_S", 0.1)
    done: list[str] = []
    await _draw(ProcessorTurns(HeldShares()), "heavy", [0.0], done)
    assert done == ["heavy"]


async def test_one_that_gives_up_waiting_wants_nothing_more() -> None:
    shares = HeldShares()
    waiting = asyncio.create_task(_draw(ProcessorTurns(shares), "heavy", [0.0], []))
    await asyncio.sleep(0)
    assert shares.wanted[-1] == {"heavy": 1.0}
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (shares.wanted[-1], shares.charged) == ({}, [])
