"""A cache of bytes, bounded by number and by memory: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from deployments.config.schema import CacheConfig

CacheKey = tuple[str, bytes]
"""A name and a digest."""


class LruCache:
    """`config` gives the bounds that are in force at the moment."""

    def __init__(self, config: Callable[[], CacheConfig]) -> None:
        self._config = config
        self._entries: OrderedDict[CacheKey, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def enabled(self) -> bool:
        """Whether anything is kept at all. Drops everything once it is not."""
        if self._config().entries > 0:
            return True
        self._entries.clear()
        self._bytes = 0
        return False

    def get(self, key: CacheKey) -> bytes | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: CacheKey, value: bytes) -> None:
        """Keep it, unless it alone is more than all may be."""
        config = self._config()
        if len(value) > config.max_mb * 1e6:
            return
        self._bytes += len(value) - len(self._entries.pop(key, b""))
        self._entries[key] = value
        while len(self._entries) > config.entries or self._bytes > config.max_mb * 1e6:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= len(oldest)

    def drop(self, key: CacheKey) -> None:
        """Keep it no longer, if it is kept."""
        self._bytes -= len(self._entries.pop(key, b""))

    def __len__(self) -> int:
        return len(self._entries)
