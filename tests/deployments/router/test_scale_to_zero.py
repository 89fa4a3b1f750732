"""An engine without a replica: noticed without waking it, woken by whoever wants it."""

from __future__ import annotations

import asyncio

import pytest

from deployments.messages.call_errors import NotDeployed
from deployments.router.scale_to_zero import Sleeper


class Deployment:
    """What Serve would know of it; a knock starts a replica when `started` is set."""

    def __init__(self, replicas: int | None) -> None:
        self.replicas = replicas
        self.knocks = 0
        self.started = asyncio.Event()

    async def count(self) -> int | None:
        return self.replicas

    async def knock(self) -> None:
        self.knocks += 1
        await self.started.wait()
        self.replicas = 1

    def sleeper(self) -> Sleeper:
        return Sleeper("trocr", self.count, self.knock)


async def test_looking_at_an_engine_does_not_wake_it() -> None:
    deployment = Deployment(0)
    sleeper = deployment.sleeper()
    assert not await sleeper.look()
    assert sleeper.asleep
    assert deployment.knocks == 0


async def test_a_request_is_refused_at_once_and_wakes_the_engine_once() -> None:
    deployment = Deployment(0)
    sleeper = deployment.sleeper()
    await sleeper.look()
    for _ in range(3):
        with pytest.raises(NotDeployed, match="trocr was asleep"):
            sleeper.require_awake()
        await asyncio.sleep(0)
    assert deployment.knocks == 1
    deployment.started.set()
    await asyncio.sleep(0.01)
    await sleeper.look()
    sleeper.require_awake()
    assert not sleeper.asleep


async def test_an_engine_that_does_not_come_is_woken_again() -> None:
    deployment = Deployment(0)
    sleeper = deployment.sleeper()
    deployment.started.set()
    for knocks in (1, 2):
        deployment.replicas = 0
        await sleeper.look()
        with pytest.raises(NotDeployed):
            sleeper.require_awake()
        await asyncio.sleep(0.01)
        assert deployment.knocks == knocks


async def test_an_engine_is_asked_how_it_is_only_while_somebody_wants_it() -> None:
    sleeper = Deployment(1).sleeper()
    assert not await sleeper.look(), "the question would keep it awake"
    sleeper.want()
    assert await sleeper.look()
    assert not await sleeper.look()


async def test_where_nobody_can_tell_the_engine_counts_as_awake() -> None:
    sleeper = Deployment(None).sleeper()
    await sleeper.look()
    sleeper.require_awake()
