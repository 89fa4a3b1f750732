"""What Serve's proxies do before Serve looks at a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster import serve_proxies
from deployments.gateway.access.proxy_middleware import (
    IMPORT_PATH,
    MAX_HEADERS,
    are_too_large,
    middlewares,
    with_request_id,
)

ID = b"x-request-id"


def ids(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [value for name, value in with_request_id(headers) if name == ID]


@pytest.mark.parametrize("sent", [b"a", b"7f3c-1", b"~" * 128])
def test_an_id_that_can_be_logged_is_kept(sent: bytes) -> None:
    assert ids([(b"host", b"x"), (ID, sent)]) == [sent]


@pytest.mark.parametrize("sent", [b"", b"a b", b"\xc3\xa9", b"x" * 129, b"a\tb", b"\x1b[31m"])
def test_any_other_is_replaced(sent: bytes) -> None:
    [given_id] = ids([(ID, sent)])
    assert given_id != sent
    assert len(given_id) == 36


def test_of_two_ids_neither_counts() -> None:
    assert len(ids([(ID, b"one"), (ID, b"two")])) == 1
    assert ids([(ID, b"one"), (ID, b"two")])[0] not in (b"one", b"two")


@given(st.lists(st.tuples(st.sampled_from([b"host", b"accept", ID]), st.binary(max_size=200))))
def test_nothing_else_changes_and_there_is_always_one_id(headers: list[tuple[bytes, bytes]]) -> None:
    result = with_request_id(headers)
    assert [each for each in result if each[0] != ID] == [each for each in headers if each[0] != ID]
    assert len([each for each in result if each[0] == ID]) == 1


def test_headers_are_bounded_in_number_and_size() -> None:
    assert not are_too_large([(b"a", b"b")] * MAX_HEADERS)
    assert are_too_large([(b"a", b"b")] * (MAX_HEADERS + 1))
    assert are_too_large([(b"cookie", b"x" * 33_000)])


async def asked(scope: dict[str, Any]) -> tuple[list[Message], list[Scope]]:
    sent: list[Message] = []
    reached: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    wrapped: ASGIApp = app
    for middleware in reversed(middlewares()):
        wrapped = middleware.cls(wrapped, *middleware.args, **middleware.kwargs)
    await wrapped(scope, receive, send)
    return sent, reached


async def test_too_large_headers_are_refused_before_the_application() -> None:
    headers = [(b"cookie", b"x" * 40_000)]
    sent, reached = await asked({"type": "http", "headers": headers, "method": "GET", "path": "/"})
    assert (sent[0]["status"], reached) == (431, [])
    sent, reached = await asked({"type": "websocket", "headers": headers})
    assert (sent[0]["type"], reached) == ("websocket.close", [])
    sent, reached = await asked({"type": "lifespan"})
    assert len(reached) == 1


def test_the_path_that_serve_is_told_is_the_one_of_this_file() -> None:
    assert IMPORT_PATH == "deployments.gateway.access.proxy_middleware:middlewares"
    assert serve_proxies.ENVIRONMENT["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] == IMPORT_PATH
