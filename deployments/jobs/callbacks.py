"""Tells somebody that a job has ended: one POST, signed as Standard Webhooks has it
(https://github.com/standard-webhooks/standard-webhooks), tried again with longer and longer pauses.

A callback is an address that a stranger chose, called from inside of a network. So it goes to public addresses only,
unless the configuration allows others: what the name resolves to is checked at the time of the call, the connection is
made to the address that was checked, and redirects are not followed. What addresses the names of that network have is
told to the log, not to the stranger. The body has no text of what was read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import logging
import random
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

import httpx

from deployments.jobs.job import Callback, CallbackCall, Job
from ocr.job_contract import secret_bytes

log = logging.getLogger("quorum.jobs")

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

PAUSES_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Between one try and the next. After the last the callback has failed."""
CALL_S = 15.0

_GONE = 410
# What is handed out to the public; all else of IPv6 is private, of a link, or nobody's.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Addresses that are no private ones by their number, but lead to a network's own machines: of IPv4 behind translators
# and tunnels, of protocols, of documents, and that of Azure's platform, which every machine there reaches.
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("2002::/16", "2001::/32", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"),
    )
)
# Names are looked up in threads of their own: of a name whose server is silent nobody else is to wait.
_LOOKING_UP = ThreadPoolExecutor(32, thread_name_prefix="callbacks")


class AddressRefused(Exception):
    """A callback leads to an address that it may not go to."""


def body_of(job: Job, at: float) -> bytes:
    """What is sent."""
    data = {
        "id": job.id,
        "state": job.state,
        "pages_total": job.pages_total,
        "pages_done": job.pages_done,
        "pages_failed": job.pages_failed,
        "result": f"/jobs/{job.id}/result",
        "formats": list(job.formats),
    }
    event = {"type": f"job.{job.state}", "timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({**event, "data": data}).encode()


def signed_headers(job: Job, secret: str, body: bytes, now: float) -> dict[str, str]:
    """The headers of Standard Webhooks. All tries have the same id, so that whoever is called twice can tell."""
    message_id, timestamp = f"{job.id}.{job.state}", str(int(now))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


async def call(job: Job, callback: Callback, now: float, networks: Sequence[str] = ()) -> CallbackCall:
    """Make one call. Whatever goes wrong with it is in what is returned. `networks` are allowed although private."""
    body = body_of(job, job.finished_at or now)
    try:
        url = httpx.URL(callback.url)
        host = url.raw_host.decode("ascii")
        async with asyncio.timeout(CALL_S):
            address = await checked_address(host, url.port or (443 if url.scheme == "https" else 80), networks)
            headers = {**signed_headers(job, callback.secret, body, now), "host": url.netloc.decode("ascii")}
            # Without what the environment says of proxies: one would resolve the name again.
            async with httpx.AsyncClient(trust_env=False, timeout=CALL_S) as client:
                request = client.build_request(
                    "POST",
                    url.copy_with(host=str(address)),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": host},
                )
                response = await client.send(request, stream=True)  # of the answer only the status is looked at
                await response.aclose()
    except AddressRefused as error:
        return CallbackCall(at=now, status=None, problem=str(error))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
        return CallbackCall(at=now, status=None, problem=_short(error))
    problem = "" if response.is_success else f"answered {response.status_code}"
    return CallbackCall(at=now, status=response.status_code, problem=problem)


def next_try_at(callback: Callback, made: CallbackCall, now: float) -> float | None:
    """When to call again after this call; None where it was the last."""
    if not made.problem or made.status == _GONE or len(callback.calls) >= len(PAUSES_S):
        return None
    return now + PAUSES_S[len(callback.calls)] * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


async def checked_address(host: str, port: int, networks: Sequence[str]) -> Address:
    """An address that the name has now. Raises AddressRefused where it has one that is not allowed: of several,
    whoever owns the name would choose.
    """
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, look_up)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    allowed = [ipaddress.ip_network(network, strict=False) for network in networks]
    for address in addresses:
        if not is_allowed(address, allowed):
            log.info("a callback to %s is refused: it is %s", host, address)
            raise AddressRefused(f"{host} is not public; jobs.callback_networks can allow its address")
    if not addresses:
        raise AddressRefused(f"{host} has no address")
    return addresses[0]


def is_allowed(address: Address, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()) -> bool:
    """Whether a callback may go there: a public address, or one of these networks."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address.version == network.version and address in network for network in networks):
        return True
    if any(address.version == network.version and address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _short(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."
