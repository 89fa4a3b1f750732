"""An engine that may scale to zero replicas: how to see that it has none without starting one, and how to start one.

Any call to a deployment without a replica makes Serve start one, because the call waits for it. So an engine that may
scale to zero is polled only while it has a replica and is in use; whether it has one is asked of Serve's controller.
An engine without a replica is called asleep. Plain asyncio over two callables, tested without Serve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from deployments.messages.call_errors import NotDeployed

CountReplicas = Callable[[], Awaitable[int | None]]
"""How many replicas of an engine run; None when nobody can tell at the moment."""

WakeUp = Callable[[], Awaitable[object]]
"""Calls the engine, which makes Serve start a replica; returns when it has answered, or not in time."""


class ScaleToZeroEngine:
    """One engine that may scale to zero, as one Router sees it."""

    def __init__(self, name: str, count_replicas: CountReplicas, wake_up: WakeUp) -> None:
        self._name = name
        self._count_replicas = count_replicas
        self._wake_up = wake_up
        self._replicas: int | None = None
        self._requested = False
        self._waking: asyncio.Task[None] | None = None

    @property
    def asleep(self) -> bool:
        """Whether it had no replica at the last poll."""
        return self._replicas == 0

    async def poll(self) -> bool:
        """Count its replicas. True when its state may be polled as well: it has a replica, and a request came since the
        last poll, so that polling is not what keeps the replica alive.
        """
        self._replicas = await self._count_replicas()
        requested, self._requested = self._requested, False
        return requested and not self.asleep

    def note_request(self) -> None:
        """Note that a request is about to call it."""
        self._requested = True

    def require_replica(self) -> None:
        """Raises NotDeployed while it has no replica, and has one started for later requests."""
        if not self.asleep:
            return
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake())
        raise NotDeployed(f"{self._name} was asleep, without a replica; it is being woken, ask again in a while")

    async def _wake(self) -> None:
        await self._wake_up()
