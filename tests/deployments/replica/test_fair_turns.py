from __future__ import annotations

import asyncio

import pytest

from deployments.replica.fair_turns import FairTurns


class Scene:
    """Work of callers, one piece at a time; `done` is whose was done, in order."""

    def __init__(self, at_once: int = 1) -> None:
        self.turns = FairTurns(at_once)
        self.done: list[str] = []
        self.running = self.most_running = 0

    async def work(self, caller: str) -> None:
        async with self.turns.turn(caller):
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            self.done.append(caller)

    def ask(self, callers: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.work(caller)) for caller in callers]


async def test_callers_take_turns_however_many_one_of_them_asked_for_before():
    scene = Scene()
    await asyncio.gather(*scene.ask("aaaaaabbc"))
    assert "".join(scene.done) == "abcabaaaa"


async def test_who_asks_for_one_after_the_other_has_as_many_as_who_asked_for_all():
    scene = Scene()

    async def one_by_one() -> None:
        for _ in range(4):
            await scene.work("b")

    await asyncio.gather(*scene.ask("aaaaaaaa"), one_by_one())
    assert "".join(scene.done) == "abababab" + "aaaa"


async def test_whoever_comes_later_has_a_turn_before_those_that_wait_have_theirs_again():
    scene = Scene()
    tasks = scene.ask("aaaaaa")
    while len(scene.done) < 2:
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, *scene.ask("b"))
    assert scene.done.index("b") <= 4


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_no_more_are_at_work_than_allowed_and_all_get_their_turn(at_once):
    scene = Scene(at_once)
    await asyncio.gather(*scene.ask("abc" * 5))
    assert scene.most_running == at_once
    assert len(scene.done) == 15


async def test_who_gives_up_waiting_takes_no_turn_away():
    scene = Scene()
    tasks = scene.ask("abc")
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert scene.done == ["a", "c"]
    await asyncio.wait_for(scene.work("d"), 1.0)


async def test_who_gives_up_in_the_moment_of_its_turn_passes_it_on():
    turns = FairTurns(1)
    first = turns.turn("a")
    await first.__aenter__()
    waiting = asyncio.create_task(turns._take("b"))
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(1.0), turns.turn("c"):
        pass


async def test_a_turn_ends_with_the_work_that_failed_in_it():
    turns = FairTurns(1)
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("a"):
            raise ZeroDivisionError
    async with asyncio.timeout(1.0), turns.turn("b"):
        pass


async def test_one_caller_leaves_a_turn_to_others():
    turns = FairTurns(2, most_each=1)
    async with turns.turn("a"):
        second = asyncio.create_task(_done(turns, "a"))
        await asyncio.sleep(0)
        await asyncio.wait_for(_done(turns, "b"), 5)
        assert not second.done()
    await asyncio.wait_for(second, 5)
    async with turns.turn("a"), turns.turn("b"):  # all of them came back
        pass


async def _done(turns: FairTurns, caller: str) -> None:
    async with turns.turn(caller):
        pass


async def test_a_caller_without_a_name_has_as_many_as_there_are():
    turns = FairTurns(2, most_each=1)
    async with turns.turn(""):
        await asyncio.wait_for(_done(turns, ""), 5)
