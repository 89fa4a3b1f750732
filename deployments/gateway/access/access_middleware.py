"""ASGI middleware before every route: API keys, roles, origins, rate limits; and the headers of every answer.

It is around the whole application, so that it sees bodies that stream and WebSockets as well. Keys travel in
`X-API-Key`, as `Authorization: Bearer`, or where clients of other protocols put them. The id of a request,
`X-Request-ID`, is Serve's. Reads nothing of a body.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.config.api_keys import Caller, Role, caller_of
from deployments.config.deployment_names import GATEWAY
from deployments.config.schema import ClusterConfig, SecurityConfig
from deployments.gateway.access.browser_origin import require_known_host, require_own_page
from deployments.gateway.access.client_address import client_address
from deployments.gateway.access.rate_limit import RateLimiter
from deployments.gateway.access.route_roles import as_routed, role_of, route_of
from deployments.gateway.error_responses import error_response, internal_failure
from deployments.observability.metrics import REQUEST_SECONDS, REQUESTS, RecordMetric
from ocr import StepTimer
from ocr.errors import Forbidden, QuorumError, RateLimited, Unauthorized

log = logging.getLogger("quorum.gateway")

API_KEY_HEADER = "X-API-Key"
AZURE_KEY_HEADER = "Ocp-Apim-Subscription-Key"
REVIEW_KEY_HEADER = "X-Review-Key"
"""The header with the key of a review, by which others than the owner of the job take part."""

# Asked by machines all the time, and cheap.
_UNLIMITED = frozenset({"/status", "/metrics"})
_OTHER_ROUTE = "other"
_TIMER = "quorum.timer"
_CALLER = "quorum.caller"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
}


def caller_from(headers: Headers, security: SecurityConfig) -> Caller | None:
    """Who asks; None when the key is nobody's."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return caller_of(headers.get(API_KEY_HEADER) or headers.get(AZURE_KEY_HEADER) or bearer, security)


def require_role(caller: Caller | None, needed: Role) -> Caller:
    """The caller, when it may. Raises Unauthorized or Forbidden."""
    if caller is None:
        raise Unauthorized("the API key is not known", "check the key; after it was changed, ask the administrator")
    if caller.role.may(needed):
        return caller
    if caller.role is Role.ANYBODY:
        raise Unauthorized("this needs an API key", "send it in the header X-API-Key")
    raise Forbidden("this API key may read but not administer", "use a key of ADMIN_API_KEYS")


def require_for_unknown(caller: Caller | None) -> None:
    """Raise Unauthorized unless an administrator asks for a path that the table of routes does not have."""
    if caller is None or caller.role is not Role.ADMIN:
        raise Unauthorized("this path needs an administrator's key", "see /docs for the routes")


def timer_of(request: Request) -> StepTimer:
    """The timer of a request, which runs since the request came to AccessMiddleware."""
    timer: StepTimer = request.scope[_TIMER]
    return timer


def caller_name(scope: Scope) -> str:
    """Under which name the caller's requests are counted: its key's or, without one, its address."""
    name: str = scope[_CALLER]
    return name


class AccessMiddleware:
    """Lets a request pass, or refuses it; records what became of it."""

    def __init__(
        self, app: ASGIApp, config: Callable[[], ClusterConfig], rates: RateLimiter, record: RecordMetric
    ) -> None:
        self._app = app
        self._config = config
        self._rates = rates
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        response = _Response(scope, send)
        scope = as_routed(scope)
        started = time.perf_counter()
        scope[_TIMER] = StepTimer(GATEWAY)
        try:
            await self._admit(scope)
            scope[_TIMER].end_step("admit")
            await self._app(scope, receive, response.send)
        except QuorumError as error:
            await response.refuse(error, scope, receive)
        except Exception:
            log.exception("%s %s failed", scope.get("method", "WS"), scope["path"])
            await response.refuse(internal_failure(), scope, receive)
        finally:
            labels = {"route": _label_of(scope), "status": str(response.status)}
            self._record(REQUESTS, **labels)
            self._record(REQUEST_SECONDS, time.perf_counter() - started, **labels)

    async def _admit(self, scope: Scope) -> None:
        """Raises when the caller may not, or asks too often."""
        config, headers, route = self._config(), Headers(scope=scope), route_of(scope)
        require_known_host(headers, config.security.allowed_hosts)
        require_own_page(scope, headers, config.security.cors_origins)
        caller, needed = caller_from(headers, config.security), role_of(route)
        scope[_CALLER] = _rate_limit_key(caller, scope, config.security)
        if needed is Role.ANYBODY:
            return
        if route is None:
            require_for_unknown(caller)
        elif needed is Role.ADMIN or config.security.api_key_required:
            require_role(caller, needed)
        if route not in _UNLIMITED:
            await require_rate(self._rates, caller_name(scope), config.limits.requests_per_minute)


async def require_rate(rates: RateLimiter, caller: str, per_minute: int) -> None:
    """Count one request of the caller. Raises RateLimited when it asks too often; 0 `per_minute` is no limit."""
    wait_s = await rates.hit(caller, per_minute) if per_minute else 0.0
    if wait_s > 0.0:
        raise RateLimited(f"more than {per_minute} requests in a minute", f"wait {math.ceil(wait_s)} s", wait_s)


class _Response:
    """The response, with the headers that every answer carries."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._is_head = scope.get("method") == "HEAD"
        self.status = 500
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._begun = True
            self._add_security_headers(MutableHeaders(scope=message))
        elif message["type"] == "http.response.body" and self._is_head:
            message = {**message, "body": b""}
        elif message["type"] == "websocket.accept":
            self.status = 101
            self._begun = True
        await self._send(message)

    def _add_security_headers(self, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)

    async def refuse(self, error: QuorumError, routed: Scope, receive: Receive) -> None:
        """Answer with an error as the clients of the route know it; when the answer has begun already, break it off."""
        if self._scope["type"] == "websocket":
            self.status = error.http_status
            await self._send({"type": "websocket.close", "code": 1008, "reason": error.message[:100]})
        elif self._begun:
            raise error
        else:
            await error_response(error, routed)(self._scope, receive, self.send)


def _rate_limit_key(caller: Caller | None, scope: Scope, security: SecurityConfig) -> str:
    """By its key, or by the address that it comes from."""
    if caller is not None and caller.key:
        return f"key {caller.key}"
    return f"address {client_address(scope, security.trusted_proxies)}"


def _label_of(scope: Scope) -> str:
    """The route's own path, so that what callers make up does not become labels without end."""
    return getattr(scope.get("route"), "path", None) or route_of(scope) or _OTHER_ROUTE
