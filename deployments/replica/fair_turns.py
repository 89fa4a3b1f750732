"""Turns for what only so many may do at once: of those that wait, callers take turns. Plain asyncio."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """`at_once` turns at a time. The next is for the waiting caller whose last turn is longest ago, however many it
    asked for; the turns of one caller come in the order in which they were asked for. One has at most `most_each` at a
    time, so that one of many long turns leaves some to others; one without a name, a program on the cluster, as many as
    there are.
    """

    def __init__(self, at_once: int, most_each: int | None = None) -> None:
        self._free = at_once
        self._most_each = at_once if most_each is None else most_each
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._served = 0
        self._last_served: dict[str, int] = {}  # since somebody waits

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn of this caller's, and have it for as long as the context lasts."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give_back(caller)

    async def _take(self, caller: str) -> None:
        if self._free and self._may_have_one(caller):
            self._free -= 1
            self._note(caller)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self._give_back(caller)
            raise

    def _may_have_one(self, caller: str) -> bool:
        return not caller or self._held[caller] < self._most_each

    def _give_back(self, caller: str) -> None:
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._pass_on()

    def _pass_on(self) -> None:
        while waiting := [caller for caller in self._waiting if self._may_have_one(caller)]:
            caller = min(waiting, key=lambda waiting: self._last_served.get(waiting, 0))
            turn = self._waiting[caller].popleft()
            if not self._waiting[caller]:
                del self._waiting[caller]
            if not turn.done():
                self._note(caller)
                turn.set_result(None)
                return
        self._free += 1
        if not self._waiting:
            self._last_served.clear()

    def _note(self, caller: str) -> None:
        self._held[caller] += 1
        self._served += 1
        self._last_served[caller] = self._served
