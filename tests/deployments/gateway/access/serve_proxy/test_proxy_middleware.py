"""What Serve's proxies do before Serve looks at a request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from cluster import serve_proxies
from deployments.gateway.access.serve_proxy import request_pace
from deployments.gateway.access.serve_proxy.proxy_middleware import (
    IMPORT_PATH,
    MAX_HEADERS,
    PacedRequests,
    RequestHeaders,
    UnknownApplication,
    are_too_large,
    is_upload,
    middlewares,
    with_request_id,
    without_instructions,
)
from deployments.gateway.access.serve_proxy.request_pace import RequestPace

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


@pytest.mark.parametrize(
    ("method", "path", "has_long"),
    [
        ("POST", "/jobs", True),
        ("POST", "/ocr/jobs/", True),
        ("POST", "/v1/files", True),
        ("GET", "/jobs", False),
        ("POST", "/predict_text", False),
        ("POST", "/jobs/1", False),
    ],
)
def test_only_the_files_of_a_job_may_take_as_long_as_they_need(method: str, path: str, has_long: bool) -> None:
    assert is_upload({"type": "http", "method": method, "path": path}) is has_long


def test_headers_are_bounded_in_number_and_size() -> None:
    assert not are_too_large([(b"a", b"b")] * MAX_HEADERS)
    assert are_too_large([(b"a", b"b")] * (MAX_HEADERS + 1))
    assert are_too_large([(b"cookie", b"x" * 33_000)])


@pytest.mark.parametrize(
    "name",
    [
        b"x-request-timeout-seconds",
        b"X-Request-Disconnect-Disabled",
        b"serve_multiplexed_model_id",
        b"serve-multiplexed-model-id",
        b"x-session-id",
        b"x_session_id",
        b"x-serve-router-replica",
    ],
)
def test_nobody_instructs_serve_with_a_header(name: bytes) -> None:
    rest = [(b"host", b"x"), (b"x-session-ids", b"mine")]
    assert without_instructions([rest[0], (name, b"\xff"), rest[1]]) == rest


@pytest.mark.processes
def test_the_headers_that_serve_obeys_are_known() -> None:
    from ray.serve._private import constants

    obeyed = {value for name, value in vars(constants).items() if name.endswith(("_HEADER", "_HEADER_PREFIX"))}
    obeyed |= {constants.SERVE_MULTIPLEXED_MODEL_ID, constants.SERVE_SESSION_ID}
    kept = [name for name in obeyed if without_instructions([(name.encode(), b"")])]
    assert kept == [constants.SERVE_HTTP_REQUEST_ID_HEADER]


async def asked(scope: dict[str, Any]) -> tuple[list[Message], list[Scope]]:
    sent: list[Message] = []
    reached: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await RequestHeaders(app)(scope, receive, send)
    return sent, reached


async def test_too_large_headers_are_refused_before_the_application() -> None:
    headers = [(b"cookie", b"x" * 40_000)]
    sent, reached = await asked({"type": "http", "headers": headers, "method": "GET", "path": "/"})
    assert (sent[0]["status"], reached) == (431, [])
    sent, reached = await asked({"type": "websocket", "headers": headers})
    assert (sent[0]["type"], reached) == ("websocket.close", [])
    sent, reached = await asked({"type": "lifespan"})
    assert len(reached) == 1


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/jobs", {"error"}),
        ("/v2/models/ocr/infer", {"error"}),
        ("/v1/ocr", {"object", "message", "type", "param", "code"}),
    ],
)
async def test_the_refusal_has_the_shape_that_the_protocol_knows(path: str, shape: set[str]) -> None:
    headers = [(b"cookie", b"x" * 40_000)]
    sent, _ = await asked({"type": "http", "headers": headers, "method": "POST", "path": path})
    told = json.loads(sent[1]["body"])
    assert set(told) == shape
    assert isinstance(told.get("error", ""), str) == (path != "/jobs")


SERVES_OWN = b"Path '/predict_text' not found. Ping http://.../-/routes for available routes."


async def answered(status: int, body: bytes) -> list[Message]:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Message) -> None:
        sent.append(message)

    await UnknownApplication(app)({"type": "http", "path": "/predict_text", "headers": []}, _no_message, send)
    return sent


async def test_a_proxy_that_knows_no_application_yet_says_so_instead_of_404() -> None:
    start, body, *_ = await answered(404, SERVES_OWN)
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "not_ready"


@pytest.mark.parametrize(("status", "body"), [(404, b'{"error": {"code": "not_found"}}'), (200, SERVES_OWN)])
async def test_every_other_answer_is_handed_on(status: int, body: bytes) -> None:
    start, said, end = await answered(status, body)
    assert (start["status"], said["body"], end["body"]) == (status, body, b"")


@pytest.mark.processes
def test_serve_still_says_what_is_looked_for() -> None:
    import inspect

    from ray.serve._private.proxy import HTTPProxy

    said = inspect.getsource(HTTPProxy.not_found_response)
    assert "Path '{proxy_request.path}' not found. " in said
    assert "Ping http://.../-/routes" in said


async def floods(pace: RequestPace, scope: dict[str, Any], times: int) -> list[Message]:
    """What is sent when one address asks so often, beside another one that asked first."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent.append({"type": "reached"})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    paced = PacedRequests(app, pace, ["10.0.0.1"])
    await paced({**scope, "client": ("10.0.0.7", 1)}, receive, send)
    for _ in range(times):
        await paced({**scope, "client": ("10.0.0.8", 1)}, receive, send)
    return sent


