"""Which role each route needs, and which routes read. What is not in the table needs the administrator, so a new route
is closed until somebody opens it here.

A path is compared as the application's own router sees it: without the prefix under which the application is mounted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette._utils import get_route_path  # the router's own: whatever it sees is what is compared here
from starlette.types import Scope

from deployments.config.api_keys import Role

ROLES: Mapping[str, Role] = {
    "/": Role.ANYBODY,
    "/docs": Role.ANYBODY,
    "/openapi.json": Role.ANYBODY,
    "/page": Role.ANYBODY,
    "/health": Role.ANYBODY,
    "/ready": Role.ANYBODY,
    "/predict": Role.USER,
    "/predict_text": Role.USER,
    "/batch_predict": Role.USER,
    "/stream": Role.USER,
    "/jobs": Role.USER,
    "/jobs/{job}": Role.USER,
    "/jobs/{job}/result": Role.USER,
    "/jobs/{job}/review": Role.USER,
    "/jobs/{job}/review/next": Role.USER,
    "/jobs/{job}/review/decisions": Role.USER,
    "/jobs/{job}/review/picture": Role.USER,
    "/jobs/{job}/review/truth": Role.USER,
    "/jobs/{job}/review/label-studio": Role.USER,
    "/status": Role.USER,
    "/metrics": Role.USER,
    "/v2": Role.ANYBODY,
    "/v2/health/live": Role.ANYBODY,
    "/v2/health/ready": Role.ANYBODY,
    "/v2/models/{model}": Role.USER,
    "/v2/models/{model}/ready": Role.USER,
    "/v2/models/{model}/infer": Role.USER,
    "/v2/models/{model}/versions/{version}": Role.USER,
    "/v2/models/{model}/versions/{version}/ready": Role.USER,
    "/v2/models/{model}/versions/{version}/infer": Role.USER,
    "/v1/ocr": Role.USER,
    "/v1/files": Role.USER,
    "/v1/files/{job}": Role.USER,
    "/v1/files/{job}/url": Role.USER,
    "/process": Role.USER,
    "/documentintelligence/documentModels/{model}:analyze": Role.USER,
    "/documentintelligence/documentModels/{model}/analyzeResults/{job}": Role.USER,
    "/documentintelligence/documentModels/{model}/analyzeResults/{job}/pdf": Role.USER,
    "/config": Role.ADMIN,
    "/config/weights": Role.ADMIN,
    "/logs": Role.ADMIN,
    "/performance": Role.ADMIN,
    "/test": Role.ADMIN,
}
"""The role that each route needs, by its own path. ANYBODY needs no key. USER needs one only when the configuration
wants keys for reading. "/page" stands for every file below it, and {...} for any one part of a path.
"""

KEPT = frozenset({"/jobs", "/v1/files", "/documentintelligence/documentModels/{model}:analyze"})
"""Those of them whose body goes to the store of jobs as it comes, however long that takes."""

_SLASHES = re.compile("/{2,}")
_PATTERNS = {route: re.compile(re.sub(r"\{\w+\}", "[^/]+", route)) for route in ROLES if "{" in route}


def route_of(scope: Scope) -> str | None:
    """The path of the route in ROLES that will answer; None when there is none.

    A slash at the end does not count.
    """
    path = get_route_path(scope).rstrip("/") or "/"
    if path.startswith("/page/"):
        return "/page"
    if path in ROLES:
        return path
    return next((route for route, pattern in _PATTERNS.items() if pattern.fullmatch(path)), None)


def reads(scope: Scope) -> bool:
    """Whether a request is for a route that reads what is sent: whatever users may post or put to."""
    return scope["type"] == "http" and scope["method"] in ("POST", "PUT") and role_of(route_of(scope)) is Role.USER


def as_routed(scope: Scope) -> Scope:
    """A copy of the request for the router. HEAD is GET whose body is left out, and a slash at the end of a route's
    path is taken away: a redirect to the path without it would name the scheme and the host that a proxy has asked for,
    which callers may not reach. Two slashes are one: some clients put a path behind an address that ends with one.
    """
    routed = dict(scope)
    if scope["type"] == "http" and scope["method"] == "HEAD":
        routed["method"] = "GET"
    path = _SLASHES.sub("/", scope["path"])
    single = {**scope, "path": path}
    if route_of(single) not in (None, "/page") and get_route_path(single) != "/":
        path = path.rstrip("/")
    elif route_of(single) is None:
        path = scope["path"]
    if path != scope["path"]:
        routed["path"] = path
        routed["raw_path"] = path.encode("latin-1", "replace")
    return routed


def role_of(route: str | None) -> Role:
    """The role that the route needs."""
    return Role.ADMIN if route is None else ROLES[route]
