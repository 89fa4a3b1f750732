"""An engine without a replica: noticed without waking it, woken by whoever wants it."""

from __future__ import annotations

import asyncio

import pytest

from deployments.messages.call_errors import NotDeployed
from deployments.router.scale_to_zero import ScaleToZeroEngine


class Deployment:
    """What Serve would know of it; a call starts a replica when `started` is set."""

    def __init__(self, replicas: int | None) -> None:
        self.replicas = replicas
        self.knocks = 0
        self.started = asyncio.Event()

    async def count(self) -> int | None:
        return self.replicas

    async def wake_up(self) -> None:
        self.knocks += 1
        await self.started.wait()
        self.replicas = 1

    def engine(self) -> ScaleToZeroEngine:
        return ScaleToZeroEngine("trocr", self.count, self.wake_up)


async def test_looking_at_an_engine_does_not_wake_it() -> None:
    deployment = Deployment(0)
    engine = deployment.engine()
    assert not await engine.poll()
    assert engine.asleep
    assert deployment.knocks == 0


async def test_a_request_is_refused_at_once_and_wakes_the_engine_once() -> None:
    deployment = Deployment(0)
    engine = deployment.engine()
    await engine.poll()
    for _ in range(3):
        with pytest.raises(NotDeployed, match="trocr was asleep"):
            engine.require_replica()
        await asyncio.sleep(0)
    assert deployment.knocks == 1
    deployment.started.set()
    await asyncio.sleep(0.01)
    await engine.poll()
    engine.require_replica()
    assert not engine.asleep


async def test_an_engine_that_does_not_come_is_woken_again() -> None:
    deployment = Deployment(0)
    engine = deployment.engine()
    deployment.started.set()
    for knocks in (1, 2):
        deployment.replicas = 0
        await engine.poll()
        with pytest.raises(NotDeployed):
            engine.require_replica()
        await asyncio.sleep(0.01)
        assert deployment.knocks == knocks


async def test_an_engine_is_asked_how_it_is_only_while_somebody_wants_it() -> None:
    engine = Deployment(1).engine()
    assert not await engine.poll(), "the poll would keep it awake"
    engine.note_request()
    assert await engine.poll()
    assert not await engine.poll()


async def test_where_nobody_can_tell_the_engine_counts_as_awake() -> None:
    engine = Deployment(None).engine()
    await engine.poll()
    engine.require_replica()
