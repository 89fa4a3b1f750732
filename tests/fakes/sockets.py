"""A WebSocket to an ASGI application in the same process: messages in a queue each way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI


class Socket:
    """The client's end."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, message: object) -> None:
        """Send bytes as they are, a string as text, anything else as JSON."""
        if isinstance(message, bytes):
            self.to_app.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self.to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        """The next message, decoded; the code of a close."""
        message = await asyncio.wait_for(self.from_app.get(), 60)
        if message["type"] == "websocket.close":
            return message["code"]
        assert message["type"] == "websocket.send"
        return json.loads(message["text"])

    async def hang_up(self) -> None:
        self.to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})


def _scope(path: str, query: Mapping[str, str], headers: Mapping[str, str], client: str) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": [],
        "scheme": "ws",
        "server": ("quorum", 80),
        "client": (client, 1),
        "root_path": "",
    }


async def refused_socket(app: FastAPI, path: str, headers: Mapping[str, str]) -> int:
    """The code with which a connection is closed that is not accepted."""
    socket = Socket()
    socket.to_app.put_nowait({"type": "websocket.connect"})
    await app(_scope(path, {}, headers, "test"), socket.to_app.get, socket.from_app.put)
    code: int = await socket.receive()
    return code


@asynccontextmanager
async def connected(
    app: FastAPI, path: str, headers: Mapping[str, str] | None = None, client: str = "test", **query: str
) -> AsyncIterator[Socket]:
    socket = Socket()
    scope = _scope(path, query, headers or {}, client)
    socket.to_app.put_nowait({"type": "websocket.connect"})
    running = asyncio.create_task(app(scope, socket.to_app.get, socket.from_app.put))
    try:
        assert (await asyncio.wait_for(socket.from_app.get(), 60))["type"] == "websocket.accept"
        yield socket
        await socket.hang_up()
        await asyncio.wait_for(running, 60)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
