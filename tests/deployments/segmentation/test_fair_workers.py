"""Whose page computes next, with workers that compute until the test says that they are done."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployments.messages.request import Asker, SegmentationRequest
from deployments.replica.processor_shares import NotShared
from deployments.segmentation import fair_workers
from deployments.segmentation.fair_workers import FairWorkers
from ocr.job_contract import Priority


@dataclass
class Page:
    """A task that is done when the test says so."""

    name: str
    deadline: float = math.inf
    is_done: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    @property
    def request(self) -> SegmentationRequest:
        return SegmentationRequest("general", (), 1_000_000, self.deadline)

    def run(self, segmenter: object) -> str:
        assert self.is_done.wait(10.0)
        if self.fails:
            raise ZeroDivisionError(self.name)
        return self.name


class Worker:
    """Notes what it is told in `log`."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.is_ready = name, log, True

    def start(self) -> None:
        self.is_ready = True

    def run(self, task: Any) -> Any:
        self.log.append(f"{self.name} begins {task.name}")
        return task.run(None)

    def pause(self) -> None:
        self.log.append(f"{self.name} pauses")

    def go_on(self) -> None:
        self.log.append(f"{self.name} goes on")

    def abandon(self) -> None:
        self.log.append(f"{self.name} is told to stop")


