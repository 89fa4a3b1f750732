"""What the replicas of one application share: the live configuration, the count of requests, and the leases.

One named actor holds it, outside of every deployment: it outlives the replicas and a redeploy, and when it dies Ray
starts it again, with the live configuration that it kept on disk or in Redis. Without Redis it runs on the head, where
its file is. Replicas hear of changes by asking for a version other than the one they have; the answer waits until there
is one. No request waits for any of this, except that a limited request is counted.
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

from deployments.config.versions import FileArchive, RedisArchive, Version, VersionStore
from deployments.replica.lease_table import Leases
from deployments.replica.moving_window import COUNT_S, windows_in_memory
from ocr.errors import NotReady

# How long an answer to "is there another version" may wait; asked again at once. A lost connection is noticed by then.
_POLL_S = 30.0
# A write that Redis or the disk does not take.
_WRITE_S = 10.0
# Longer than the actor needs to come back after its death, most of which is the start of a process.
_PATIENCE_S = 20.0
_AGAIN_S = 0.2
# What the methods of the actor mean. A newer application must not meet an older actor.
_PROTOCOL = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where what is shared is kept."""

    state_dir: Path
    redis_url: str | None = None


class SharedActor:
    """The process behind `Shared`."""

    def __init__(self, application: str, place: Place) -> None:
        folder = place.state_dir.expanduser() / application
        archive = RedisArchive(place.redis_url, application) if place.redis_url else FileArchive(folder / "live.json")
        self._versions = VersionStore(archive, time.time)
        self._windows = windows_in_memory()
        self._leases = Leases(time.monotonic)

    async def other_than(self, number: int, patience_s: float) -> Version:
        return await self._versions.other_than(number, patience_s)

    async def current(self) -> Version:
        return await self._versions.current()

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> Version | None:
        return await self._versions.change(document, change, expected)

    async def wait_s(self, caller: str, per_minute: int) -> float:
        return await self._windows.wait_s(caller, per_minute)

    async def hold(self, name: str, holder: str, seconds: float) -> bool:
        return self._leases.hold(name, holder, seconds)


class Shared:
    """What is shared, seen from one replica of `application`."""

    def __init__(self, application: str, place: Place) -> None:
        self._application = application
        self._place = place
        self._actor: ActorHandle | None = None

    async def current(self) -> Version:
        version: Version = await self._ask("current", patience_s=_PATIENCE_S)
        return version

    async def other_than(self, number: int) -> Version:
        """The version in force, as soon as it is another one; the same after half a minute."""
        version: Version = await self._ask("other_than", number, _POLL_S, patience_s=_POLL_S + _PATIENCE_S)
        return version

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> Version | None:
        """See VersionStore.change. Asked again when the process died in between."""
        version: Version | None = await self._ask("change", document, change, expected, patience_s=_WRITE_S)
        return version

    async def wait_s(self, caller: str, per_minute: int) -> float:
        """See RateLimiter. Raises NotReady when nobody counts."""
        seconds: float = await self._ask("wait_s", caller, per_minute, patience_s=COUNT_S)
        return seconds

    async def hold(self, name: str, holder: str, seconds: float) -> bool:
        held: bool = await self._ask("hold", name, holder, seconds, patience_s=_PATIENCE_S)
        return held

    async def _ask(self, method: str, *arguments: object, patience_s: float) -> Any:  # noqa: ANN401 - see the callers
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    try:
                        return await getattr(await self._found(), method).remote(*arguments)
                    except RayTaskError as error:
                        raise NotReady(f"{method}: {error.cause}", "is REDIS_URL or STATE_DIR usable?", 5.0) from error
                    except RayError as error:  # it is being started again
                        if isinstance(error, ActorDiedError):  # or was killed for good: make another
                            self._actor = None
                        await asyncio.sleep(_AGAIN_S)
        except TimeoutError as error:
            raise NotReady("what the replicas share is not reachable", "try again in a few seconds", 5.0) from error

    async def _found(self) -> ActorHandle:
        if self._actor is None:
            self._actor = await asyncio.to_thread(_actor, self._application, self._place)
        return self._actor


def _actor(application: str, place: Place) -> ActorHandle:
    where = hashlib.sha256(f"{place.redis_url or place.state_dir}".encode()).hexdigest()[:8]
    return (
        ray.remote(SharedActor)
        .options(
            name=f"quorum-{application}-{_PROTOCOL}-{where}",
            namespace="quorum",
            get_if_exists=True,
            lifetime="detached",
            max_restarts=-1,
            max_concurrency=10_000,  # every replica has one question open
            num_cpus=0,
            resources={} if place.redis_url else {"node:__internal_head__": 0.001},
        )
        .remote(application, place)
    )
