"""Protection of people's browsers: which host names the service answers to, and which web pages may ask it.

Any page in a browser can send requests to localhost, and a name that somebody else controls can be made to point to
127.0.0.1 (DNS rebinding). A browser says truthfully under which name it asks (`Host`) and which page asks (`Origin`,
`Sec-Fetch-Site`); programs that are no browser send no `Origin` and are not restricted here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from ocr.errors import Forbidden, UnknownHost

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def require_known_host(headers: Headers, allowed: Sequence[str]) -> None:
    """Raise UnknownHost unless the request was sent to a name of this service.

    Addresses and `localhost` always pass: only a name can be made to point somewhere else. `allowed` are names, names
    that begin with `*.` for everything below them, or `*` for every name.
    """
    host = headers.get("host", "")
    name = _name_of(host)
    if "*" in allowed or name is None or _is_local(name) or any(_is_among(name, pattern) for pattern in allowed):
        return
    raise UnknownHost(
        f"this service does not answer to the name '{name[:100]}'",
        "use its address, or add the name to security.allowed_hosts (ALLOWED_HOSTS)",
    )


def require_own_page(scope: Scope, headers: Headers, allowed: Sequence[str]) -> None:
    """Raise Forbidden where a web page of another origin opens a WebSocket or sends something. `allowed` are origins
    such as `https://example.org`, or `*`.
    """
    if scope["type"] == "http" and scope["method"] not in _UNSAFE:
        return
    origin = headers.get("origin")
    if "*" in allowed or origin in allowed:
        return
    if origin is not None and not _is_same(origin, headers.get("host", "")):
        raise _foreign(f"a page of {origin[:100]}")
    if origin is None and headers.get("sec-fetch-site") == "cross-site":
        raise _foreign("a page of another site")


def _foreign(who: str) -> Forbidden:
    return Forbidden(f"{who} may not ask this service", "add its origin to security.cors_origins")


def _name_of(host: str) -> str | None:
    """The name in a Host header in lower case, without port and last dot; None where there is none, or an address."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return host.lower()
    if not name:
        return None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    return None


def _is_local(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _is_among(name: str, pattern: str) -> bool:
    pattern = pattern.lower()
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _is_same(origin: str, host: str) -> bool:
    """Whether the page came from where it asks. The scheme is not compared: behind TLS the service does not see it."""
    try:
        page = urlsplit(origin)
        default = _DEFAULT_PORTS.get(page.scheme)
        asked = urlsplit(f"//{host}")
        return page.hostname == asked.hostname and (page.port or default) == (asked.port or default)
    except ValueError:
        return False
