"""The middleware of Serve's proxies in a real server, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from deployments.gateway.access.serve_proxy import drained_answers
from deployments.gateway.access.serve_proxy.proxy_middleware import middlewares

pytestmark = pytest.mark.processes

LARGE = 8_000_000


class Served:
    """An application of a few routes, and what came of it."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.answered = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def count(self, request: Request) -> Response:
        async for piece in request.stream():
            self.pieces.append(len(piece))
        return PlainTextResponse(str(sum(self.pieces)))

    async def refuse(self, request: Request) -> Response:
        async for piece in request.stream():
            self.pieces.append(len(piece))
            break
        return PlainTextResponse("too large", 413)

    async def large(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"x" * LARGE)(scope, receive, send)
        self.answered += 1

    async def echo(self, socket: WebSocket) -> None:
        await socket.accept()
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            await socket.send_text(str(len(message.get("bytes") or message.get("text") or "")))

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/count", self.count, methods=["POST"]),
                Route("/refuse", self.refuse, methods=["POST"]),
                Mount("/large", self.large),
                WebSocketRoute("/echo", self.echo),
            ],
            middleware=middlewares(),
        )


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    served = Served()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        served.port = listening.getsockname()[1]
        config = uvicorn.Config(served.app(), lifespan="off", log_config=None, timeout_keep_alive=5)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield served
        finally:
            server.should_exit = server.force_exit = True
            await running


async def test_a_body_of_ten_bytes_at_a_time_is_one_piece() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 10
            await asyncio.sleep(0.001)

    async with serving() as served, httpx.AsyncClient() as client:
        assert (await client.post(f"{served.url}/count", content=body())).text == "500"
    assert len([piece for piece in served.pieces if piece]) == 1


async def test_a_large_body_arrives_whole() -> None:
    async with serving() as served, httpx.AsyncClient() as client:
        response = await client.post(f"{served.url}/count", content=b"x" * LARGE)
    assert response.text == str(LARGE)
    assert len(served.pieces) < 40


async def test_a_body_that_is_refused_by_its_size_is_told_so_and_is_not_taken_in() -> None:
    async with serving() as served, httpx.AsyncClient() as client:
        response = await client.post(f"{served.url}/refuse", content=b"x" * 80_000_000)
        assert response.status_code == 413
        assert sum(served.pieces) < 2_000_000
        served.pieces.clear()
        assert (await client.post(f"{served.url}/count", content=b"abc")).text == "3"


async def test_an_answer_that_nobody_reads_is_given_up_and_others_get_theirs(monkeypatch) -> None:
    monkeypatch.setattr(drained_answers, "_PATIENCE_S", 0.2)
    async with serving() as served, httpx.AsyncClient() as client:
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.connect(("127.0.0.1", served.port))
            silent.sendall(b"GET /large/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(10):
                while not served.answered:
                    await asyncio.sleep(0.01)
            assert len((await client.get(f"{served.url}/large/")).content) == LARGE


async def test_a_stream_passes() -> None:
    async with serving() as served, websockets.connect(f"ws://127.0.0.1:{served.port}/echo") as stream:
        for message in ("abc", bytes(1_000_000)):
            await stream.send(message)
            assert await stream.recv() == str(len(message))
