"""Who may have a program compute beside a replica, and what it is charged."""

import asyncio

import pytest

from deployments.replica import processor_shares
from deployments.replica.processor_turns import ProcessorTurns
from tests.fakes.held_shares import HeldShares


async def _draw(turns: ProcessorTurns, caller: str, spent: list[float], done: list[str]) -> None:
    async with turns.turn(caller, lambda: spent[0]):
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
