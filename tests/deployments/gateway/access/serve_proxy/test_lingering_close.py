"""A client that sends all of a body before it looks for the answer finds the answer, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from deployments.gateway.access.serve_proxy.proxy_middleware import LingeringClose
from tests.fakes.served import over_http

pytestmark = pytest.mark.processes  # sockets

_BODY = bytes(30_000_000)
_REFUSAL = {"error": {"code": "too_large", "message": "too large", "hint": "send less"}}


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers before it has read a byte."""
    await JSONResponse(_REFUSAL, 413)(scope, receive, send)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with over_http(LingeringClose(refusing, total_s=20.0, silent_s=0.5)) as url:
        yield url


def test_a_client_that_sends_everything_first_reads_the_refusal(url: str) -> None:
    for _ in range(3):  # without lingering, one of three is reset
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, data=_BODY, method="POST"), timeout=30)
        assert refused.value.code == 413
        assert json.load(refused.value) == _REFUSAL


@pytest.mark.parametrize("pieces", [False, True])
def test_a_client_that_keeps_its_connection_sends_the_next_request_over_it(url: str, pieces: bool) -> None:
    with httpx.Client() as client:
        for _ in range(2):
            content = iter([_BODY[:100_000]] * 20) if pieces else _BODY
            response = client.post(url, content=content)
            assert (response.status_code, response.json()) == (413, _REFUSAL)


def test_whoever_announces_a_body_and_is_silent_is_answered_at_once_and_then_closed(url: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\nabc")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == _REFUSAL


def test_a_body_that_never_ends_is_not_read_for_ever() -> None:
    with over_http(LingeringClose(refusing, total_s=0.5, silent_s=0.5)) as url:
        port = int(url.rsplit(":", 1)[1])
        ended = threading.Event()
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head)
            for _ in range(200):
                try:
                    connection.sendall(b"1\r\na\r\n")
                except OSError:
                    ended.set()
                    break
                time.sleep(0.05)
        assert ended.is_set()


def test_a_request_without_a_body_is_answered_as_before(url: str) -> None:
    assert httpx.get(url).status_code == 413
