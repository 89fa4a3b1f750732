"""Bodies in small pieces come to the application in large ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope, Send

from deployments.gateway.access.serve_proxy import gathered_bodies
from deployments.gateway.access.serve_proxy.gathered_bodies import ENOUGH_BYTES, GatheredBodies


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def messages(sent: Iterable[Message], count: int, announced: int = 0) -> list[Message]:
    """The first messages that the application gets of what the caller sent. It answers when it has had one piece."""
    coming = iter(sent)
    got: list[Message] = []

    async def receive() -> Message:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None: ...

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(count):
            got.append(await receive())
            if announced:
                await send({"type": "http.response.start", "status": 413})

    headers = [(b"content-length", str(announced).encode())] if announced else []
    await GatheredBodies(app)({"type": "http", "headers": headers}, receive, send)
    return got


async def test_a_body_in_small_pieces_is_one_message() -> None:
    small = [piece(b"x") for _ in range(1000)]
    assert await messages([*small, piece(b"y", more=False)], 1) == [piece(b"x" * 1000 + b"y", more=False)]


async def test_a_body_that_is_there_at_once_passes_as_it_is() -> None:
    whole = piece(b"x" * 5, more=False)
    [passed] = await messages([whole], 1)
    assert passed is whole


async def test_a_large_body_comes_in_large_pieces_and_loses_nothing() -> None:
    halves = await messages([piece(b"x" * ENOUGH_BYTES), piece(b"y" * 9), piece(b"", more=False)], 2)
    assert [len(message["body"]) for message in halves] == [ENOUGH_BYTES, 9]
    assert [message["more_body"] for message in halves] == [True, False]


async def test_what_came_of_a_slow_body_is_handed_on_after_a_while(monkeypatch) -> None:
    monkeypatch.setattr(gathered_bodies, "_PATIENCE_S", 0.01)
    assert await messages([piece(b"ab"), piece(b"c")], 1) == [piece(b"abc")]


async def test_a_caller_that_hangs_up_in_the_middle_is_told_at_once() -> None:
    assert await messages([piece(b"ab"), {"type": "http.disconnect"}], 1) == [{"type": "http.disconnect"}]


async def test_of_a_body_that_was_answered_nothing_more_is_handed_on() -> None:
    rest = [piece(b"x" * ENOUGH_BYTES) for _ in range(50)]
    got = await messages([*rest, {"type": "http.disconnect"}], 2, announced=80_000_000)
    assert [message["type"] for message in got] == ["http.request", "http.disconnect"]


async def test_a_large_body_that_nobody_refuses_is_handed_on_whole(monkeypatch) -> None:
    monkeypatch.setattr(gathered_bodies, "_REFUSAL_S", 0.001)
    monkeypatch.setattr(gathered_bodies, "_LARGE_BYTES", 600_000)
    pieces = [piece(b"x" * ENOUGH_BYTES) for _ in range(9)]
    got = await messages([*pieces, piece(b"y", more=False)], 10)
    assert sum(len(message["body"]) for message in got) == 9 * ENOUGH_BYTES + 1
