"""Who may use a route, how often, and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from deployments.config.api_keys import Role, hashed
from deployments.gateway.access.access_middleware import AccessMiddleware
from deployments.gateway.access.route_roles import ROLES
from deployments.observability.metrics import ignore_metric
from deployments.replica.moving_window import moving_window_in_memory
from ocr.contract import ErrorAnswer
from ocr.errors import InternalFailure
from tests.fakes.plain_service import PlainService, Whole, as_base64, asking, plain_config, png

ADMIN = {"X-API-Key": "boss"}
USER = {"X-API-Key": "reader"}
BODY = {"image": as_base64(png())}
KEYS = {"api_keys": [hashed("reader")], "admin_api_keys": [hashed("boss")]}


def whole(**settings: Any) -> Whole:
    return Whole(PlainService(), plain_config(**settings))


def routes_of(app: FastAPI) -> dict[str, set[str]]:
    return {path: {method.upper() for method in found} for path, found in app.openapi()["paths"].items()}


async def test_every_route_that_administers_wants_an_administrators_key_whatever_else_is_configured() -> None:
    for app in (whole().app(), whole(security={"api_key_required": True, **KEYS}).app()):
        admin_routes = [path for path, role in ROLES.items() if role is Role.ADMIN]
        assert len(admin_routes) == 5
        async with asking(app) as client:
            for path in admin_routes:
                for method in routes_of(app)[path]:
                    response = await client.request(method, path)
                    assert response.status_code == 401, (method, path)
                    assert response.headers["www-authenticate"] == "Bearer"
                    assert ErrorAnswer.model_validate(response.json()).error.hint


async def test_a_readers_key_reads_and_does_not_administer() -> None:
    app = whole(security={"api_key_required": True, **KEYS}).app()
    async with asking(app) as client:
        assert (await client.post("/predict", json=BODY)).status_code == 401
        assert (await client.post("/predict", json=BODY, headers=USER)).status_code == 200
        assert (await client.post("/predict", json=BODY, headers=ADMIN)).status_code == 200
        assert (await client.post("/predict", json=BODY, headers={"Authorization": "Bearer reader"})).status_code == 200
        assert (await client.get("/config", headers=USER)).status_code == 403
        assert (await client.get("/config", headers=ADMIN)).status_code == 200
        assert (await client.get("/config", headers={"Authorization": "bearer boss"})).status_code == 200


async def test_a_wrong_key_is_refused_where_keys_count_and_ignored_where_none_is_needed() -> None:
    wrong = {"X-API-Key": "wrong"}
    async with asking(whole(security={"api_key_required": True, **KEYS}).app()) as client:
        assert (await client.post("/predict", json=BODY, headers=wrong)).status_code == 401
        assert (await client.get("/health", headers=wrong)).status_code == 200
    async with asking(whole().app()) as client:
        assert (await client.post("/predict", json=BODY, headers=wrong)).status_code == 200


async def test_what_machines_ask_to_see_whether_it_lives_needs_no_key() -> None:
    async with asking(whole(security={"api_key_required": True, **KEYS}).app()) as client:
        for path in ("/health", "/ready", "/", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("/status", "/metrics"):
            assert (await client.get(path)).status_code == 401, path
            assert (await client.get(path, headers=USER)).status_code == 200, path


async def test_a_request_without_a_key_is_refused_before_its_body_is_read() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("the body was read")

    async with asking(whole(security={"api_key_required": True}).app()) as client:
        assert (await client.post("/predict", content=body())).status_code == 401


async def test_a_caller_over_its_rate_is_told_when_to_come_back_and_others_are_not_touched() -> None:
    app = whole(limits={"requests_per_minute": 3}).app()
    async with asking(app) as client, asking(app, "10.0.0.2") as neighbour:
        statuses = [(await client.post("/predict", json=BODY)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await client.post("/predict", json=BODY)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert ErrorAnswer.model_validate(refused.json()).error.code == "rate_limited"
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/status")).status_code == 200
        assert (await neighbour.post("/predict", json=BODY)).status_code == 200


async def test_requests_with_a_key_are_counted_by_key_wherever_they_come_from() -> None:
    app = whole(limits={"requests_per_minute": 2}, security={"api_key_required": True, **KEYS}).app()
    async with asking(app) as here, asking(app, "10.0.0.2") as there:
        assert (await here.post("/predict", json=BODY, headers=USER)).status_code == 200
        assert (await there.post("/predict", json=BODY, headers=USER)).status_code == 200
        assert (await here.post("/predict", json=BODY, headers=USER)).status_code == 429
        assert (await there.post("/predict", json=BODY, headers=ADMIN)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/", "/docs", "/nowhere", "/config", "/page/page.css"])
async def test_every_answer_carries_the_headers_that_protect_a_browser(path: str) -> None:
    async with asking(whole().app()) as client:
        headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_browsers_of_other_origins_are_let_in_only_where_the_configuration_names_them() -> None:
    asked = {"Origin": "https://scans.example", "Access-Control-Request-Method": "POST"}
    async with asking(whole().app()) as client:
        assert "access-control-allow-origin" not in (await client.options("/predict", headers=asked)).headers
        assert "access-control-allow-origin" not in (await client.get("/health", headers=asked)).headers
    security = {"cors_origins": ["https://scans.example"], "api_key_required": True}
    async with asking(whole(security=security).app()) as client:
        response = await client.options("/predict", headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://scans.example"
        stranger = await client.options("/predict", headers={**asked, "Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in stranger.headers


async def test_every_request_is_counted_under_its_route_and_status_and_what_callers_make_up_is_no_label() -> None:
    asked = whole()
    async with asking(asked.app()) as client:
        await client.post("/predict", json=BODY)
        await client.post("/predict", json={"image": "no base64!"})
        await client.get("/config")
        await client.get("/nowhere/else")
    counted = {labels: len(values) for (name, labels), values in asked.recorded.items() if name == "ocr_requests"}
    assert counted == {
        (("route", "/predict"), ("status", "200")): 1,
        (("route", "/predict"), ("status", "400")): 1,
        (("route", "/config"), ("status", "401")): 1,
        (("route", "other"), ("status", "401")): 1,
    }
    [seconds] = asked.recorded["ocr_request_seconds", (("route", "/predict"), ("status", "400"))]
    assert 0.0 < seconds < 10.0


async def test_a_fault_in_the_middle_of_an_answer_breaks_it_off() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ZeroDivisionError("secret")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    config = plain_config()
    guard = AccessMiddleware(half, lambda: config, moving_window_in_memory(), ignore_metric)
    with pytest.raises(InternalFailure) as caught:
        await guard({"type": "http", "method": "GET", "path": "/health", "headers": []}, receive, send)
    assert "secret" not in caught.value.message
    assert sent[-1]["more_body"], "the answer looked complete"


@pytest.mark.parametrize(("key", "begun"), [("reader", True), ("wrong", False), ("", False)])
async def test_a_stream_needs_a_key_as_every_other_way_of_reading_does(key: str, begun: bool) -> None:
    reached: list[str] = []
    sent: list[Message] = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    config = plain_config(security={"api_key_required": True, **KEYS})
    headers = [(b"x-api-key", key.encode())] if key else []
    guard = AccessMiddleware(stream, lambda: config, moving_window_in_memory(), ignore_metric)
    await guard({"type": "websocket", "path": "/stream", "headers": headers}, receive, send)
    assert bool(reached) == begun
    assert sent[-1]["type"] == ("websocket.accept" if begun else "websocket.close")
