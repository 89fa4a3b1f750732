"""What runs inside Serve's HTTP proxies, before Serve itself looks at a request or logs it.

Serve loads it where `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names `middlewares` of this file; the ways to start
that this project ships set it. Without it the Gateway still bounds what it does with a request, and Serve's own logs
hold whatever a caller sent as `X-Request-ID`.
"""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.gateway.access.client_address import client_address
from deployments.gateway.access.serve_proxy.drained_answers import DrainedAnswers
from deployments.gateway.access.serve_proxy.gathered_bodies import GatheredBodies
from deployments.gateway.access.serve_proxy.paced_streams import PacedStreams
from deployments.gateway.access.serve_proxy.request_pace import RequestPace
from deployments.gateway.access.serve_proxy.upload_window import WINDOW_HEADER, UploadWindow
from deployments.gateway.error_responses import error_body
from deployments.replica.stopped_processes import watch_siblings
from ocr.contract import Problem

IMPORT_PATH = f"{__name__}:middlewares"
"""What the variable is set to."""

TRUSTED_PROXIES = "TRUSTED_PROXIES"
"""The environment variable with the addresses of reverse proxies. Their configuration reaches Serve's proxies as
environment alone.
"""

MAX_HEADER_BYTES = 32_768
MAX_HEADERS = 100
UPLOAD_S = 86_400
"""How long the files of a job may take to arrive: Serve's own limit is for requests that are answered."""
LINGERING_S, LINGERING_SILENT_S = 30.0, 5.0
"""As nginx has them (lingering_time, lingering_timeout)."""

_REQUEST_ID = b"x-request-id"
_OF_SERVE = re.compile(rb"Path '.*' not found\. Ping http://\.\.\./-/routes", re.DOTALL)
"""What Serve's proxy says of a path where it knows no application."""
_UPLOADS = ("/jobs", "/v1/files", ":analyze")  # as route_roles.KEPT has them
# As ray/serve/_private/constants.py has them, and our own. Serve takes a dash for a low line.
_INSTRUCTION = re.compile(
    rb"(quorum-upload-window|x-request-timeout-seconds|x-request-disconnect-disabled|serve.multiplexed.model.id|x.session.id|x-serve-router-.*)",
    re.IGNORECASE,
)
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,128}")

RawHeaders = Sequence[tuple[bytes, bytes]]


def middlewares() -> list[Middleware]:
    """What Serve wraps its proxies in, the innermost first. A proxy is on every node that has replicas, and on the
    head: it looks after the processes beside it.
    """
    watch_siblings()
    proxies = [each.strip() for each in os.environ.get(TRUSTED_PROXIES, "").split(",") if each.strip()]
    return [
        Middleware(UploadWindow),
        Middleware(DrainedAnswers),
        Middleware(LingeringClose),
        Middleware(UnknownApplication),
        Middleware(RequestHeaders),
        Middleware(PacedRequests, pace=RequestPace(), proxies=proxies),
        Middleware(GatheredBodies),
        Middleware(PacedStreams),
    ]


