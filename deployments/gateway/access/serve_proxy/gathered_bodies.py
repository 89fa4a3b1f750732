"""Bodies in pieces of a useful size, and no more of them than somebody wants.

Each piece that a proxy hands on costs it and the Gateway milliseconds, however small it is: a caller that sends ten
bytes at a time could keep both busy. And Serve's proxies take a body as fast as it comes, also one that is refused for
its size while it is on its way.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENOUGH_BYTES = 1_048_576
# Less is handed on after so long: the Gateway has to see how slow a body is.
_PATIENCE_S = 2.0
# After so much, and after the first piece of a body that is announced to be larger, the Gateway is given time to
# refuse it: its bound can be changed while it runs, and is not known here.
_LARGE_BYTES = 50_000_000
_REFUSAL_S = 0.5


class GatheredBodies:
    """Hands on the body of a request when it is there, or a large piece of it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = _Body(receive, send, _announced_bytes(scope))
            receive, send = body.receive, body.send
        await self._app(scope, receive, send)


class _Body:
    """The body of one request, which is no longer wanted once it is answered."""

    def __init__(self, receive: Receive, send: Send, announced: int) -> None:
        self._receive = receive
        self._send = send
        self._until_pause = 0 if announced > _LARGE_BYTES else _LARGE_BYTES
        self._handed_on = 0
        self._answered = asyncio.Event()

    async def send(self, message: Message) -> None:
        self._answered.set()
        await self._send(message)

    async def receive(self) -> Message:
        """The next piece. Of a body that breaks off, its last pieces are lost: nobody can use them."""
        if self._handed_on > self._until_pause:
            await self._give_time_to_refuse()
        message = await self._next()
        if not message.get("more_body", False):
            return message
        body = bytearray(message.get("body", b""))
        until = asyncio.get_running_loop().time() + _PATIENCE_S
        while message.get("more_body", False) and len(body) < ENOUGH_BYTES:
            try:
                async with asyncio.timeout_at(until):
                    message = await self._next()
            except TimeoutError:
                break
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
        self._handed_on += len(body)
        return {"type": "http.request", "body": bytes(body), "more_body": message.get("more_body", False)}

    async def _next(self) -> Message:
        message = await self._receive()
        while self._answered.is_set() and message.get("more_body", False):
            message = await self._receive()
        return message

    async def _give_time_to_refuse(self) -> None:
        self._until_pause = self._handed_on + _LARGE_BYTES
        try:
            async with asyncio.timeout(_REFUSAL_S):
                await self._answered.wait()
        except TimeoutError:
            return


def _announced_bytes(scope: Scope) -> int:
    """What Content-Length says; 0 without one."""
    value = dict(scope["headers"]).get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 16 else 0
