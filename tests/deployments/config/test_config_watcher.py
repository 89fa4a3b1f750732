"""Following the live configuration, and counting when nobody counts for all: with a stand-in for the shared actor."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from deployments.config.config_watcher import ConfigWatcher, apply_both
from deployments.config.versions import ConfigVersion
from deployments.gateway.access.rate_limit import ClusterRateLimiter
from ocr.errors import NotReady


class SharedState:
    """Versions that a test sets; fails as often as it is told to."""

    def __init__(self) -> None:
        self.version = ConfigVersion()
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()

    async def current(self) -> ConfigVersion:
        self._fail()
        return self.version

    async def wait_for_other(self, number: int) -> ConfigVersion:
        self._fail()
        while self.version.number == number:
            self.changed.clear()
            await self.changed.wait()
        return self.version

    async def hit(self, caller: str, per_minute: int) -> float:
        self._fail()
        return 7.0

    def set(self, version: ConfigVersion) -> None:
        self.version = version
        self.changed.set()

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_replica_takes_the_version_in_force_before_anything_else_and_then_each_that_follows() -> None:
    shared: Any = SharedState()
    shared.version = ConfigVersion(3)
    first: list[int] = []
    second: list[int] = []
    watcher = ConfigWatcher(shared, apply_both(lambda v: first.append(v.number), lambda v: second.append(v.number)))
    await watcher.start()
    assert first == [3]
    shared.set(ConfigVersion(4))
    await until(lambda: first == [3, 4])
    shared.set(ConfigVersion(1))  # a store that lost what it had kept
    await until(lambda: first == [3, 4, 1])
    assert second == first


async def test_an_application_starts_without_its_store_and_catches_up_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployments.config.config_watcher._UNREACHABLE_S", 0.01)
    shared: Any = SharedState()
    shared.version = ConfigVersion(2)
    shared.failures = [NotReady("away"), NotReady("away"), ZeroDivisionError()]
    taken: list[int] = []
    await ConfigWatcher(shared, lambda version: taken.append(version.number)).start()
    assert taken == []
    await until(lambda: taken == [2])


async def test_requests_are_counted_by_the_replica_alone_while_nobody_counts_for_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared: Any = SharedState()
    rates = ClusterRateLimiter(shared, None)
    assert await rates.hit("a", 2) == 7.0
    shared.failures = [NotReady("away")] * 3
    with caplog.at_level(logging.WARNING, "quorum.shared"):
        waits = [await rates.hit("a", 2) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert waits[2] >= 1.0
    assert "counted by this replica alone" in caplog.text
