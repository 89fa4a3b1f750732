"""Following the live configuration, and counting when nobody counts for all: with a stand-in for the shared actor."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from deployments.config.config_watcher import Follower, both
from deployments.config.layers import layered
from deployments.config.versions import Version
from deployments.gateway.access.rate_limit import SharedRates
from deployments.gateway.live_config import LiveConfiguration
from deployments.messages.capabilities import Catalogue
from ocr import Scope
from ocr.errors import NotReady
from tests.fakes.plain_service import plain_config, spec


class Shared:
    """Versions that a test sets; fails as often as it is told to."""

    def __init__(self) -> None:
        self.version = Version()
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()

    async def current(self) -> Version:
        self._fail()
        return self.version

    async def other_than(self, number: int) -> Version:
        self._fail()
        while self.version.number == number:
            self.changed.clear()
            await self.changed.wait()
        return self.version

    async def wait_s(self, caller: str, per_minute: int) -> float:
        self._fail()
        return 7.0

    def set(self, version: Version) -> None:
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
    shared: Any = Shared()
    shared.version = Version(3)
    first: list[int] = []
    second: list[int] = []
    follower = Follower(shared, both(lambda v: first.append(v.number), lambda v: second.append(v.number)))
    await follower.begin()
    assert first == [3]
    shared.set(Version(4))
    await until(lambda: first == [3, 4])
    shared.set(Version(1))  # a store that lost what it had kept
    await until(lambda: first == [3, 4, 1])
    assert second == first


async def test_an_application_starts_without_its_store_and_catches_up_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployments.config.config_watcher._UNREACHABLE_S", 0.01)
    shared: Any = Shared()
    shared.version = Version(2)
    shared.failures = [NotReady("away"), NotReady("away"), ZeroDivisionError()]
    taken: list[int] = []
    await Follower(shared, lambda version: taken.append(version.number)).begin()
    assert taken == []
    await until(lambda: taken == [2])


async def test_requests_are_counted_by_the_replica_alone_while_nobody_counts_for_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared: Any = Shared()
    rates = SharedRates(shared, None)
    assert await rates.wait_s("a", 2) == 7.0
    shared.failures = [NotReady("away")] * 3
    with caplog.at_level(logging.WARNING, "quorum.shared"):
        waits = [await rates.wait_s("a", 2) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert waits[2] >= 1.0
    assert "counted by this replica alone" in caplog.text


def test_a_version_that_does_not_fit_a_new_deployment_counts_as_empty_and_that_is_told() -> None:
    settings = layered(plain_config(), {})
    live = LiveConfiguration(settings, Catalogue.of(settings.config, [spec("a", Scope.LINE), spec("b", Scope.LINE)]))
    live.take(Version(5, {"profiles": {"mine": {"gone": 1.0}}, "method": "majority_voting"}, 9.0))
    assert live.catalogue.version == 5
    assert live.settings.config.method == settings.config.method
    assert "gone" in live.problem
    live.take(Version(6, {"method": "majority_voting"}, 10.0))
    assert live.problem == ""
    assert live.catalogue.config.method == "majority_voting"
