"""Which names the service answers to, and which web pages may ask it."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from deployments.gateway.access.browser_origin import require_known_host, require_own_page
from ocr.contract import ErrorAnswer
from ocr.errors import Forbidden, UnknownHost
from tests.fakes.plain_service import PlainService, Whole, as_base64, plain_config, png
from tests.fakes.sockets import connected, refused_socket


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "10.1.2.3", "[::1]:8000", "app.localhost", "localhost.", ""],
)
def test_addresses_and_localhost_are_known(host: str) -> None:
    require_known_host(Headers({"host": host}), ())


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", "127.0.0.1.nip.example", "[", "a b"])
def test_any_other_name_is_not(host: str) -> None:
    with pytest.raises(UnknownHost) as error:
        require_known_host(Headers({"host": host}), ("ocr.example",))
    assert "allowed_hosts" in error.value.hint


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("ocr.example", ("ocr.example",)),
        ("OCR.example:80", ("ocr.EXAMPLE",)),
        ("a.b.example", ("*.example",)),
        ("x", ("*",)),
    ],
)
def test_configured_names_are(host: str, allowed: tuple[str, ...]) -> None:
    require_known_host(Headers({"host": host}), allowed)


def test_a_star_before_a_dot_is_for_what_is_below_only() -> None:
    for name in ("example", "evilexample"):
        with pytest.raises(UnknownHost):
            require_known_host(Headers({"host": name}), ("*.example",))


def asked(headers: dict[str, str], method: str = "POST", kind: str = "http", allowed: tuple[str, ...] = ()) -> None:
    require_own_page({"type": kind, "method": method}, Headers({"host": "localhost:8000", **headers}), allowed)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"origin": "http://LOCALHOST:8000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"host": "ocr.example", "origin": "https://ocr.example"},
    ],
)
def test_programs_and_the_services_own_page_may_send(headers: dict[str, str]) -> None:
    asked(headers)
    asked(headers, kind="websocket")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_pages_may_not(headers: dict[str, str]) -> None:
    for method in ("POST", "PUT"):
        with pytest.raises(Forbidden):
            asked(headers, method)
    with pytest.raises(Forbidden):
        asked(headers, kind="websocket")
    asked(headers, "GET")  # what it answers is kept from the page by the browser


def test_pages_of_configured_origins_may() -> None:
    asked({"origin": "https://app.example", "sec-fetch-site": "cross-site"}, allowed=("https://app.example",))


async def test_a_foreign_page_or_name_is_refused_in_the_shape_of_the_contract() -> None:
    app = Whole(PlainService(), plain_config()).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        body = {"image": as_base64(png())}
        foreign = await client.post("/predict", json=body, headers={"Origin": "http://evil.example"})
        rebound = await client.get("/health", headers={"Host": "evil.example"})
        assert (await client.post("/predict", json=body, headers={"Origin": "http://localhost"})).status_code == 200
    assert (foreign.status_code, rebound.status_code) == (403, 421)
    codes = [ErrorAnswer.model_validate(each.json()).error.code for each in (foreign, rebound)]
    assert codes == ["forbidden", "unknown_host"]


async def test_a_stream_from_a_foreign_page_is_refused_before_it_is_accepted() -> None:
    app = Whole(PlainService(), plain_config()).app()
    assert await refused_socket(app, "/stream", {"host": "localhost", "origin": "http://evil.example"}) == 1008
    async with connected(app, "/stream", headers={"host": "localhost", "origin": "http://localhost"}) as socket:
        assert socket is not None
