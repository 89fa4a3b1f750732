"""The proxy keeps no more of an upload than a window ahead of what the Gateway has written."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.access.serve_proxy.gathered_bodies import ENOUGH_BYTES
from deployments.gateway.access.serve_proxy.proxy_middleware import RequestHeaders, middlewares
from deployments.gateway.access.serve_proxy.upload_window import (
    WINDOW_BYTES,
    WINDOW_HEADER,
    UploadWindow,
    telling_what_is_taken,
)

PIECE = b"x" * 1000
PIECES = 50
SCOPE: Scope = {"type": "http", "method": "POST", "path": "/jobs", "headers": [(WINDOW_HEADER.encode(), b"1")]}


class Tunnel:
    """Between a proxy and a Gateway, as Serve is: it takes all that the proxy gives, and keeps it until it is asked
    for. `most` is how many bytes it ever held.
    """

    def __init__(self, gateway: ASGIApp) -> None:
        self._gateway = gateway
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waiting: asyncio.Queue[Message] = asyncio.Queue()
        held = 0

        async def take_all() -> None:
            nonlocal held
            while True:
                message = await receive()
                held += len(message.get("body", b""))
                self.most = max(self.most, held)
                waiting.put_nowait(message)

        async def next_message() -> Message:
            nonlocal held
            message = await waiting.get()
            held -= len(message.get("body", b""))
            return message

        taking = asyncio.create_task(take_all())
        try:
            await self._gateway(scope, next_message, send)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


class Client:
    """Sends pieces as fast as they are taken, and keeps what it is answered."""

    def __init__(self, piece: bytes = PIECE) -> None:
        self.left = PIECES
        self._piece = piece
        self.answers: list[Message] = []

    async def receive(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        self.left -= 1
        return {"type": "http.request", "body": self._piece, "more_body": self.left > 0}

    async def send(self, message: Message) -> None:
        self.answers.append(message)

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.answers if message["type"] == "http.response.start"]


async def slow_gateway(scope: Scope, receive: Receive, send: Send) -> None:
    """Writes each piece while others run."""
    size = 0
    async for piece in Request(scope, telling_what_is_taken(receive, send)).stream():
        await asyncio.sleep(0)
        size += len(piece)
    await PlainTextResponse(str(size))(scope, receive, send)


async def test_an_upload_waits_with_its_sender_while_it_is_written() -> None:
    tunnel, client = Tunnel(slow_gateway), Client()
    await UploadWindow(tunnel, 5000)(SCOPE, client.receive, client.send)
    assert client.statuses == [200]
    assert b"".join(message.get("body", b"") for message in client.answers) == str(PIECES * len(PIECE)).encode()
    assert 1000 <= tunnel.most <= 6000


async def test_the_proxy_and_the_gateway_do_so_together_and_callers_see_nothing_of_it() -> None:
    tunnel, client = Tunnel(slow_gateway), Client(bytes(300_000))
    proxy: ASGIApp = tunnel
    for middleware in middlewares():  # as Serve wraps them
        proxy = middleware.cls(proxy, *middleware.args, **middleware.kwargs)
    scope = {**SCOPE, "headers": [], "client": ("127.0.0.1", 1), "query_string": b""}
    await proxy(scope, client.receive, client.send)
    assert client.statuses == [200]
    assert {message["type"] for message in client.answers} == {"http.response.start", "http.response.body"}
    assert tunnel.most <= WINDOW_BYTES + 2 * ENOUGH_BYTES


async def test_no_caller_says_that_the_proxy_keeps_a_window() -> None:
    seen: list[bytes] = []

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(name for name, _ in scope["headers"])
        await PlainTextResponse("")(scope, receive, send)

    sent = [(b"Quorum-Upload-Window", b"1"), (b"host", b"localhost")]
    scope = {**SCOPE, "path": "/predict", "headers": sent, "client": ("127.0.0.1", 1), "query_string": b""}
    client = Client()
    client.left = 1
    await RequestHeaders(gateway)(scope, client.receive, client.send)
    assert sorted(seen) == [b"host", b"x-request-id"]


async def test_without_a_window_all_of_it_would_be_held() -> None:
    tunnel, client = Tunnel(slow_gateway), Client()
    await tunnel(SCOPE, client.receive, client.send)
    assert tunnel.most > 20_000


async def test_a_refusal_lets_the_rest_of_the_body_come() -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await PlainTextResponse("no", 413)(scope, receive, send)
        while client.left:
            await asyncio.sleep(0)

    client = Client()
    await UploadWindow(Tunnel(refusing), 5000)(SCOPE, client.receive, client.send)
    assert (client.statuses, client.left) == ([413], 0)


async def test_where_the_gateway_is_gone_its_caller_is_told_to_send_the_upload_again() -> None:
    async def dying(scope: Scope, receive: Receive, send: Send) -> None:
        take = telling_what_is_taken(receive, send)
        await take()
        await take()

    client = Client()
    await UploadWindow(Tunnel(dying), 5000)(SCOPE, client.receive, client.send)
    assert client.statuses == [503]
    assert dict(client.answers[0]["headers"])[b"retry-after"] == b"5"


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost"}])
async def test_other_requests_pass_as_they_are(headers: dict[str, Any]) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)

    transport = httpx.ASGITransport(UploadWindow(echo, 10))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.post("/predict", content=PIECE, headers=headers)).content == PIECE
