"""A Redis of our own: who gets in, and who can see how."""

from __future__ import annotations

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from cluster.local.redis_server import running_redis

pytestmark = pytest.mark.processes


def test_it_wants_the_password_that_no_argument_of_a_process_shows() -> None:
    with running_redis() as redis:
        with Redis.from_url(redis.url(0)) as known:
            assert known.set("key", "value")
        with Redis(redis.host, redis.port) as stranger, pytest.raises(AuthenticationError):
            stranger.get("key")
        [server] = [child for child in psutil.Process().children() if child.name() == "redis-server"]
        assert redis.password not in " ".join(server.cmdline())
        assert redis.password not in repr(redis)


def test_each_has_a_password_of_its_own_and_none_is_left() -> None:
    with running_redis() as first, running_redis() as second:
        assert first.password != second.password
    assert not [child for child in psutil.Process().children() if child.name() == "redis-server"]


def test_what_it_acknowledged_is_there_when_it_was_killed_and_started_again() -> None:
    with running_redis() as redis, Redis.from_url(redis.url(0)) as client:
        assert client.set("key", "value")
        redis.kill()
        assert not redis.runs
        with pytest.raises(RedisConnectionError):
            client.get("key")
        redis.start()
        assert client.get("key") == b"value"
