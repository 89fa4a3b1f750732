"""The live configuration as a sequence of versions: one at a time, kept before it is acknowledged.

`ConfigVersionStore` is the one writer of a cluster; where it runs and how replicas reach it is
`deployments.replica.shared_actor`. A version is a number, the document that `PUT /config` sent, and the name of the
change that made it, so that a change that is sent again because its answer was lost is not made twice. Times are epoch
seconds. Knows no Ray and no HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deployments.config.redis_options import redis_options

log = logging.getLogger("quorum.configuration")

_REDIS_S = 5.0


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One version of the live layer. Number 0 is what was deployed, without a live layer."""

    number: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    changed_at: float = 0.0
    change: str = ""


class VersionStorage(Protocol):
    """Where the newest version is kept."""

    async def load(self) -> ConfigVersion:
        """The newest version that was saved, or version 0."""

    async def save(self, version: ConfigVersion) -> None:
        """Keep it; returns when it will survive the death of this process."""


class ConfigVersionStore:
    """The current version, and who waits for the next."""

    def __init__(self, storage: VersionStorage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._changed = asyncio.Condition()
        self._current: ConfigVersion | None = None
        self._is_doubtful = False

    async def current(self) -> ConfigVersion:
        async with self._changed:
            return await self._loaded()

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> ConfigVersion | None:
        """The new version, or None when the current one is not the `expected` one.

        Asked again with the same `change`, it answers with the version that this change made. Where the storage fails,
        its error is raised; what the storage kept of it comes into force as soon as it can be asked.
        """
        async with self._changed:
            current = await self._loaded()
            if current.change == change:
                return current
            if expected is not None and expected != current.number:
                return None
            version = ConfigVersion(current.number + 1, document, self._clock(), change)
            self._is_doubtful = True  # where saving fails half way, nobody here knows whether it was kept
            await self._storage.save(version)
            self._is_doubtful = False
            self._current = version
            self._changed.notify_all()
            return version

    async def wait_for_other(self, number: int, timeout_s: float) -> ConfigVersion:
        """The current version as soon as its number is another one, at the latest after `timeout_s`."""
        async with self._changed:
            await self._loaded()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait_for(lambda: self._current is not None and self._current.number != number)
            return await self._loaded()

    async def _loaded(self) -> ConfigVersion:
        if self._current is None:
            self._current = await self._storage.load()
        elif self._is_doubtful:
            await self._settle()
        return self._current

    async def _settle(self) -> None:
        """Find out what was kept. Until the storage answers, what was in force stays in force."""
        try:
            kept = await self._storage.load()
        except Exception as error:  # noqa: BLE001 - each storage has its own errors
            log.warning("the storage of the live configuration does not answer: %s", error)
            return
        self._is_doubtful = False
        if kept != self._current:
            self._current = kept
            self._changed.notify_all()


def version_to_json(version: ConfigVersion) -> str:
    return json.dumps(asdict(version))


def version_from_json(text: str | bytes) -> ConfigVersion:
    """Raises ValueError when it is not what `version_to_json` made."""
    try:
        return ConfigVersion(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"not a version of the configuration: {error}") from error


class FileVersionStorage:
    """One file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> ConfigVersion:
        return await asyncio.to_thread(self._load)

    async def save(self, version: ConfigVersion) -> None:
        await asyncio.to_thread(self._save, version_to_json(version))

    def _load(self) -> ConfigVersion:
        try:
            return version_from_json(self._path.read_text())
        except FileNotFoundError:
            return ConfigVersion()
        except ValueError:
            aside = self._path.with_suffix(".unreadable")
            self._path.replace(aside)
            log.exception("the live configuration in %s cannot be read; it was moved to %s", self._path, aside)
            return ConfigVersion()

    def _save(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or the new name may be lost with the power
        finally:
            os.close(folder)


class RedisVersionStorage:
    """One key of a Redis server. How durable that is, is its configuration."""

    def __init__(self, url: str, application: str) -> None:
        import redis.asyncio  # takes longer to load than all that is needed without a Redis

        self._redis = redis.asyncio.Redis.from_url(url, **redis_options(_REDIS_S))
        self._key = f"quorum:{application}:configuration"

    async def load(self) -> ConfigVersion:
        text = await self._redis.get(self._key)
        return ConfigVersion() if text is None else version_from_json(text)

    async def save(self, version: ConfigVersion) -> None:
        await self._redis.set(self._key, version_to_json(version))

    async def close(self) -> None:
        await self._redis.aclose()
