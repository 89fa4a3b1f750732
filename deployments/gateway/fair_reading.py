"""Turns at the ensemble: how many pages one Gateway has read at once, and how many of one caller.

Alone, a caller has nearly all of them. While others read too, it has `limits.pages_beside_others`: what is begun
shares processors, queues and the engines' batches with everybody, however fair each of those is by itself. On a machine
that all engines share, that is not enough: pages cost very different amounts, so with `limits.max_lead_s` a caller
whose pages took more than those of another one that reads begins none. What waits for its turn waits here, where it
costs nothing. Knows neither HTTP nor Ray.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deployments.config.schema import LimitsConfig
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.reading_service import ReadingService
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from deployments.replica.recent_use import RecentUse
from ocr import Page, TimedStep
from ocr.contract import ComponentStatus
from ocr.errors import DeadlineExceeded, QuorumError

# A caller that has just been answered reads: most ask again at once. That keeps those who are ahead from beginning a
# page for less time: they could use the pauses of one that asks seldom.
_READS_S = 2.0
_ASKS_AGAIN_S = 0.25
_HALF_LIFE_S = 10.0
# What a page takes of which nobody tells: whose caller has gone at once is still being segmented somewhere.
_LEAST_S = 1.0
# Steps of a request in which somebody computes; in all others it waits.
_COMPUTING = frozenset({"decode", "clean", "find lines", "prepare", "inference", "fusion"})


class ReadingTurns:
    """Who reads, and who waits for its turn. Plain asyncio, in one event loop."""

    def __init__(self, limits: Callable[[], LimitsConfig], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._reading: Counter[str] = Counter()
        self._had = RecentUse(clock, _HALF_LIFE_S)
        self._begun: dict[str, float] = {}  # of callers that read: when they last began
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._answered: dict[str, float] = {}  # callers that read of late, and when they were last answered

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn of this caller's, and have it for as long as the context lasts."""
        others = self._callers() - {caller}
        if caller not in self._callers():
            self._had.set(caller, min(map(self._had.of, others), default=0.0))
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._pass_on()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self._end(caller)
            self._pass_on()
            raise
        try:
            yield
        finally:
            self._end(caller)
            self._pass_on()

    def _end(self, caller: str) -> None:
        self._reading[caller] -= 1
        self._reading = +self._reading
        self._answered[caller] = self._clock()
        for soon_s in (_ASKS_AGAIN_S, _READS_S):
            asyncio.get_running_loop().call_later(soon_s, self._forget)

    def _forget(self) -> None:
        """Those who have not read for a while count no more as others: who waits may have more."""
        now = self._clock()
        self._answered = {caller: then for caller, then in self._answered.items() if then > now - _READS_S}
        self._begun = {caller: then for caller, then in self._begun.items() if self._reading[caller]}
        self._pass_on()

    def _pass_on(self) -> None:
        """Give all turns that may be given: first to callers that have the fewest."""
        while (caller := self._next_caller()) is not None:
            turn = self._waiting[caller].popleft()
            if not self._waiting[caller]:
                del self._waiting[caller]
            if not turn.done():
                self._reading[caller] += 1
                self._begun[caller] = self._clock()
                turn.set_result(None)

    def _next_caller(self) -> str | None:
        limits = self._limits()
        if self._reading.total() >= limits.pages_at_once:
            return None
        may = [
            caller
            for caller in self._waiting
            if self._reading[caller] < self._most(caller, limits) and not self._is_ahead(caller, limits)
        ]
        return min(may, key=lambda caller: (self._reading[caller], self._answered.get(caller, 0.0)), default=None)

    def _callers(self) -> set[str]:
        """Who reads, or waits to."""
        return self._reading.keys() | self._waiting.keys() | self._answered.keys()

    def used(self, caller: str, seconds: float) -> None:
        """What this caller's page took, of all that compute."""
        self._had.add(caller, seconds)

    def _is_ahead(self, caller: str, limits: LimitsConfig) -> bool:
        if not limits.max_lead_s:
            return False
        now = self._clock()
        asks = {other for other, then in self._answered.items() if then > now - _ASKS_AGAIN_S}
        others = (self._reading.keys() | asks) - {caller}
        own = self._had.of(caller) - limits.max_lead_s
        return any(own > self._had.of(other) + self._under_way_s(other, now) for other in others)

    def _under_way_s(self, caller: str, now: float) -> float:
        return now - self._begun[caller] if self._reading[caller] else 0.0

    def _most(self, caller: str, limits: LimitsConfig) -> int:
        others = self._callers() - {caller}
        alone = math.ceil(limits.caller_share * limits.pages_at_once)
        return min(alone, limits.pages_beside_others) if others else alone


def computing_s(timings: Sequence[TimedStep]) -> float:
    """Seconds in which the segmentation and the engines computed, all together."""
    return sum(
        computing_s(step.parts) if step.parts else step.seconds
        for step in timings
        if step.parts or step.name in _COMPUTING
    )


@dataclass(slots=True)
class Use:
    """What a page took; None where nobody has said, as where it failed: then it is as long as it lasted, and no less
    than a second.
    """

    seconds: float | None = None


class FairReadingService:
    """Calls `service` for each caller in its turn; `caller` says for whom the work of this moment is done."""

    def __init__(
        self, service: ReadingService, limits: Callable[[], LimitsConfig], caller: Callable[[], str] = lambda: ""
    ) -> None:
        self._service = service
        self._turns = ReadingTurns(limits)
        self._caller = caller

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        async with self._turn(request) as use:
            page = await self._service.read_page(data, request)
            use.seconds = computing_s(page.timings)
            return page

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        async with self._turn(request) as use:
            readings = await self._service.read_characters(images, request)
            timings = [reading.timings for reading in readings if isinstance(reading, CharacterReading)]
            use.seconds = computing_s(max(timings, key=len, default=()))
            return readings

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        async with self._turn(request):
            return await self._service.pictures(data, request)

    async def state(self) -> ServiceState:
        return await self._service.state()

    async def components(self) -> dict[str, ComponentStatus]:
        return await self._service.components()

    @asynccontextmanager
    async def _turn(self, request: ReadRequest) -> AsyncIterator[Use]:
        """Raises DeadlineExceeded where the turn does not come before the request's deadline."""
        caller, came = self._caller(), False
        try:
            async with asyncio.timeout(max(0.0, request.deadline - time.time())) as patience:
                async with self._turns.turn(caller):
                    came = True
                    patience.reschedule(None)
                    began, use = time.monotonic(), Use()
                    try:
                        yield use
                    finally:
                        lasted_s = max(_LEAST_S, time.monotonic() - began)
                        seconds = lasted_s if use.seconds is None else use.seconds
                        self._turns.used(caller, seconds)
        except TimeoutError as error:
            if came:
                raise
            raise DeadlineExceeded(
                "other requests of yours took until the deadline", "send fewer at once, or give more time", 1.0
            ) from error
