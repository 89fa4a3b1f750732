"""Counting the requests of each caller in a moving window of one minute, with the `limits` library."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

COUNT_TIMEOUT_S = 1.0
"""Where counting for the whole cluster takes longer than this, a replica counts by itself."""


class MovingWindow:
    """A moving window of one minute for each caller."""

    def __init__(self, storage: Storage) -> None:
        self._limiter = MovingWindowRateLimiter(storage)

    async def hit(self, caller: str, per_minute: int) -> float:
        """Count one request of `caller`; 0 when it may pass, else the seconds until one may."""
        limit = RateLimitItemPerMinute(per_minute)
        if await self._limiter.hit(limit, caller):
            return 0.0
        stats = await self._limiter.get_window_stats(limit, caller)
        return max(1.0, stats.reset_time - time.time())


def moving_window_in_memory() -> MovingWindow:
    return MovingWindow(MemoryStorage())
