"""At which pace the messages of a stream pass a proxy. Each is unpacked there and handed on, and may be a thousand
times larger than what was sent (permessage-deflate, RFC 7692). What comes faster waits in the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Thirty frames a second, announced by their names: as many as most cameras take. Each message costs the proxy, the
# Gateway and its answer some milliseconds, whatever becomes of it. Fifty frames of 100 kB.
_MESSAGES_PER_S = 60.0
_BYTES_PER_S = 5_000_000.0
# So much may come at once.
_BURST_S = 0.5


class PacedStreams:
    """Takes the messages of a WebSocket no faster than at that pace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            receive = paced(receive, asyncio.get_running_loop().time, asyncio.sleep)
        await self._app(scope, receive, send)


def paced(receive: Receive, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> Receive:
    """`receive`, which waits before a message until those before it are due."""
    due = clock()

    async def next_message() -> Message:
        nonlocal due
        early_s = due - clock() - _BURST_S
        if early_s > 0.0:
            await sleep(early_s)
        message = await receive()
        size = len(message.get("bytes") or message.get("text") or b"")
        due = max(due, clock()) + max(1.0 / _MESSAGES_PER_S, size / _BYTES_PER_S)
        return message

    return next_message
