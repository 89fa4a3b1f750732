"""Counting the requests of each caller in a moving window of one minute, with the `limits` library."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

COUNT_S = 1.0
"""A count that takes longer than this is made by the replica alone."""


class Windows:
    """A moving window for each caller."""

    def __init__(self, storage: Storage) -> None:
        self._limiter = MovingWindowRateLimiter(storage)

    async def wait_s(self, caller: str, per_minute: int) -> float:
        limit = RateLimitItemPerMinute(per_minute)
        if await self._limiter.hit(limit, caller):
            return 0.0
        stats = await self._limiter.get_window_stats(limit, caller)
        return max(1.0, stats.reset_time - time.time())


def windows_in_memory() -> Windows:
    return Windows(MemoryStorage())
