"""The cache of results: the same bytes asked in the same way under the same configuration are read once.

A reading service that calls another one only for what it does not have. Bounded by number and by memory, the least
recently used goes first; a result in which an engine failed is not kept. Each Gateway replica has a cache of its own.
Knows neither HTTP nor Ray.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from deployments.config.schema import CacheConfig
from deployments.gateway.caching.lru_cache import CacheKey, LruCache
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.reading_service import ReadingService
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from deployments.observability.metrics import CACHE_LOOKUPS, RecordMetric
from ocr import EngineReport, Page, Status
from ocr.contract import ComponentStatus
from ocr.errors import QuorumError

Result = TypeVar("Result", Page, CharacterReading)

_FAILED = frozenset({Status.TIMEOUT, Status.ERROR, Status.SHED, Status.UNAVAILABLE})


def cache_key(image: bytes, request: ReadRequest, kind: str) -> CacheKey:
    """The same for identical requests. How much time they give is not part of it."""
    timeless = replace(request, deadline=0.0)
    return hashlib.sha256(image).hexdigest(), hashlib.sha256(f"{kind} {timeless!r}".encode()).digest()


def is_cacheable(reports: Sequence[EngineReport]) -> bool:
    """Whether every engine that was asked did what it was asked for."""
    return not any(report.status in _FAILED for report in reports)


class CachingReadingService:
    """Calls `service` only for what is not in the cache; `record` counts hits and misses."""

    def __init__(self, service: ReadingService, config: Callable[[], CacheConfig], record: RecordMetric) -> None:
        self._service = service
        self._cache = LruCache(config)
        self._record = record

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        if not self._cache.enabled:
            return await self._service.read_page(data, request)
        key = cache_key(data, request, "page")
        page = self._lookup(key, Page)
        if page is None:
            page = await self._service.read_page(data, request)
            self._keep(key, page)
        return page

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        if not self._cache.enabled:
            return await self._service.read_characters(images, request)
        keys = [cache_key(image, request, "character") for image in images]
        readings: list[CharacterReading | QuorumError | None] = [self._lookup(key, CharacterReading) for key in keys]
        unknown = [index for index, reading in enumerate(readings) if reading is None]
        if unknown:
            read = await self._service.read_characters([images[index] for index in unknown], request)
            for index, reading in zip(unknown, read, strict=True):
                readings[index] = reading
                self._keep(keys[index], reading)
        return [reading for reading in readings if reading is not None]

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        return await self._service.pictures(data, request)

    async def state(self) -> ServiceState:
        return await self._service.state()

    async def components(self) -> dict[str, ComponentStatus]:
        return await self._service.components()

    def _keep(self, key: CacheKey, result: Page | CharacterReading | QuorumError) -> None:
        if not isinstance(result, QuorumError) and is_cacheable(result.reports):
            # As bytes, so that its size is known and nobody can change it.
            # Without timings, which are those of another request.
            self._cache.put(key, pickle.dumps(replace(result, timings=()), protocol=pickle.HIGHEST_PROTOCOL))

    def _lookup(self, key: CacheKey, kind: type[Result]) -> Result | None:
        found = self._cache.get(key)
        self._record(CACHE_LOOKUPS, result="miss" if found is None else "hit")
        if found is None:
            return None
        result = pickle.loads(found)  # noqa: S301 - our own bytes, from this process
        assert isinstance(result, kind)
        return result
