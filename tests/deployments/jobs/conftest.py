"""The stores of jobs: each test of a store runs on all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deployments.jobs.job_store import JobStore
from deployments.jobs.redis_store import RedisJobStore
from deployments.jobs.sqlite_store import SqliteJobStore
from tests.fakes.memory_jobs import MemoryJobStore


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    from cluster.local.redis_server import running_redis

    with running_redis() as redis:
        yield redis.url(0)


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.processes)])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[JobStore]]:
    """Two openings of the same store, as two processes have them."""
    opened: list[JobStore]
    if request.param == "memory":  # what other tests have in place of the real ones keeps the same promises
        opened = [MemoryJobStore()] * 2
    elif request.param == "sqlite":
        opened = [SqliteJobStore(tmp_path / "jobs.sqlite3") for _ in range(2)]
    else:
        url = request.getfixturevalue("redis_url")
        opened = [RedisJobStore(url, tmp_path.name) for _ in range(2)]
    yield opened
    for store in opened:
        await store.close()
