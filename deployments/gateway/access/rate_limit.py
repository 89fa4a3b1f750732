"""The rate limit of each caller, in a moving window of one minute.

The `limits` library counts; its storage is memory or a Redis server. Without Redis one process counts for the whole
cluster, `deployments.replica.shared_actor`, which is not known here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from limits.aio.storage import RedisStorage

from deployments.config.redis_options import redis_options
from deployments.replica.moving_window import COUNT_TIMEOUT_S, MovingWindow, moving_window_in_memory

log = logging.getLogger("quorum.shared")

_REDIS_S = 2.0


class RateLimiter(Protocol):
    """Counts requests."""

    async def hit(self, caller: str, per_minute: int) -> float:
        """Count one request of `caller`; 0 when it may pass, else the seconds until one may."""


class RedisMovingWindow(MovingWindow):
    """Counts on a Redis server, the same for all who use it."""

    def __init__(self, url: str) -> None:
        import redis.asyncio  # takes longer to load than all that is needed without a Redis

        self._connections = redis.asyncio.ConnectionPool.from_url(url, **redis_options(_REDIS_S))
        options: dict[str, Any] = {"connection_pool": self._connections}
        super().__init__(RedisStorage(f"async+{url}", implementation="redispy", key_prefix="quorum-rates", **options))

    async def close(self) -> None:
        await self._connections.aclose()


class ClusterRateLimiter:
    """Counts for all replicas: in Redis, or in what they share. A replica that reaches neither counts by itself."""

    def __init__(self, shared: RateLimiter, redis_url: str | None) -> None:
        self._shared: RateLimiter = RedisMovingWindow(redis_url) if redis_url else shared
        self._local = moving_window_in_memory()

    async def hit(self, caller: str, per_minute: int) -> float:
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                return await self._shared.hit(caller, per_minute)
        except Exception as error:  # noqa: BLE001 - whatever Redis or Ray raise; a request must not fail of being counted
            log.warning("requests are counted by this replica alone: %s", type(error).__name__)
            return await self._local.hit(caller, per_minute)