class Replica:
    """Two workers and a clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.now = 0.0
        self.workers = [Worker("first", self.log), Worker("second", self.log)]
        self.turns = FairWorkers(self.workers, lambda: self.now, lambda: self.now)
        self.pages: list[Page] = []
        self.asked: list[asyncio.Task[str]] = []

    async def ask(
        self,
        name: str,
        caller: str,
        deadline: float = math.inf,
        *,
        fails: bool = False,
        priority: Priority = "interactive",
    ) -> Page:
        page = Page(name, deadline, fails=fails)
        self.pages.append(page)
        self.asked.append(asyncio.create_task(self.turns.run(page, Asker(caller, priority))))
        await asyncio.sleep(0)
        return page

    async def until(self, note: str) -> None:
        async with asyncio.timeout(10.0):
            while note not in self.log:
                await asyncio.sleep(0.001)


@pytest.fixture
async def replica(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Replica]:
    monkeypatch.setattr(fair_workers, "_SLICE_S", 0.005)
    made = Replica()
    yield made
    for page in made.pages:
        page.is_done.set()
    await asyncio.gather(*made.asked, return_exceptions=True)


async def test_the_pages_of_one_caller_are_segmented_one_after_the_other(replica: Replica) -> None:
    one = await replica.ask("one", "a")
    two = await replica.ask("two", "a")
    await replica.until("first begins one")
    replica.now = 5.0
    assert "second begins two" not in replica.log
    one.is_done.set()
    two.is_done.set()
    assert await asyncio.gather(*replica.asked) == ["one", "two"]
    assert "first pauses" not in replica.log


async def test_a_page_that_takes_long_is_paused_for_another_caller_and_goes_on_afterwards(replica: Replica) -> None:
    long = await replica.ask("long", "a")
    await replica.until("first begins long")
    replica.now = 3.0
    short = await replica.ask("short", "b")
    await replica.until("second begins short")
    assert replica.log == ["first begins long", "first pauses", "second begins short"]
    replica.now = 3.1
    short.is_done.set()
    assert await replica.asked[1] == "short"
    await replica.until("first goes on")
    long.is_done.set()
    assert await replica.asked[0] == "long"


async def test_a_caller_has_one_worker_so_that_another_finds_the_other(replica: Replica) -> None:
    for number in range(3):
        await replica.ask(f"long {number}", "a")
    await replica.until("first begins long 0")
    replica.now = 1.0
    await replica.ask("short", "b")
    await replica.until("second begins short")


async def test_a_page_of_a_batch_is_paused_at_once_for_one_that_somebody_waits_for(replica: Replica) -> None:
    await replica.ask("scan", "a", priority="batch")
    await replica.until("first begins scan")
    replica.now = 0.001  # so little that a page of equal rank would go on
    await replica.ask("photo", "a")
    await replica.until("second begins photo")
    assert "first pauses" in replica.log


async def test_batches_of_many_callers_leave_a_worker_to_others(replica: Replica) -> None:
    await replica.ask("scan", "a", priority="batch")
    await replica.until("first begins scan")
    replica.now = 5.0
    await replica.ask("another scan", "b", priority="batch")
    await replica.ask("photo", "c")
    await replica.until("second begins photo")
    assert "second begins another scan" not in replica.log


async def test_a_batch_is_not_starved_by_whoever_asks_all_the_time(replica: Replica) -> None:
    await replica.ask("scan", "a", priority="batch")
    await replica.until("first begins scan")
    replica.now = 0.1
    await replica.ask("photo", "b")
    await replica.until("second begins photo")
    replica.now = 3.0  # more than eight times what the batch has had
    await replica.until("first goes on")


async def test_a_page_that_waits_long_enough_has_its_turn_again(replica: Replica) -> None:
    await replica.ask("a's", "a")
    await replica.until("first begins a's")
    replica.now = 1.0
    await replica.ask("b's", "b")
    await replica.until("second begins b's")
    replica.now = 3.0  # b has had two seconds now, and a had one
    await replica.until("second pauses")
    assert replica.log[-1] == "first goes on"


async def test_a_paused_page_past_its_deadline_goes_on_to_be_refused(replica: Replica) -> None:
    await replica.ask("long", "a", deadline=4.0)
    await replica.until("first begins long")
    replica.now = 3.0
    await replica.ask("short", "b")
    await replica.until("second begins short")
    replica.now = 4.5
    await replica.until("first goes on")


async def test_a_page_that_nobody_waits_for_is_not_begun(replica: Replica) -> None:
    one = await replica.ask("one", "a")
    await replica.ask("two", "a")
    await replica.ask("three", "a")
    replica.asked[1].cancel()
    await asyncio.sleep(0)
    one.is_done.set()
    await replica.until("first begins three")
    assert "first begins two" not in replica.log


async def test_a_page_that_is_begun_stops_when_its_caller_leaves_paused_or_not(replica: Replica) -> None:
    long = await replica.ask("long", "a")
    await replica.until("first begins long")
    replica.now = 3.0
    short = await replica.ask("short", "b")
    await replica.until("second begins short")
    replica.asked[0].cancel()
    await replica.until("first is told to stop")
    assert replica.log[-1] == "first goes on"
    assert "second is told to stop" not in replica.log
    long.is_done.set()
    short.is_done.set()
    assert await replica.asked[1] == "short"


async def test_what_goes_wrong_with_one_page_is_told_to_its_caller_alone(replica: Replica) -> None:
    bad = await replica.ask("bad", "a", fails=True)
    good = await replica.ask("good", "a")
    bad.is_done.set()
    good.is_done.set()
    with pytest.raises(ZeroDivisionError, match="bad"):
        await replica.asked[0]
    assert await replica.asked[1] == "good"


async def test_nobody_is_paused_for_a_worker_that_is_still_starting(replica: Replica) -> None:
    replica.workers[1].is_ready = False
    await replica.ask("long", "a")
    await replica.until("first begins long")
    replica.now = 3.0
    await replica.ask("short", "b")
    await asyncio.sleep(0.02)
    assert replica.log == ["first begins long"]
    replica.workers[1].is_ready = True
    await replica.until("second begins short")


async def test_a_page_is_paused_while_its_caller_leaves_the_processors_to_others() -> None:
    may = {"a"}

    class Held(NotShared):
        def may_compute(self, caller: str) -> bool:
            return caller in may

    replica = Replica()
    replica.turns = FairWorkers(replica.workers, lambda: replica.now, lambda: replica.now, shares=Held())
    page = await replica.ask("p", "a")
    await replica.until("first begins p")
    may.clear()
    await replica.ask("q", "b")
    await replica.until("first pauses")
    may.add("b")
    await replica.until("second begins q")
    may.add("a")
    replica.pages[1].is_done.set()
    await replica.until("first goes on")
    page.is_done.set()
    assert await asyncio.gather(*replica.asked) == ["p", "q"]