async def test_a_flood_of_one_address_beside_another_is_refused_before_serve_sees_it(monkeypatch) -> None:
    monkeypatch.setattr(request_pace, "_LONGEST_S", 0.0)
    scope = {"type": "http", "method": "GET", "path": "/ready", "headers": []}
    sent = await floods(RequestPace(2.0, lambda: 0.0), scope, 4)
    assert [message["type"] for message in sent] == [*["reached"] * 4, "http.response.start", "http.response.body"]
    assert sent[4]["status"] == 429
    assert json.loads(sent[5]["body"])["error"]["code"] == "rate_limited"
    assert (b"retry-after", b"5") in sent[4]["headers"]


async def test_a_stream_too_many_is_closed_and_asked_to_come_later(monkeypatch) -> None:
    monkeypatch.setattr(request_pace, "_LONGEST_S", 0.0)
    sent = await floods(RequestPace(2.0, lambda: 0.0), {"type": "websocket", "headers": []}, 4)
    assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1013)


async def test_callers_behind_a_known_reverse_proxy_are_told_apart() -> None:
    pace = RequestPace(0.1, lambda: 0.0)
    paced = PacedRequests(_nothing, pace, ["10.0.0.1"])
    for caller in (b"192.0.2.1", b"192.0.2.2"):
        headers = [(b"x-forwarded-for", caller)]
        await paced({"type": "http", "client": ("10.0.0.1", 1), "headers": headers}, _no_message, _no_send)
    assert list(pace._asking) == ["192.0.2.1", "192.0.2.2"]


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None: ...


async def _no_message() -> Message:
    return {"type": "http.disconnect"}


async def _no_send(message: Message) -> None: ...


def test_the_proxies_in_the_environment_are_those_that_are_known(monkeypatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16")
    assert [each.kwargs["proxies"] for each in middlewares() if "proxies" in each.kwargs] == [
        ["10.0.0.1", "10.1.0.0/16"]
    ]


def test_the_path_that_serve_is_told_is_the_one_of_this_file() -> None:
    assert IMPORT_PATH == "deployments.gateway.access.serve_proxy.proxy_middleware:middlewares"
    assert serve_proxies.ENVIRONMENT["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] == IMPORT_PATH
