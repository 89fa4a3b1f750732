"""A closed loop: so many clients, each asks again as soon as it was answered. Plain asyncio over any async question.

Closed, because throughput is what is asked for: an open loop over what the service carries measures the length of its
queue. Times are seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from benchmarks.harness.timing import percentile

Ask = Callable[[], Awaitable[None]]
"""One question; raises when it was not answered as it should be."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One question of a client: when it was asked, how long it took, and what went wrong, if anything."""

    asked: float
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What a loop met between two moments, in which `seconds` passed."""

    clients: int
    seconds: float
    answers: tuple[Answered, ...]

    @property
    def failed(self) -> list[Answered]:
        return [answer for answer in self.answers if answer.problem]

    @property
    def per_second(self) -> float:
        return (len(self.answers) - len(self.failed)) / self.seconds

    def latency_s(self, percent: int) -> float:
        """The time that so many percent of the questions took at most."""
        return percentile([answer.seconds for answer in self.answers], percent)


@asynccontextmanager
async def many_connections(timeout_s: float) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client for many who ask at once, whose cost does not grow with them: the one of httpx looks at all its
    connections for each request, which with 500 of them takes it 12 ms of a core instead of 0.2.
    """
    limit = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


class Clients:
    """Clients of one kind, as many as are wanted at the moment. Use it as a context: leaving it ends them."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = 0
        self.answers: list[Answered] = []

    async def __aenter__(self) -> Clients:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resize(0)

    async def resize(self, wanted: int) -> None:
        """Have this many clients; those that are sent away get their last answer first."""
        self._wanted = wanted
        while len(self._tasks) < wanted:
            self._tasks.append(asyncio.create_task(self._go_on(len(self._tasks))))
        leaving, self._tasks = self._tasks[wanted:], self._tasks[:wanted]
        await asyncio.gather(*leaving)

    async def _go_on(self, number: int) -> None:
        while number < self._wanted:
            self.answers.append(await _answered(self._ask))


async def _answered(ask: Ask) -> Answered:
    asked, problem = time.perf_counter(), ""
    try:
        await ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, it counts as a failure and the client goes on
        problem = f"{type(error).__name__}: {error}"
    return Answered(asked, time.perf_counter() - asked, problem)


async def answer_all(asks: Iterable[Ask], clients: int) -> Run:
    """What `clients` meet until all these questions are answered, each asked once: its begin, when not all is under
    way yet, and its end, when some clients have nothing left to ask, count like the rest.
    """
    waiting = iter(asks)
    began = time.perf_counter()

    async def go_on() -> list[Answered]:
        return [await _answered(ask) for ask in waiting]

    by_client = await asyncio.gather(*(go_on() for _ in range(clients)))
    return Run(clients, time.perf_counter() - began, tuple(answer for answers in by_client for answer in answers))


async def measured(ask: Ask, clients: int, *, seconds: float, warm_s: float) -> Run:
    """What `clients` meet in `seconds`, after `warm_s` that do not count. Answers count when they come."""
    async with Clients(ask) as loop:
        await loop.resize(clients)
        await asyncio.sleep(warm_s)
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        ended = time.perf_counter()
        within = tuple(answer for answer in loop.answers if began <= answer.asked + answer.seconds < ended)
        return Run(clients, ended - began, within)
