"""Turns at the ensemble: how many pages one Gateway has read at once, and how many of one caller.

Alone, a caller has nearly all of them. While others read too, it has `limits.pages_beside_others`: what is begun
shares queues and the engines' batches with everybody, however fair each of those is by itself. What waits for its turn
waits here, where it costs nothing. How callers share the processors is deployments/replica/processor_shares.py. Knows
neither HTTP nor Ray.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from deployments.config.schema import LimitsConfig
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.reading_service import ReadingService
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from deployments.replica.asked_at_once import LATELY_S, AskedAtOnce
from ocr import Page
from ocr.contract import ComponentStatus
from ocr.errors import DeadlineExceeded, QuorumError

# A caller that has just been answered reads: most ask again at once.
_READS_S = 2.0
# What a page has begun elsewhere does not end in the moment in which its caller hangs up: his next page waits so long
# while others read, or he would have more begun than he may by hanging up.
_WINDS_UP_S = 1.0


class ReadingTurns:
    """Who reads, and who waits for its turn. Plain asyncio, in one event loop."""

    def __init__(
        self,
        limits: Callable[[], LimitsConfig],
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Mapping[str, float]], None] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._reading: Counter[str] = Counter()
        self._asked = AskedAtOnce(tell, lambda caller: limits().share_of(caller), clock)
        self._winding_up: Counter[str] = Counter()  # turns that were given up just now
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._answered: dict[str, float] = {}  # callers that read of late, and when they were last answered

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[int]:
        """Wait for a turn of this caller's, and have it for as long as the context lasts; how many it has or waits for
        then, with this one, or had of late.
        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._pass_on()
        self._note_at_once(caller)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self._end(caller)
            self._pass_on()
            raise
        try:
            yield self._note_at_once(caller)
        except asyncio.CancelledError:
            if self._others(caller):
                self._winding_up[caller] += 1
                asyncio.get_running_loop().call_later(_WINDS_UP_S, self._wound_up, caller)
            raise
        finally:
            self._end(caller)
            self._pass_on()

    def _note_at_once(self, caller: str) -> int:
        """Of requests that come one right after the other, the first is not alone, and the last neither."""
        return self._asked.note(caller, self._begun(caller) + len(self._waiting.get(caller, ())))

    def _wound_up(self, caller: str) -> None:
        self._winding_up[caller] -= 1
        self._winding_up = +self._winding_up
        self._pass_on()

    def _end(self, caller: str) -> None:
        self._reading[caller] -= 1
        self._reading = +self._reading
        self._answered[caller] = self._clock()
        loop = asyncio.get_running_loop()
        loop.call_later(_READS_S, self._forget)
        loop.call_later(LATELY_S, self._asked.tell)

    def _forget(self) -> None:
        """Those who have not read for a while count no more as others: who waits may have more."""
        now = self._clock()
        self._answered = {caller: then for caller, then in self._answered.items() if then > now - _READS_S}
        self._pass_on()

    def _pass_on(self) -> None:
        """Give all turns that may be given: first to callers that have the fewest."""
        while (caller := self._next_caller()) is not None:
            turn = self._waiting[caller].popleft()
            if not self._waiting[caller]:
                del self._waiting[caller]
            if not turn.done():
                self._reading[caller] += 1
                turn.set_result(None)

    def _next_caller(self) -> str | None:
        limits = self._limits()
        if self._reading.total() >= limits.pages_at_once:
            return None
        may = [caller for caller in self._waiting if self._begun(caller) < self._most(caller, limits)]
        return min(may, key=lambda caller: (self._reading[caller], self._answered.get(caller, 0.0)), default=None)

    def _callers(self) -> set[str]:
        """Who reads, or waits to."""
        return self._reading.keys() | self._waiting.keys() | self._answered.keys()

    def _begun(self, caller: str) -> int:
        return self._reading[caller] + self._winding_up[caller]

    def _others(self, caller: str) -> set[str]:
        return self._callers() - {caller}

    def _most(self, caller: str, limits: LimitsConfig) -> int:
        alone = math.ceil(limits.caller_share * limits.pages_at_once)
        return min(alone, limits.pages_beside_others) if self._others(caller) else alone


class FairReadingService:
    """Calls `service` for each caller in its turn. `caller` says for whom the work of this moment is done, `waiting`
    how much more of it waits elsewhere. `tell` is told how much a second counts for each caller who asks for pages.
    """

    def __init__(
        self,
        service: ReadingService,
        limits: Callable[[], LimitsConfig],
        caller: Callable[[], str] = lambda: "",
        waiting: Callable[[], int] = lambda: 0,
        tell: Callable[[Mapping[str, float]], None] = lambda _: None,
    ) -> None:
        self._service = service
        self._turns = ReadingTurns(limits, tell=tell)
        self._caller = caller
        self._waiting = waiting

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        async with self._turn(request) as at_once:
            return await self._service.read_page(data, replace(request, at_once=at_once))

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        async with self._turn(request) as at_once:
            return await self._service.read_characters(images, replace(request, at_once=at_once))

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        async with self._turn(request) as at_once:
            return await self._service.pictures(data, replace(request, at_once=at_once))

    async def state(self) -> ServiceState:
        return await self._service.state()

    async def components(self) -> dict[str, ComponentStatus]:
        return await self._service.components()

    @asynccontextmanager
    async def _turn(self, request: ReadRequest) -> AsyncIterator[int]:
        """Raises DeadlineExceeded where the turn does not come before the request's deadline."""
        came = False
        try:
            async with asyncio.timeout(max(0.0, request.deadline - time.time())) as patience:
                async with self._turns.turn(self._caller()) as at_once:
                    came = True
                    patience.reschedule(None)
                    yield at_once + self._waiting()
        except TimeoutError as error:
            if came:
                raise
            raise DeadlineExceeded(
                "other requests of yours took until the deadline", "send fewer at once, or give more time", 1.0
            ) from error
