"""With a Redis server: what is shared lies there, and outlives every process of the cluster. Starts one of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.local.redis_server import running_redis
from deployments.config.versions import ConfigVersionStore, RedisVersionStorage
from deployments.gateway.access.rate_limit import RedisMovingWindow


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as redis:
        yield redis.url(0)


async def test_a_version_is_in_redis_before_it_is_acknowledged_and_each_application_has_its_own(redis_url: str) -> None:
    storage = RedisVersionStorage(redis_url, "quorum")
    store = ConfigVersionStore(storage, lambda: 5.0)
    made = await store.change({"profiles": {"mine": {"a": 1.0}}}, "one", 0)
    another = RedisVersionStorage(redis_url, "quorum")
    assert await ConfigVersionStore(another, lambda: 6.0).current() == made
    other = RedisVersionStorage(redis_url, "other")
    assert (await other.load()).number == 0
    for opened in (storage, another, other):
        await opened.close()


async def test_requests_are_counted_for_all_replicas_together(redis_url: str) -> None:
    replicas = [RedisMovingWindow(redis_url) for _ in range(2)]
    waits = [await replicas[turn % 2].hit("key abc", 4) for turn in range(6)]
    assert waits[:4] == [0.0] * 4
    assert all(1.0 <= wait <= 60.0 for wait in waits[4:])
    assert await replicas[0].hit("key def", 4) == 0.0
    for replica in replicas:
        await replica.close()
