"""Keys, names, origins and headers on a real cluster, under a route prefix, where each request passes Serve's proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets

from deployments.config.api_keys import hashed
from ocr.contract import ErrorAnswer
from tests.fakes.plain_service import png

pytestmark = pytest.mark.cluster

USER, ADMIN = {"X-API-Key": "reader"}, {"X-API-Key": "boss"}
CONFIG = {
    "engines": [{"name": "benchmarks.stubs.trocr"}],
    "ready_engines": 1,
    "security": {"api_key_required": True, "api_keys": [hashed("reader")], "admin_api_keys": [hashed("boss")]},
}


@pytest.fixture(scope="module")
def url(serving: Callable[..., str]) -> str:
    return serving(CONFIG, prefix="/ocr")


def test_under_a_prefix_every_key_is_wanted_that_is_wanted_without(url: str) -> None:
    image = {"content": png(), "headers": {"Content-Type": "image/png"}}
    assert httpx.get(f"{url}/ready").status_code == 200
    for path in ("/status", "/metrics", "/config", "/logs", "/nowhere"):
        assert httpx.get(f"{url}{path}").status_code == 401, path
    assert httpx.post(f"{url}/predict_text", **image).status_code == 401
    assert httpx.get(f"{url}/config", headers=USER).status_code == 403
    assert httpx.get(f"{url}/config", headers=ADMIN).status_code == 200
    assert httpx.get(f"{url}/status", headers=USER).status_code == 200
    image["headers"] |= USER
    assert httpx.post(f"{url}/predict_text", **image).status_code == 200


def test_a_name_that_is_not_the_services_is_not_answered(url: str) -> None:
    response = httpx.get(f"{url}/health", headers={"Host": "evil.example"})
    assert response.status_code == 421
    assert ErrorAnswer.model_validate(response.json()).error.code == "unknown_host"


def test_a_foreign_page_opens_no_stream(url: str) -> None:
    from websockets.sync.client import connect

    stream = f"{url.replace('http', 'ws', 1)}/stream?task=text"
    with pytest.raises(websockets.InvalidStatus):
        connect(stream, origin=websockets.Origin("http://evil.example"), additional_headers=USER)
    with connect(stream, additional_headers=USER) as socket:
        socket.send("{}")
        assert "image_id" in str(socket.recv(timeout=20))


@pytest.mark.parametrize("sent", [b"x" * 200, "\u00e9".encode(), b"a b"])
def test_an_id_that_cannot_be_logged_is_replaced_before_serve_sees_it(url: str, sent: bytes) -> None:
    response = httpx.get(f"{url}/health", headers=[(b"X-Request-ID", sent)])
    assert response.status_code == 200
    assert len(response.headers["x-request-id"]) == 36


def test_an_id_that_can_is_kept_and_headers_are_bounded(url: str) -> None:
    assert httpx.get(f"{url}/health", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert httpx.get(f"{url}/health", headers={"X-Long": "x" * 40_000}).status_code in (400, 431)


def test_nobody_is_believed_about_the_address_it_comes_from(url: str, serving: Callable[..., Any]) -> None:
    limited = serving({**CONFIG, "limits": {"requests_per_minute": 3}, "security": {}}, prefix="/ocr")
    image = {"content": png(), "timeout": 30}
    kinds = [{"Content-Type": "image/png", "X-Forwarded-For": f"10.9.9.{number}"} for number in range(6)]
    statuses = [httpx.post(f"{limited}/predict_text", headers=kind, **image).status_code for kind in kinds]
    assert 429 in statuses
