"""Whose page is read next by one Gateway, with a service that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from deployments.config.schema import LimitsConfig
from deployments.gateway import fair_reading
from deployments.gateway.fair_reading import FairReadingService, ReadingTurns
from deployments.messages.request import ReadRequest
from ocr import Page
from ocr.errors import DeadlineExceeded
from tests.fakes.plain_ensemble import read_request

READ = Page(1, 1, (), (), "m", "p")
LIMITS = LimitsConfig(pages_at_once=8, pages_beside_others=2, caller_share=0.75)


class Turns:
    """Turns at a place, held until the test ends them; `held` says whose they are."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limits = LIMITS
        self.turns = ReadingTurns(lambda: self.limits, lambda: self.now)
        self.held: list[tuple[str, asyncio.Event]] = []

    def ask(self, caller: str, times: int = 1) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._hold(caller)) for _ in range(times)]

    async def _hold(self, caller: str) -> None:
        async with self.turns.turn(caller):
            end = asyncio.Event()
            self.held.append((caller, end))
            await end.wait()

    async def settled(self) -> str:
        for _ in range(10):
            await asyncio.sleep(0)
        return "".join(caller for caller, end in self.held if not end.is_set())

    async def end(self, caller: str) -> str:
        next(end for who, end in self.held if who == caller and not end.is_set()).set()
        return await self.settled()


@pytest.fixture
async def turns() -> Any:
    made = Turns()
    yield made
    for _ in range(100):
        for _, end in made.held:
            end.set()
        await asyncio.sleep(0)


async def test_alone_a_caller_has_its_share_and_a_place_is_left_for_the_next(turns: Turns) -> None:
    turns.ask("a", 10)
    assert await turns.settled() == "aaaaaa"
    turns.ask("b")
    assert await turns.settled() == "aaaaaab"


async def test_beside_others_nothing_more_of_a_caller_begins_until_it_has_few(turns: Turns) -> None:
    turns.ask("a", 10)
    turns.ask("b", 1)
    await turns.settled()
    assert [len(await turns.end("a")) for _ in range(5)] == [6, 5, 4, 3, 3], "the last one makes room for the next"


async def test_who_was_answered_a_moment_ago_still_reads(turns: Turns) -> None:
    turns.ask("b")
    await turns.settled()
    await turns.end("b")
    turns.ask("a", 10)
    assert await turns.settled() == "aa"
    turns.now = 3.0
    turns.turns._forget()
    assert await turns.settled() == "aaaaaa"


async def test_the_caller_with_the_fewest_comes_first(turns: Turns) -> None:
    for caller in "abcd":
        turns.ask(caller, 3)
    assert sorted(await turns.settled()) == list("aaabbccd"), "eight, of which one more is from before the others came"
    turns.ask("e")
    assert len(await turns.settled()) == 8
    assert (await turns.end("a")).endswith("e")


async def test_one_that_does_not_wait_any_longer_takes_no_turn(turns: Turns) -> None:
    waiting = turns.ask("a", 8)
    await turns.settled()
    waiting[6].cancel()
    await turns.settled()
    assert await turns.end("a") == "aaaaaa"
    assert await turns.end("a") == "aaaaa"


class Slow:
    """Reads a page when `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = 0
        self.at_once: list[int] = []

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        self.begun += 1
        self.at_once.append(request.at_once)
        await self.go_on.wait()
        return READ


def service_of(slow: Any, caller: Callable[[], str] = lambda: "a") -> FairReadingService:
    limits = replace_limits(pages_at_once=1)
    return FairReadingService(slow, lambda: limits, caller)


def replace_limits(**changes: int) -> LimitsConfig:
    return LIMITS.model_copy(update=changes)


async def test_beside_others_who_hangs_up_has_no_more_begun_for_it(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_reading, "_WINDS_UP_S", 1.0)
    turns.ask("b")
    mine = turns.ask("a", 5)
    assert await turns.settled() == "baa"
    mine[0].cancel()
    await turns.settled()
    assert len(turns.held) == 3
    while len(turns.held) < 4:
        await asyncio.sleep(0.05)
    assert turns.held[3][0] == "a"


async def test_alone_who_hangs_up_reads_on_at_once(turns: Turns) -> None:
    mine = turns.ask("a", 7)
    assert await turns.settled() == "aaaaaa"
    mine[0].cancel()
    await turns.settled()
    assert len(turns.held) == 7


async def test_a_page_whose_turn_does_not_come_in_time_is_refused_and_the_next_is_read() -> None:
    slow: Any = Slow()
    service = service_of(slow)
    first = asyncio.create_task(service.read_page(b"", read_request(seconds=60.0)))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded, match="other requests of yours"):
        await service.read_page(b"", read_request(seconds=0.01))
    slow.go_on.set()
    assert await first is READ
    assert await service.read_page(b"", read_request(seconds=60.0)) is READ
    assert slow.begun == 2


async def test_once_it_is_its_turn_the_deadline_is_a_matter_of_whoever_reads() -> None:
    slow: Any = Slow()
    reading = asyncio.create_task(service_of(slow).read_page(b"", read_request(seconds=0.01)))
    await asyncio.sleep(0.05)
    slow.go_on.set()
    assert await reading is READ


async def test_a_page_says_how_many_its_caller_has_asked_for_of_late() -> None:
    slow: Any = Slow()
    service = service_of(slow)
    pages = [asyncio.create_task(service.read_page(b"", read_request(seconds=60.0))) for _ in range(3)]
    await asyncio.sleep(0)
    slow.go_on.set()
    await asyncio.gather(*pages)
    assert slow.at_once == [1, 3, 3]


async def test_whoever_computes_is_told_how_many_pages_each_caller_asks_for() -> None:
    told: list[dict[str, float]] = []
    turns = ReadingTurns(lambda: LIMITS, lambda: 0.0, lambda pages: told.append(dict(pages)))

    async def read(caller: str) -> None:
        async with turns.turn(caller):
            await asyncio.sleep(0)

    await asyncio.gather(*(read("a") for _ in range(9)), read("b"))
    assert told[0] == {"a": 1.0}
    assert told[-1] == {"a": 4.0, "b": 1.0}  # more than four count as four


async def test_frames_that_wait_in_their_stream_count_too() -> None:
    slow: Any = Slow()
    slow.go_on.set()
    limits = replace_limits(pages_at_once=1)
    await FairReadingService(slow, lambda: limits, lambda: "a", lambda: 2).read_page(b"", read_request(seconds=60.0))
    assert slow.at_once == [3]
