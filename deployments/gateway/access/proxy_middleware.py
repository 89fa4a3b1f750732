"""What runs inside Serve's HTTP proxies, before Serve itself looks at a request or logs it.

Serve loads it where `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names `middlewares` of this file; the ways to start
that this project ships set it. Without it the Gateway still bounds what it does with a request, and Serve's own logs
hold whatever a caller sent as `X-Request-ID`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

IMPORT_PATH = f"{__name__}:middlewares"
"""What the variable is set to."""

MAX_HEADER_BYTES = 32_768
MAX_HEADERS = 100

_REQUEST_ID = b"x-request-id"
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,128}")

RawHeaders = Sequence[tuple[bytes, bytes]]


def middlewares() -> list[Middleware]:
    """What Serve wraps its proxies in."""
    return [Middleware(RequestHeaders)]


class RequestHeaders:
    """Bounds the headers of a request, and gives it an id that can be logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif are_too_large(scope["headers"]):
            await _refuse(scope, receive, send)
        else:
            await self._app({**scope, "headers": with_request_id(scope["headers"])}, receive, send)


def are_too_large(headers: RawHeaders) -> bool:
    """Whether they are more than any usual client sends."""
    return len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES


def with_request_id(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The same headers with exactly one request id: the caller's where it is 1 to 128 visible ASCII characters, else a
    new one.
    """
    sent = [value for name, value in headers if name == _REQUEST_ID]
    own = sent[0] if len(sent) == 1 and _VISIBLE.fullmatch(sent[0]) else str(uuid.uuid4()).encode()
    return [*((name, value) for name, value in headers if name != _REQUEST_ID), (_REQUEST_ID, own)]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1009, "reason": "the request's headers are too large"})
        return
    problem = {
        "code": "too_large",
        "message": f"the headers have more than {MAX_HEADER_BYTES} bytes or are more than {MAX_HEADERS}",
        "hint": "send fewer or shorter headers; the image belongs into the body",
    }
    await JSONResponse({"error": problem}, 431, {"Connection": "close"})(scope, receive, send)
