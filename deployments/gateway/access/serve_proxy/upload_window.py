"""How far Serve's proxy may be ahead of the Gateway with the body of an upload.

Serve's proxy takes a body as fast as it comes, and hands it to the Gateway as fast as that fetches it; neither queue
has a bound. So of a file that comes faster than the storage writes it, all the rest would be in memory. Here the
Gateway says how much it has written, in messages beside its answer, and the proxy takes no more of the body than a
window ahead of that. A header between them, which no caller can send, says that both do so.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.error_responses import error_body
from ocr.contract import Problem

WINDOW_HEADER = "quorum-upload-window"
"""The proxy understands how much was taken."""
WINDOW_BYTES = 4_000_000

_TAKEN = "quorum.upload.taken"
_GONE = Problem(
    code="not_ready",
    message="the Gateway that took the upload is gone",
    hint="send it again; under the same Idempotency-Key it is one job",
)
_RETRY_S = "5"


class UploadWindow:
    """In the proxy, around Serve itself: of uploads, hands on a window at most that the Gateway has not taken."""

    def __init__(self, app: ASGIApp, window_bytes: int = WINDOW_BYTES) -> None:
        self._app = app
        self._window_bytes = window_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or WINDOW_HEADER not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        window = _Window(receive, send, self._window_bytes)
        await self._app(scope, window.receive, window.send)
        if not window.is_answered:  # Serve takes what was told beside the answer for its beginning
            await JSONResponse(error_body(_GONE, scope), 503, {"Retry-After": _RETRY_S})(scope, receive, send)


class _Window:
    """The body of one upload, and how much of it the Gateway has taken."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive = receive
        self._send = send
        self._most = most
        self._handed_on = 0
        self._taken = 0
        self._moved = asyncio.Event()
        self.is_answered = False

    async def receive(self) -> Message:
        while self._handed_on - self._taken >= self._most and not self.is_answered:
            self._moved.clear()
            await self._moved.wait()
        message = await self._receive()
        self._handed_on += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == _TAKEN:
            self._taken = message["bytes"]
        else:
            self.is_answered = True
        self._moved.set()
        if self.is_answered:
            await self._send(message)


def telling_what_is_taken(receive: Receive, send: Send) -> Receive:
    """In the Gateway: `receive`, which tells the proxy how much was taken when more is asked for."""
    taken = 0

    async def next_message() -> Message:
        nonlocal taken
        if taken:
            await send({"type": _TAKEN, "bytes": taken})
        message = await receive()
        taken += len(message.get("body", b""))
        return message

    return next_message
