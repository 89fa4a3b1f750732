"""With a Redis server: what is shared lies there, and outlives every process of the cluster. Starts one of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.rates import RedisWindows
from deployments.versions import RedisArchive, VersionStore


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder: Path = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(timeout=10)


async def test_a_version_is_in_redis_before_it_is_acknowledged_and_each_application_has_its_own(redis_url: str) -> None:
    archive = RedisArchive(redis_url, "quorum")
    store = VersionStore(archive, lambda: 5.0)
    made = await store.change({"profiles": {"mine": {"a": 1.0}}}, "one", 0)
    another = RedisArchive(redis_url, "quorum")
    assert await VersionStore(another, lambda: 6.0).current() == made
    other = RedisArchive(redis_url, "other")
    assert (await other.load()).number == 0
    for opened in (archive, another, other):
        await opened.close()


async def test_requests_are_counted_for_all_replicas_together(redis_url: str) -> None:
    replicas = [RedisWindows(redis_url) for _ in range(2)]
    waits = [await replicas[turn % 2].wait_s("key abc", 4) for turn in range(6)]
    assert waits[:4] == [0.0] * 4
    assert all(1.0 <= wait <= 60.0 for wait in waits[4:])
    assert await replicas[0].wait_s("key def", 4) == 0.0
    for replica in replicas:
        await replica.close()
