"""The bounds of the cache."""

from __future__ import annotations

from deployments.config.schema import CacheConfig
from deployments.gateway.caching.lru_cache import LruCache


def test_the_least_used_goes_first_when_there_are_too_many_or_too_many_bytes() -> None:
    config = [CacheConfig(entries=3, max_mb=1.0)]
    cache = LruCache(lambda: config[0])
    keys = [(str(n), b"") for n in range(4)]
    for key in keys[:3]:
        cache.put(key, b"x" * 1000)
    cache.get(keys[0])
    cache.put(keys[3], b"y")
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]
    cache.put(keys[1], b"z" * 999_990)
    assert [cache.get(key) is not None for key in keys] == [False, True, False, True]
    cache.put(keys[0], b"z" * 1_000_001)  # larger than all that may be kept: drives nothing out
    assert len(cache) == 2
    cache.put(keys[3], b"x")
    cache.put(keys[3], b"xx")
    assert (len(cache), cache.get(keys[3])) == (2, b"xx")
    config[0] = CacheConfig()
    assert not cache.enabled
    assert len(cache) == 0
