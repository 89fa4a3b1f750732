"""Results of identical requests, kept for a while: the same bytes asked in the same way under the same configuration.

A service like any other that asks another one only for what it does not remember. Bounded by number and by memory, the
least used goes first; a result in which an engine failed is not kept. Each Gateway replica remembers by itself. Knows
neither HTTP nor Ray.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from deployments.config.schema import CacheConfig
from deployments.gateway.lru_cache import Key, Memory
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.request import Ask
from deployments.messages.service import Service
from deployments.messages.states import ServiceState
from deployments.observability.metrics import CACHE_LOOKUPS, Record
from ocr import EngineReport, Page, Status
from ocr.contract import ComponentStatus
from ocr.errors import QuorumError

Result = TypeVar("Result", Page, CharacterReading)

_FAILED = frozenset({Status.TIMEOUT, Status.ERROR, Status.SHED, Status.UNAVAILABLE})


def key_of(image: bytes, ask: Ask, kind: str) -> Key:
    """What is the same for identical requests. How much time they give is not part of it."""
    timeless = replace(ask, deadline=0.0)
    return hashlib.sha256(image).hexdigest(), hashlib.sha256(f"{kind} {timeless!r}".encode()).digest()


def worth_keeping(reports: Sequence[EngineReport]) -> bool:
    """Whether every engine that was asked did what it was asked for."""
    return not any(report.status in _FAILED for report in reports)


class RememberingService:
    """A service that asks `service` only for what it does not remember; `record` counts hits and misses."""

    def __init__(self, service: Service, bounds: Callable[[], CacheConfig], record: Record) -> None:
        self._service = service
        self._memory = Memory(bounds)
        self._record = record

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        if not self._memory.on:
            return await self._service.read_page(data, ask)
        key = key_of(data, ask, "page")
        page = self._look(key, Page)
        if page is None:
            page = await self._service.read_page(data, ask)
            self._keep(key, page)
        return page

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        if not self._memory.on:
            return await self._service.read_characters(images, ask)
        keys = [key_of(image, ask, "character") for image in images]
        readings: list[CharacterReading | QuorumError | None] = [self._look(key, CharacterReading) for key in keys]
        unknown = [index for index, reading in enumerate(readings) if reading is None]
        if unknown:
            read = await self._service.read_characters([images[index] for index in unknown], ask)
            for index, reading in zip(unknown, read, strict=True):
                readings[index] = reading
                self._keep(keys[index], reading)
        return [reading for reading in readings if reading is not None]

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        return await self._service.pictures(data, ask)

    async def state(self) -> ServiceState:
        return await self._service.state()

    async def components(self) -> dict[str, ComponentStatus]:
        return await self._service.components()

    def _keep(self, key: Key, result: Page | CharacterReading | QuorumError) -> None:
        if not isinstance(result, QuorumError) and worth_keeping(result.reports):
            # As bytes, so that its size is known and nobody can change it.
            # Where the time went is of the request that it went to.
            self._memory.put(key, pickle.dumps(replace(result, spent=()), protocol=pickle.HIGHEST_PROTOCOL))

    def _look(self, key: Key, kind: type[Result]) -> Result | None:
        found = self._memory.get(key)
        self._record(CACHE_LOOKUPS, result="miss" if found is None else "hit")
        if found is None:
            return None
        result = pickle.loads(found)  # noqa: S301 - our own bytes, from this process
        assert isinstance(result, kind)
        return result