class RequestHeaders:
    """Bounds the headers of a request, takes out those that instruct Serve, and gives it an id that can be logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif are_too_large(scope["headers"]):
            await _LARGE_HEADERS(scope, receive, send)
        else:
            headers = with_request_id(without_instructions(scope["headers"]))
            if is_upload(scope):
                headers.append((b"x-request-timeout-seconds", str(UPLOAD_S).encode()))
                headers.append((WINDOW_HEADER.encode(), b"1"))
            await self._app({**scope, "headers": headers}, receive, send)


class UnknownApplication:
    """Says "not yet" in place of Serve's own 404. A proxy that has just started, on a node that joined or in the place
    of one that died, knows no application for a moment; a client would take 404 for an answer, and not ask elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []
        replaced = False

        async def send_or_replace(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == 404:
                held.append(message)  # what it says comes with the body
                return
            if held and _OF_SERVE.match(message.get("body", b"")):
                replaced = True
                await _NOT_YET(scope, receive, send)
            elif not replaced:
                for each in (*held, message):
                    await send(each)
            held.clear()

        await self._app(scope, receive, send_or_replace)


class LingeringClose:
    """Reads on for a while when a request is answered before its body is here, as nginx does. Whoever sends all of a
    body before looking for the answer finds a reset connection instead where the server closes it at once.

    The last part of the answer is held back meanwhile, empty: the answer itself is out.
    """

    def __init__(self, app: ASGIApp, total_s: float = LINGERING_S, silent_s: float = LINGERING_SILENT_S) -> None:
        self._app = app
        self._total_s = total_s
        self._silent_s = silent_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _IncomingBody(receive)

        async def send_and_linger(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and body.is_expected(scope["headers"]):
                await send({**message, "more_body": True})
                await body.discard(self._total_s, self._silent_s)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, body.receive, send_and_linger)


class _IncomingBody:
    """The body of one request: handed on as it comes, until the rest is discarded."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = asyncio.Event()
        self._discarding = False

    def is_expected(self, headers: RawHeaders) -> bool:
        """Whether there is a body of which the end has not come."""
        has_body = any(name in (b"content-length", b"transfer-encoding") and value != b"0" for name, value in headers)
        return has_body and not self._ended.is_set()

    async def receive(self) -> Message:
        if self._discarding:  # Serve goes on asking; nothing of this is for it
            await asyncio.Event().wait()
        return await self._next()

    async def discard(self, total_s: float, silent_s: float) -> None:
        """Read until the end of the body, for `total_s` and through pauses of `silent_s` at most."""
        self._discarding = True
        ended = asyncio.create_task(self._ended.wait())
        with suppress(TimeoutError):
            async with asyncio.timeout(total_s):
                while not self._ended.is_set():
                    coming = asyncio.create_task(self._next())
                    done, _ = await asyncio.wait({coming, ended}, timeout=silent_s, return_when=asyncio.FIRST_COMPLETED)
                    coming.cancel()
                    if not done:
                        break
        ended.cancel()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._ended.set()
        return message


def is_upload(scope: Scope) -> bool:
    """Whether a job is submitted, under whatever prefix the application is mounted."""
    path: str = scope["path"]
    return scope["type"] == "http" and scope["method"] == "POST" and path.rstrip("/").endswith(_UPLOADS)


def are_too_large(headers: RawHeaders) -> bool:
    """Whether they are more than any usual client sends."""
    return len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES


def without_instructions(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers without those that tell Serve or the Gateway what to do with a request, whoever sent them: to wait
    for it without end, to go on when its caller is gone, to which replica it should go.
    """
    return [(name, value) for name, value in headers if not _INSTRUCTION.fullmatch(name)]


def with_request_id(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The same headers with exactly one request id: the caller's where it is 1 to 128 visible ASCII characters, else a
    new one.
    """
    sent = [value for name, value in headers if name == _REQUEST_ID]
    own = sent[0] if len(sent) == 1 and _VISIBLE.fullmatch(sent[0]) else str(uuid.uuid4()).encode()
    return [*((name, value) for name, value in headers if name != _REQUEST_ID), (_REQUEST_ID, own)]


@dataclass(frozen=True)
class _Refusal:
    """What a proxy answers by itself: an error to a request, a close code and a reason to a stream. Clients of other
    protocols know the error where the application is mounted at the root.
    """

    status: int
    problem: Problem
    close_code: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": self.close_code, "reason": self.reason})
            return
        headers = {"Connection": "close", **self.headers}
        await JSONResponse(error_body(self.problem, scope), self.status, headers)(scope, receive, send)


_LARGE_HEADERS = _Refusal(
    431,
    Problem(
        code="too_large",
        message=f"the headers have more than {MAX_HEADER_BYTES} bytes or are more than {MAX_HEADERS}",
        hint="send fewer or shorter headers; the image belongs into the body",
    ),
    1009,
    "the request's headers are too large",
)
_NOT_YET = _Refusal(
    503,
    Problem(
        code="not_ready",
        message="no application is known here",
        hint="ask again in a second, or at another node; if it stays so, nothing was deployed at this path",
    ),
    1013,
    "no application is known here",
    {"Retry-After": "1"},
)
_TOO_FAST = _Refusal(
    429,
    Problem(
        code="rate_limited",
        message="too many requests of this address wait, and others ask too",
        hint="send fewer at once; /batch_predict reads many images in one request",
    ),
    1013,
    "too many requests of this address wait",
    {"Retry-After": "5"},
)


class PacedRequests:
    """Has the requests of one address wait while others ask too, see request_pace.py."""

    def __init__(self, app: ASGIApp, pace: RequestPace, proxies: Sequence[str] = ()) -> None:
        self._app = app
        self._pace = pace
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        address = client_address(scope, self._proxies)
        wait_s = self._pace.wait_s(address)
        if wait_s is None:
            await _TOO_FAST(scope, receive, send)
            return
        if wait_s:
            await asyncio.sleep(wait_s)

        async def receive_counted() -> Message:
            message = await receive()
            self._pace.charge(address, len(message.get("body") or message.get("bytes") or b""))
            return message

        await self._app(scope, receive_counted, send)
