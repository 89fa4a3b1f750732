"""Bytes kept under keys, bounded by number and by memory: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from deployments.config.schema import CacheConfig

Key = tuple[str, bytes]
"""Of what is kept: a name and a digest."""


class Memory:
    """The least used goes first when there are too many, or too many bytes."""

    def __init__(self, bounds: Callable[[], CacheConfig]) -> None:
        self._bounds = bounds
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def on(self) -> bool:
        """Whether anything is kept at all. Forgets everything once it is not."""
        if self._bounds().entries > 0:
            return True
        self._kept.clear()
        self._bytes = 0
        return False

    def get(self, key: Key) -> bytes | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Key, value: bytes) -> None:
        """Keep it, unless it alone is more than all may be."""
        bounds = self._bounds()
        if len(value) > bounds.max_mb * 1e6:
            return
        self._bytes += len(value) - len(self._kept.pop(key, b""))
        self._kept[key] = value
        while len(self._kept) > bounds.entries or self._bytes > bounds.max_mb * 1e6:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest)

    def drop(self, key: Key) -> None:
        """Keep it no longer, if it is kept."""
        self._bytes -= len(self._kept.pop(key, b""))

    def __len__(self) -> int:
        return len(self._kept)
