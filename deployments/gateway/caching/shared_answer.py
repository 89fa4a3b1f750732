"""What many ask at once is looked up once: the state of the cluster costs a call to other processes, and its metrics
tenths of a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SharedAnswer(Generic[Answer]):
    """Calls `ask` for all who want the answer meanwhile, and keeps it for `fresh_s`. An error is raised in all of them,
    and is not kept. `detached_context` gives the context of the call, which no caller's going may end.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[Answer]],
        fresh_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        detached_context: Callable[[], Context] = copy_context,
    ) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._clock = clock
        self._detached_context = detached_context
        self._asked: asyncio.Task[tuple[Answer, float]] | None = None

    async def __call__(self) -> Answer:
        if self._asked is None or self._is_over(self._asked):
            self._asked = asyncio.create_task(self._answer(), context=self._detached_context())
        answer, _ = await asyncio.shield(self._asked)
        return answer

    async def _answer(self) -> tuple[Answer, float]:
        return await self._ask(), self._clock()

    def _is_over(self, asked: asyncio.Task[tuple[Answer, float]]) -> bool:
        if not asked.done():
            return False
        return asked.cancelled() or asked.exception() is not None or self._clock() >= asked.result()[1] + self._fresh_s
