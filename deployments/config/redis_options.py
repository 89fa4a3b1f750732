"""How this service connects to Redis."""

from __future__ import annotations

from typing import Any


def redis_options(timeout_s: float) -> dict[str, Any]:
    """A server that is silent for so long is away, and nothing is asked of it twice: redis-py would send a command
    again of which nobody knows whether it was done (findings/redis_py_repeats_commands.sh).
    """
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": Retry(NoBackoff(), 0)}
