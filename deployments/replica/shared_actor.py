"""The state that the replicas of one application share: the live configuration, the counts of requests, the leases.

One named actor holds it, outside of every deployment: it outlives the replicas and a redeploy, and when it dies Ray
starts it again, with the live configuration that it kept on disk or in Redis. Without Redis it runs on the head, where
its file is. Replicas learn of changes by long polling: they ask for a version other than the one they have, and the
answer waits until there is one. No request waits for any of this, except that a limited request is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, RayError, RayTaskError

from deployments.config.versions import ConfigVersion, ConfigVersionStore, FileVersionStorage, RedisVersionStorage
from deployments.replica.lease_table import LeaseTable
from deployments.replica.moving_window import COUNT_TIMEOUT_S, moving_window_in_memory
from ocr.errors import NotReady

# How long an answer to "is there another version" may wait; asked again at once. A lost connection is noticed by then.
_POLL_S = 30.0
# A write that Redis or the disk does not take.
_WRITE_S = 10.0
# Longer than the actor needs to come back after its death, most of which is the start of a process.
_TIMEOUT_S = 20.0
_AGAIN_S = 0.2
# What the methods of the actor are and mean. A newer application must not meet an older actor.
_ACTOR_VERSION = 2


@dataclass(frozen=True, slots=True)
class StateLocation:
    """Where the shared state is kept."""

    state_dir: Path
    redis_url: str | None = None


class SharedActor:
    """The process behind `SharedState`."""

    def __init__(self, application: str, location: StateLocation) -> None:
        folder = location.state_dir.expanduser() / application
        storage = (
            RedisVersionStorage(location.redis_url, application)
            if location.redis_url
            else FileVersionStorage(folder / "live.json")
        )
        self._versions = ConfigVersionStore(storage, time.time)
        self._windows = moving_window_in_memory()
        self._leases = LeaseTable(time.monotonic)

    async def wait_for_other(self, number: int, timeout_s: float) -> ConfigVersion:
        return await self._versions.wait_for_other(number, timeout_s)

    async def current(self) -> ConfigVersion:
        return await self._versions.current()

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> ConfigVersion | None:
        return await self._versions.change(document, change, expected)

    async def hit(self, caller: str, per_minute: int) -> float:
        return await self._windows.hit(caller, per_minute)

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        return self._leases.acquire(name, holder, seconds)


class SharedState:
    """The shared state, as one replica of `application` reaches it."""

    def __init__(self, application: str, location: StateLocation) -> None:
        self._application = application
        self._location = location
        self._actor: ActorHandle | None = None

    async def current(self) -> ConfigVersion:
        version: ConfigVersion = await self._call("current", timeout_s=_TIMEOUT_S)
        return version

    async def wait_for_other(self, number: int) -> ConfigVersion:
        """The version in force, as soon as it is another one; the same after half a minute."""
        version: ConfigVersion = await self._call("wait_for_other", number, _POLL_S, timeout_s=_POLL_S + _TIMEOUT_S)
        return version

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> ConfigVersion | None:
        """See ConfigVersionStore.change. Called again when the process died in between."""
        version: ConfigVersion | None = await self._call("change", document, change, expected, timeout_s=_WRITE_S)
        return version

    async def hit(self, caller: str, per_minute: int) -> float:
        """See RateLimiter. Raises NotReady when nobody counts."""
        seconds: float = await self._call("hit", caller, per_minute, timeout_s=COUNT_TIMEOUT_S)
        return seconds

    async def acquire(self, name: str, holder: str, seconds: float) -> bool:
        held: bool = await self._call("acquire", name, holder, seconds, timeout_s=_TIMEOUT_S)
        return held

    async def _call(self, method: str, *arguments: object, timeout_s: float) -> Any:  # noqa: ANN401 - see the callers
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await getattr(await self._find_actor(), method).remote(*arguments)
                    except RayTaskError as error:
                        raise NotReady(f"{method}: {error.cause}", "is REDIS_URL or STATE_DIR usable?", 5.0) from error
                    except RayError as error:  # it is being started again
                        if isinstance(error, ActorDiedError):  # or was killed for good: make another
                            self._actor = None
                        await asyncio.sleep(_AGAIN_S)
        except TimeoutError as error:
            raise NotReady("what the replicas share is not reachable", "try again in a few seconds", 5.0) from error

    async def _find_actor(self) -> ActorHandle:
        if self._actor is None:
            self._actor = await asyncio.to_thread(_actor, self._application, self._location)
        return self._actor


def _actor(application: str, location: StateLocation) -> ActorHandle:
    where = hashlib.sha256(f"{location.redis_url or location.state_dir}".encode()).hexdigest()[:8]
    return (
        ray.remote(SharedActor)
        .options(
            name=f"quorum-{application}-{_ACTOR_VERSION}-{where}",
            namespace="quorum",
            get_if_exists=True,
            lifetime="detached",
            max_restarts=-1,
            max_concurrency=10_000,  # every replica has one long poll open
            num_cpus=0,
            resources={} if location.redis_url else {"node:__internal_head__": 0.001},
        )
        .remote(application, location)
    )
