"""ASGI middleware before the routes that read: admission control, and idempotency keys.

A middleware, because a slot is held from before the body is read until the last byte of the answer is sent, and because
a repeated request is answered without its route. The header is that of the IETF's draft "The Idempotency-Key HTTP
Header Field"; what a key promises is in idempotency.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections.abc import Callable
from contextlib import ExitStack

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.access_middleware import (
    API_KEY_HEADER,
    AZURE_KEY_HEADER,
    REVIEW_KEY_HEADER,
    caller_name,
)
from deployments.gateway.access.admission import AdmissionControl
from deployments.gateway.access.body_limit import body_limit, is_kept
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.gateway.access.idempotency import IdempotentResponses
from deployments.gateway.access.route_roles import reads
from deployments.gateway.access.serve_proxy.upload_window import (
    WINDOW_BYTES,
    WINDOW_HEADER,
    telling_what_is_taken,
)
from deployments.gateway.caching.lru_cache import CacheKey
from deployments.gateway.requests.bodies import announced_bytes, receive_body, require_fitting
from ocr.errors import InvalidRequest, OutOfRange

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

# A body may begin slowly: a phone that wakes its radio, a client that makes the file while it sends it.
_SLOW_START_S = 5.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Made anew each time; what is shorter is not, and to look for it takes long where a body is full of it.
_BOUNDARY = re.compile(r'boundary="?([^";,]{8,70})"?', re.IGNORECASE)


class ReadingMiddleware:
    """Around every route; it acts on those that read."""

    def __init__(
        self,
        app: ASGIApp,
        admission: AdmissionControl,
        responses: IdempotentResponses,
        limits: Callable[[], LimitsConfig],
    ) -> None:
        self._app = app
        self._admission = admission
        self._responses = responses
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not reads(scope):
            await self._app(scope, receive, send)
            return
        CURRENT_CALLER.set(caller_name(scope))
        limits, headers = self._limits(), Headers(scope=scope)
        announced = announced_bytes(Request(scope))
        most = body_limit(scope, limits)
        require_fitting(announced, most)
        # Of what is compressed, and of what comes in pieces, the size is not known before it is here.
        unknown = announced is None or "content-encoding" in headers
        body_bytes = most if unknown or announced is None else announced
        if is_kept(scope):
            body_bytes = min(body_bytes, WINDOW_BYTES)
            limits = limits.model_copy(update={"body_timeout_s": math.inf})
            if WINDOW_HEADER in headers:
                receive = telling_what_is_taken(receive, send)
        with ExitStack() as slot:
            slot.enter_context(self._admission.slot(caller_name(scope), body_bytes))
            receive = receive_in_time(receive, limits)
            if IDEMPOTENCY_KEY in headers and not is_kept(scope):  # a job knows its key
                await self._answer_once(_key_of(headers, caller_name(scope)), slot, scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _answer_once(self, key: CacheKey, slot: ExitStack, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer of the request that came first under the key, which may be this one."""
        body = await receive_body(Request(scope, receive), body_limit(scope, self._limits()))
        request = await asyncio.to_thread(_fingerprint, scope, body)
        found = self._responses.find(key, request)
        if found is None:
            held = slot.pop_all()  # held by the work, which may outlive this caller

            async def make(send: Send) -> None:
                CURRENT_CALLER.set(caller_name(scope))  # this goes on in a context of its own
                with held:
                    await self._app(scope, _receive_again(body), send)

            response = self._responses.begin(key, request, make)
        else:
            response = found
        async for message in response.replay():
            if found is not None and message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REPLAYED] = "true"
            await send(message)


def _key_of(headers: Headers, caller: str) -> CacheKey:
    """The key as this caller's own: two callers may choose the same one. Raises OutOfRange. `caller` is the address
    where no keys are configured, so what is sent as a key counts as well.
    """
    key = idempotency_key(headers)
    names = (API_KEY_HEADER, AZURE_KEY_HEADER, REVIEW_KEY_HEADER, "authorization")
    sent = " ".join(headers.get(name, "") for name in names)
    return key, hashlib.sha256(f"{caller}\n{sent}".encode()).digest()


def idempotency_key(headers: Headers) -> str:
    """The key that a request was sent under. Raises OutOfRange for one that is none."""
    key = headers[IDEMPOTENCY_KEY]
    if not _KEY.fullmatch(key):
        raise OutOfRange(f"{IDEMPOTENCY_KEY} is not 1 to 255 visible ASCII characters", "send a UUID, for example")
    return key


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    """A digest of all that is asked, without the boundary of a form, which is made anew each time that it is sent."""
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if boundary:
        kind = kind.replace(boundary[1], "")
        body = body.replace(boundary[1].encode("latin-1"), b"")
    digest = hashlib.sha256()
    for part in (
        get_route_path(scope).encode(),  # not the route alone: which job, which model
        scope["query_string"],
        kind.encode(),
        headers.get("accept", "").encode(),
        headers.get("content-encoding", "").encode(),
    ):
        digest.update(len(part).to_bytes(8) + part)
    digest.update(body)
    return digest.digest()


def receive_in_time(receive: Receive, limits: LimitsConfig, clock: Callable[[], float] = time.monotonic) -> Receive:
    """`receive`, which raises InvalidRequest when the body arrives too slowly: a slot is not for waiting.

    The whole body has `body_timeout_s`. From its sixth second on it must also have had `body_kb_per_s` in the mean, so
    that a body of a few bytes does not hold its slot for a minute.
    """
    began, arrived, is_complete = clock(), 0, False

    def within_s() -> float:
        if not limits.body_kb_per_s:
            return limits.body_timeout_s
        return min(limits.body_timeout_s, _SLOW_START_S + arrived / (1000.0 * limits.body_kb_per_s))

    async def next_message() -> Message:
        nonlocal arrived, is_complete
        if is_complete:
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, began + within_s() - clock())):
                message = await receive()
        except TimeoutError as error:
            raise InvalidRequest(
                f"the body did not arrive within {within_s():g} s, {arrived} bytes of it did",
                "send it again over a faster connection, or a smaller file",
            ) from error
        arrived += len(message.get("body", b""))
        is_complete = not message.get("more_body", False)
        return message

    return next_message


def _receive_again(body: bytes) -> Receive:
    """A `receive` that gives the body that was read already, then nothing: the caller may go, the work goes on."""
    parts = [body]

    async def receive() -> Message:
        if not parts:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": parts.pop(), "more_body": False}

    return receive
