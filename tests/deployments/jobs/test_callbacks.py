"""Callbacks: signed as a receiver of Standard Webhooks expects, tried again, and never to where they may not go."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from deployments.jobs import callbacks
from deployments.jobs.job import Callback, CallbackCall, Job, ended
from ocr.job_contract import CallbackOptions
from tests.deployments.jobs.test_job import job_of

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = ("127.0.0.0/8", "::1/128")
NOW = 1_700_000_000.0


class Receiver:
    """Answers each call with the next of these statuses, and remembers what came."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        exact = dict(line.split(": ", 1) for line in head[1:] if line)
        signature = next((value for name, value in exact.items() if name.lower() == "webhook-signature"), "")
        body = await reader.readexactly(int(headers["content-length"]))
        self.calls.append((head[0], {**headers, "webhook-signature": signature}, body))
        status = self._statuses.pop(0)
        more = "location: http://127.0.0.1:1/\r\n" if status == 302 else ""
        writer.write(f"HTTP/1.1 {status} Said\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(*statuses)
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    async with server:
        receiver.url = f"http://localhost:{server.sockets[0].getsockname()[1]}/hooks/ocr?of=quorum"
        yield receiver


def done(url: str) -> tuple[Job, Callback]:
    callback = Callback(url=url, secret=SECRET)
    return ended(job_of(2, callback=callback), "succeeded", NOW), callback


async def test_a_receiver_of_standard_webhooks_takes_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(204) as receiver:
        made = await callbacks.call(*done(receiver.url), NOW, LOOPBACK)
    assert made == CallbackCall(at=NOW, status=204)
    [(request, headers, body)] = receiver.calls
    assert request == "POST /hooks/ocr?of=quorum HTTP/1.1"
    assert headers["host"].startswith("localhost:")
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _at(NOW))
    event: dict[str, Any] = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "job.succeeded"
    assert event["data"]["id"] == "a"
    assert event["data"]["result"] == "/jobs/a/result"


def _at(now: float) -> Any:
    import datetime

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(now, tz)

    return Clock


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_whatever_is_not_a_yes_is_tried_again_and_no_redirect_is_followed(status: int) -> None:
    async with receiving(status) as receiver:
        made = await callbacks.call(*done(receiver.url), NOW, LOOPBACK)
    assert (made.status, made.problem) == (status, f"answered {status}")
    next_at = callbacks.next_try_at(Callback(url="", secret=""), made, NOW)
    assert next_at is not None
    assert next_at > NOW


async def test_where_nobody_listens_is_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        job, callback = done(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        made = await callbacks.call(job, callback, NOW, LOOPBACK)
    assert made.status is None
    assert made.problem


def test_pauses_become_longer_and_end() -> None:
    failed = CallbackCall(at=NOW, status=500, problem="answered 500")
    pauses = []
    callback = Callback(url="", secret="")
    while (next_at := callbacks.next_try_at(callback, failed, NOW)) is not None:
        pauses.append(next_at - NOW)
        callback = callback.model_copy(update={"calls": (*callback.calls, failed)})
    assert len(pauses) == len(callbacks.PAUSES_S)
    assert pauses == sorted(pauses)


def test_a_receiver_that_is_gone_is_not_asked_again() -> None:
    gone = CallbackCall(at=NOW, status=410, problem="answered 410")
    assert callbacks.next_try_at(Callback(url="", secret=""), gone, NOW) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:1:2:3:4:5:6",
        "fec0::1",
        "::7f00:1",
        "5f00::1",
        "3fff::1",
        "192.0.0.192",
        "192.88.99.1",
        "168.63.129.16",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not callbacks.is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_what_is_public_is_allowed(address: str) -> None:
    assert callbacks.is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_a_call_to_this_machine_is_refused_however_it_is_written(host: str) -> None:
    async with receiving(200) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        made = await callbacks.call(*done(f"http://{host}:{port}/"), NOW)
        assert receiver.calls == []
    assert made.status is None
    assert "not public" in made.problem


async def test_an_address_that_cannot_be_called_is_a_failed_call() -> None:
    """One that was kept before such addresses were refused."""
    made = await callbacks.call(*done("http://example.com/\x7f"), NOW)
    assert (made.status, bool(made.problem)) == (None, True)


async def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_as(monkeypatch, ["93.184.215.14", "10.0.0.7"])
    made = await callbacks.call(*done("http://hooks.example/"), NOW)
    assert "hooks.example is not public" in made.problem
    assert "10.0.0.7" not in made.problem  # what is inside of the network is not for whoever asks


async def test_the_connection_is_made_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that says something else when it is asked a second time reaches nobody."""
    async with receiving(200) as receiver:
        asked = _resolve_as(monkeypatch, ["127.0.0.1"], ["127.0.0.99"])
        port = receiver.url.split(":")[2].split("/")[0]
        made = await callbacks.call(*done(f"http://hooks.example:{port}/"), NOW, LOOPBACK)
    assert made.status == 200
    assert asked == ["hooks.example"]
    assert receiver.calls[0][1]["host"] == f"hooks.example:{port}"


def _resolve_as(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names be these addresses, each time they are asked others. Returns which names were asked."""
    asked: list[str] = []
    left = list(answers)
    real: Callable[..., Any] = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **named: Any) -> Any:
        if host.replace(".", "").isdigit():
            return real(host, port, *rest, **named)
        asked.append(host)
        kinds = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kinds, (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("ftp://example.com/", SECRET),
        ("https://", SECRET),
        ("https://user:password@example.com/", SECRET),
        ("https://example.com:99999/", SECRET),
        ("https://exa mple.com/", SECRET),
        ("https://example.com/\x7f", SECRET),
        ("https://example.com/", "not base64!"),
        ("https://example.com/", "c2hvcnQ="),
    ],
)
def test_a_callback_that_could_not_be_made_is_refused_at_once(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match=r"callback|secret|[Pp]ort"):
        CallbackOptions(url=url, secret=secret)
