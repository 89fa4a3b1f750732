"""What is asked of a Redis server that does not answer."""

import asyncio

import pytest
import redis.asyncio
from redis.exceptions import TimeoutError as RedisTimeout

from deployments.config.redis_options import redis_options

pytestmark = pytest.mark.processes


async def test_a_silent_server_is_asked_once() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            asked.append(data)
            if b"INCR" not in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with redis.asyncio.Redis(port=port, protocol=2, **redis_options(0.2)) as client:
            with pytest.raises(RedisTimeout):
                await client.incr("pages")
    assert sum(data.count(b"INCR") for data in asked) == 1
