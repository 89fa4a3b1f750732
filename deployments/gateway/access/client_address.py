"""The address that a request comes from, and that of the service as its caller sees it. `X-Forwarded-For` and
`X-Forwarded-Proto` are believed from configured proxies alone: anybody else can write into them what they like.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SUBSCRIBER_BITS = 64


def client_address(scope: Scope, proxies: Sequence[str]) -> str:
    """The caller's address, "unknown" where the server did not tell one; of IPv6 the network of its first 64 bits.
    `proxies` are addresses or networks (10.0.0.0/8) that hand requests on; the last one in the chain that is no proxy
    is who asks.
    """
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    known = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
    if _is_among(address, known):
        for forwarded in reversed(_chain(Headers(scope=scope))):
            address = forwarded
            if not _is_among(address, known):
                break
    return _subscriber(address)


def own_address(scope: Scope, proxies: Sequence[str]) -> str:
    """Scheme and host of the service, under which the caller asked for it: `https` where a known proxy says so."""
    headers, client = Headers(scope=scope), scope.get("client")
    known = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
    scheme: str = scope["scheme"]
    forwarded = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    if client and _is_among(str(client[0]), known) and forwarded in ("http", "https"):
        scheme = forwarded
    return f"{scheme}://{headers.get('host', '')}"


def _subscriber(address: str) -> str:
    """Whose address it is: with IPv6 one subscriber has at least 2^64 of them (RFC 6177), and is still one caller."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _SUBSCRIBER_BITS), strict=False))


def _chain(headers: Headers) -> list[str]:
    """The addresses that proxies have noted, the nearest last; cut off before one that is no address."""
    chain: list[str] = []
    for text in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
        try:
            chain.insert(0, str(ipaddress.ip_address(text.strip())))
        except ValueError:
            break
    return chain


def _is_among(address: str, networks: Sequence[Network]) -> bool:
    try:
        return any(ipaddress.ip_address(address) in network for network in networks)
    except ValueError:
        return False
