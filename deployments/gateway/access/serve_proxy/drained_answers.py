"""Answers that are read. A server keeps what it has to send until the other side takes it; a caller that asks for large
answers and reads none of them would fill the memory of a proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_BYTES = 262_144
# In which a piece is to be taken: nine kilobytes a second.
_PATIENCE_S = 30.0


class DrainedAnswers:
    """Sends the body of an answer in pieces, and gives up one that nobody takes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            answer = _Answer(receive, send)
            receive, send = answer.receive, answer.send
        await self._app(scope, receive, send)


class _Answer:
    """One answer. When it is given up, the application is told that the caller is gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._given_up = asyncio.Event()

    async def send(self, message: Message) -> None:
        for piece in _pieces(message):
            if self._given_up.is_set():
                return
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._send(piece)
            except TimeoutError:
                self._given_up.set()

    async def receive(self) -> Message:
        return {"type": "http.disconnect"} if self._given_up.is_set() else await self._receive()


def _pieces(message: Message) -> Iterator[Message]:
    """The message in pieces, if it has a large body. Before each the server waits until those before are taken."""
    body = message.get("body", b"")
    if len(body) <= PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), PIECE_BYTES):
        is_last = start + PIECE_BYTES >= len(body)
        more = message.get("more_body", False) or not is_last
        yield {**message, "body": body[start : start + PIECE_BYTES], "more_body": more}
