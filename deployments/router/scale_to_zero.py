"""Engines that may have no replica at all: noticing that one sleeps without waking it, waking it when it is wanted.

To ask a deployment anything wakes it: the question waits for a replica, and Serve starts one for it. So an engine that
may sleep is asked how it is only while it is awake and in use; whether it is awake is asked of Serve's controller.
Plain asyncio over two questions, tested without Serve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from deployments.messages.call_errors import NotDeployed

Count = Callable[[], Awaitable[int | None]]
"""How many replicas of an engine run; None when nobody can tell at the moment."""

Knock = Callable[[], Awaitable[object]]
"""Asks the engine something, which wakes it; returns when it has answered, or not in time."""


class Sleeper:
    """One engine that may sleep, as one Router sees it."""

    def __init__(self, name: str, count: Count, knock: Knock) -> None:
        self._name = name
        self._count = count
        self._knock = knock
        self._replicas: int | None = None
        self._wanted = False
        self._waking: asyncio.Task[None] | None = None

    @property
    def asleep(self) -> bool:
        """Whether it had no replica at the last look."""
        return self._replicas == 0

    async def look(self) -> bool:
        """Look whether it sleeps. True when it may be asked how it is: it is awake, and was wanted since the last time,
        so that the question is not what keeps it awake.
        """
        self._replicas = await self._count()
        wanted, self._wanted = self._wanted, False
        return wanted and not self.asleep

    def want(self) -> None:
        """Note that a request is about to ask it."""
        self._wanted = True

    def require_awake(self) -> None:
        """Raises NotDeployed while it sleeps, and wakes it for those who ask later."""
        if not self.asleep:
            return
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake())
        raise NotDeployed(f"{self._name} was asleep, without a replica; it is being woken, ask again in a while")

    async def _wake(self) -> None:
        await self._knock()
