"""What every hostile caller is made of: the service that it works on, and ways to ask again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}
PDF = {"Content-Type": "application/pdf"}


@dataclass(frozen=True, slots=True)
class Target:
    """A service at `host`:`port`, to be worked on until the moment `until` (monotonic seconds)."""

    host: str
    port: int
    until: float

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.until - time.monotonic())


Attack = Callable[[Target], Coroutine[Any, Any, None]]
Once = Callable[[httpx.AsyncClient], Awaitable[object]]


async def repeated(target: Target, once: Once, at_once: int, most: int) -> None:
    """So many at once ask again and again until the time is over or `most` requests were sent. What comes back, and
    whether anything does, is nothing to a hostile caller.
    """
    left = iter(range(most))

    async def ask(client: httpx.AsyncClient) -> None:
        for _ in left:
            if not target.seconds_left:
                return
            with suppress(httpx.HTTPError, OSError):
                await once(client)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=target.url, timeout=30.0, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(at_once):
            group.create_task(ask(client))


@dataclass(frozen=True)
class Posting:
    """Sends the same body again and again; `make` makes it once."""

    path: str
    make: Callable[[], bytes]
    headers: Mapping[str, str]
    at_once: int = 4
    most: int = 200

    @cached_property
    def body(self) -> bytes:
        return self.make()

    async def __call__(self, target: Target) -> None:
        async def once(client: httpx.AsyncClient) -> None:
            await client.post(self.path, content=self.body, headers=self.headers)

        await repeated(target, once, self.at_once, self.most)


def getting(path: str, headers: Sequence[tuple[bytes, bytes]] = (), at_once: int = 16, most: int = 5000) -> Attack:
    async def attack(target: Target) -> None:
        await repeated(target, lambda client: client.get(path, headers=list(headers)), at_once, most)

    return attack


def holding_connections(first: bytes, trickle: bytes, every_s: float, connections: int) -> Attack:
    """Opens connections, sends `first` on each, then `trickle` every so many seconds."""

    async def hold(target: Target) -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(target.host, target.port)
            try:
                writer.write(first)
                while target.seconds_left:
                    await asyncio.sleep(min(every_s, target.seconds_left))
                    writer.write(trickle)
                    await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def attack(target: Target) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(hold(target))

    return attack


def head_of_post(path: str, length: int, more: str = "") -> bytes:
    """The head of a request whose body is announced to have so many bytes; `more` are further lines of it."""
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: image/png", f"Content-Length: {length}")
    return ("".join(f"{line}\r\n" for line in lines) + more + "\r\n").encode()
