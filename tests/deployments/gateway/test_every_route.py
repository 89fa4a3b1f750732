"""What holds of every route there is, found by walking over the application: no route can be forgotten."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from deployments.config.api_keys import Role, hashed
from deployments.gateway.access.route_roles import KEPT, ROLES
from deployments.jobs.job_queue import JobQueue
from deployments.messages.request import ReadRequest
from ocr import Page
from ocr.errors import Overloaded
from tests.fakes.memory_jobs import in_memory
from tests.fakes.plain_service import PlainService, Whole, as_base64, asking, plain_config, png
from tests.fakes.reviewed_jobs import disputed, finished_job, page_saying

_SERVICE = PlainService()
_CONFIG = plain_config(limits={"max_requests": 1})
_JOBS = in_memory(lambda: _CONFIG.jobs)
_APP = Whole(_SERVICE, _CONFIG, jobs=_JOBS).app()

_IMAGE = {"image": as_base64(png())}
_DATA_URL = {"type": "image_url", "image_url": f"data:image/png;base64,{as_base64(png())}"}
_TENSOR = {"name": "image", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": [255] * 12}
_DECISION = {"number": 0, "kind": "illegible"}
_BODIES: dict[str, dict[str, Any]] = {
    "/jobs/1/review": {"json": {}},
    "/jobs/1/review/next": {"json": {"session": "mine"}},
    "/jobs/1/review/decisions": {"json": {"session": "mine", "decisions": [_DECISION]}},
    "/jobs/1/review/label-studio": {"json": []},
    "/batch_predict": {"json": {"images": [as_base64(png())]}},
    "/v1/ocr": {"json": {"document": _DATA_URL}},
    "/v1/files": {"files": {"file": ("a.png", png())}, "data": {"purpose": "ocr"}},
    "/process": {"content": png()},
    "/documentintelligence/documentModels/prebuilt-read:analyze": {
        "params": {"api-version": "2024-11-30"},
        "json": {"base64Source": as_base64(png())},
    },
    "/v2/models/ocr/infer": {"json": {"inputs": [_TENSOR]}},
    "/v2/models/ocr/versions/1/infer": {"json": {"inputs": [_TENSOR]}},
}
"""What routes that read are sent; the others an image in JSON."""


def _routes(router: FastAPI | APIRouter) -> Iterator[tuple[str, str]]:
    """Method and path of each route, those of included routers too."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods)
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _routes(included)


def _filled(path: str) -> str:
    """A path of the route that names what is there."""
    model = "prebuilt-read" if path.startswith("/documentintelligence") else "ocr"
    return path.format(model=model, version="1", job="1")


_SENDING = ("POST", "PUT")
ROUTES = sorted(_routes(_APP))
READING = [(method, _filled(path)) for method, path in ROUTES if method in _SENDING and ROLES.get(path) is Role.USER]
SHOWN = [_filled(path) for method, path in ROUTES if method == "GET"]


def _sent(path: str) -> dict[str, Any]:
    return _BODIES.get(path, {"json": _IMAGE})


async def with_a_review(client: httpx.AsyncClient, jobs: JobQueue) -> None:
    """There is a job 1 of this client's, and a review of it."""
    await finished_job(jobs, page_saying([disputed("Qvay", "Quay")]), owner="address 10.0.0.1")
    assert (await client.post("/jobs/1/review", json={})).is_success


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    _SERVICE.forget()
    async with asking(_APP) as client:
        await with_a_review(client, _JOBS)
        yield client


def test_the_routes_are_found() -> None:
    assert {"/predict", "/predict_text", "/batch_predict", "/jobs", *_BODIES} <= {path for _, path in READING}
    assert {"/", "/health", "/ready", "/status", "/metrics"} <= set(SHOWN)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_has_a_role(method: str, path: str) -> None:
    assert path in ROLES, f"{method} {path}"


def told_as_its_protocol_does(path: str, response: httpx.Response) -> str:
    """The message of an error, which has the shape that the clients of its route look for; there is a remedy in it."""
    told = response.json()
    if path.startswith("/v2"):
        assert list(told) == ["error"]
        return str(told["error"])
    if path.startswith("/v1/"):
        assert (told["object"], told["code"]) == ("error", told["type"])
        return str(told["message"])
    error = told["error"]
    if path.startswith("/documentintelligence/"):
        assert set(error) == {"code", "message"}
        assert error["code"].isalnum()
        return str(error["message"])
    assert error["code"].replace("_", "").isalpha()
    return f"{error['message']} ({error['hint']})"


_KEYS = {"X-API-Key": "reader", "Authorization": "Bearer reader", "Ocp-Apim-Subscription-Key": "reader"}
"""Where clients put a key: our own, those of Mistral's and OpenAI's kind, Azure's."""
WITH_KEY = [(method, path) for method, path in ROUTES if ROLES[path] is not Role.ANYBODY]


@pytest.mark.parametrize("slashes", ["/", "//"])
@pytest.mark.parametrize(("method", "path"), WITH_KEY)
async def test_every_route_but_the_open_ones_wants_a_key_and_takes_it_where_any_client_puts_it(
    method: str, path: str, slashes: str
) -> None:
    keys = [hashed("reader")]
    role = "api_keys" if ROLES[path] is Role.USER else "admin_api_keys"
    app = Whole(_SERVICE, plain_config(security={"api_key_required": True, role: keys})).app()
    async with asking(app) as client:
        address, sent = httpx.URL(f"http://localhost{slashes}{_filled(path)[1:]}"), _sent(_filled(path))
        for headers in ({}, {"X-API-Key": "nobody"}):
            refused = await client.request(method, address, **sent, headers=headers)
            assert refused.status_code == 401
            assert "API key" in told_as_its_protocol_does(path, refused)
        for name, value in _KEYS.items():
            taken = await client.request(method, address, **sent, headers={name: value})
            assert taken.status_code not in (401, 403), name


_SMALL = {"max_request_mb": 0.01, "max_job_mb": 0.01, "body_timeout_s": 0.05}
KEPT_PATHS = {_filled(path) for path in KEPT}
TAKING = [(method, path) for method, path in READING if not path.startswith("/jobs/1/")]
"""Those that take a picture, or a file."""


@pytest.mark.parametrize(("method", "path"), TAKING)
async def test_every_route_that_takes_a_file_bounds_its_bytes(method: str, path: str) -> None:
    async with asking(Whole(_SERVICE, plain_config(limits=_SMALL)).app()) as client:
        response = await client.request(method, path, content=b" " * 30_000, headers={"content-type": "image/png"})
        assert response.status_code == 413
        assert "bytes" in told_as_its_protocol_does(path, response)


_LARGE = png(100, 100)
_LARGE_BODIES: dict[str, dict[str, Any]] = {
    "/batch_predict": {"json": {"images": [as_base64(_LARGE)]}},
    "/process": {"content": _LARGE},
    "/v1/ocr": {"json": {"document": {"type": "image_url", "image_url": f"data:image/png;base64,{as_base64(_LARGE)}"}}},
}


def _tensor_of(side: int) -> dict[str, Any]:
    """A binary tensor of so many pixels up and down, as docling sends it."""
    size = 3 * side * side
    image = {"name": "image", "shape": [1, side, side, 3], "datatype": "UINT8"}
    head = json.dumps({"inputs": [{**image, "parameters": {"binary_data_size": size}}]}).encode()
    return {"content": head + bytes(size), "headers": {"Inference-Header-Content-Length": str(len(head))}}


@pytest.mark.parametrize(("method", "path"), [route for route in TAKING if route[1] not in KEPT_PATHS])
async def test_every_route_that_reads_at_once_bounds_pixels(method: str, path: str) -> None:
    """Of what is kept as a job the worker counts them. An image is held to what it costs to decode its pixels."""
    of_image = _LARGE_BODIES.get(path, {"json": {"image": as_base64(_LARGE)}})
    sent = _tensor_of(100) if path.endswith("/infer") else of_image
    config = plain_config(limits={"max_pixels": 1000, "max_decoding_mb": 0.001})
    async with asking(Whole(_SERVICE, config).app()) as client:
        response = await client.request(method, path, **sent)
    if path == "/batch_predict":  # an error per file
        [result] = response.json()["results"]
        assert result["error"]["code"] == "too_large"
    else:
        assert response.status_code == 413
        assert "the limit is" in told_as_its_protocol_does(path, response)


@pytest.mark.parametrize(("method", "path"), [route for route in TAKING if route[1] not in KEPT_PATHS])
async def test_every_route_that_reads_at_once_bounds_the_time_of_a_body(method: str, path: str) -> None:
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with asking(Whole(_SERVICE, plain_config(limits=_SMALL)).app()) as client:
        response = await client.request(method, path, content=body())
    assert response.status_code == 400
    assert "did not arrive" in told_as_its_protocol_does(path, response)


@pytest.mark.parametrize(("method", "path"), [route for route in TAKING if route[1] not in KEPT_PATHS])
async def test_every_route_that_reads_at_once_bounds_the_time_of_reading(method: str, path: str) -> None:
    _SERVICE.forget()
    before = time.time()
    async with asking(Whole(_SERVICE, plain_config(limits={"timeout_s": 7.0})).app()) as client:
        assert (await client.request(method, path, **_sent(path))).is_success
    [request] = _SERVICE.requests
    assert before + 7.0 <= request.deadline <= time.time() + 7.0


_NO_JSON = {"/process": (400, "image"), "/v1/files": (415, "form")}
"""The first takes a body for a file whatever it says it is; the second takes a form alone."""


@pytest.mark.parametrize(("method", "path"), READING)
async def test_every_route_that_reads_says_in_its_protocol_what_is_wrong(method: str, path: str) -> None:
    jobs = in_memory(lambda: _CONFIG.jobs)
    async with asking(Whole(_SERVICE, plain_config(), jobs=jobs).app()) as client:
        await with_a_review(client, jobs)
        query = {"api-version": "2024-11-30"} if path.startswith("/documentintelligence") else {}
        response = await client.request(
            method, path, params=query, content=b'{"image": ', headers={"content-type": "application/json"}
        )
    status, says = _NO_JSON.get(path, (400, "JSON"))
    assert response.status_code == status
    assert says in told_as_its_protocol_does(path, response)


@pytest.mark.parametrize(("method", "path"), TAKING)
async def test_every_route_that_reads_says_in_its_protocol_that_the_service_failed(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    async def failing(*_: object) -> Page:
        raise Overloaded("too many pages wait", "ask again later", 3.0)

    jobs = in_memory(lambda: _CONFIG.jobs)
    for name in ("read_page", "read_characters"):
        monkeypatch.setattr(_SERVICE, name, failing)
    monkeypatch.setattr(jobs, "require_room", failing)
    async with asking(Whole(_SERVICE, plain_config(), jobs=jobs).app()) as client:
        response = await client.request(method, path, **_sent(path))
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert "ask again later" in told_as_its_protocol_does(path, response)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), READING)
async def test_every_route_that_reads_is_admitted_or_refused(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, slash: str
) -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(data: bytes, request: ReadRequest) -> Page:
        taken.set()
        await go_on.wait()
        return await PlainService.read_page(_SERVICE, data, request)

    monkeypatch.setattr(_SERVICE, "read_page", waiting)
    first = asyncio.create_task(client.post("/predict_text", json=_IMAGE))
    await taken.wait()
    response = await client.request(method, path + slash, **_sent(path))
    go_on.set()
    assert (await first).status_code == 200
    assert response.status_code == 503
    assert "requests are being read" in told_as_its_protocol_does(path, response)
    assert (await client.request(method, path + slash, **_sent(path))).is_success


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), READING)
async def test_every_route_that_reads_counts_against_the_rate(method: str, path: str, slash: str) -> None:
    config = plain_config(limits={"requests_per_minute": 1})
    jobs = in_memory(lambda: config.jobs)
    app = Whole(_SERVICE, config, jobs=jobs).app()
    async with asking(Whole(_SERVICE, plain_config(), jobs=jobs).app()) as unlimited:
        await with_a_review(unlimited, jobs)
    async with asking(app) as client:
        answers = [await client.request(method, path + slash, **_sent(path)) for _ in range(2)]
    assert (answers[0].is_success, answers[1].status_code) == (True, 429)
    assert "in a minute" in told_as_its_protocol_does(path, answers[1])


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), READING)
async def test_every_route_that_reads_answers_a_repeated_request_with_the_same_bytes(
    client: httpx.AsyncClient, method: str, path: str, slash: str
) -> None:
    key = {"idempotency-key": f"key-of-{path}{slash}"}
    first, second = [await client.request(method, path + slash, **_sent(path), headers=key) for _ in range(2)]
    assert first.is_success
    assert second.headers["idempotent-replayed"] == "true"
    assert second.content == first.content


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path"), READING)
async def test_every_route_that_reads_takes_nothing_of_a_body_that_is_announced_as_too_large(
    client: httpx.AsyncClient, method: str, path: str, slash: str
) -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(True)
        yield b"\xff\xd8\xff"

    headers = {"content-length": str(10**12), "content-type": "application/json"}
    response = await client.request(method, path + slash, content=body(), headers=headers)
    assert response.status_code == 413
    assert f"the body has {10**12} bytes" in response.text
    assert not taken


@pytest.mark.parametrize("path", SHOWN)
async def test_head_is_get_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    shown, head = await client.get(path), await client.head(path)
    assert head.status_code == shown.status_code
    assert head.content == b""
    assert head.headers["content-type"] == shown.headers["content-type"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_slash_at_the_end_changes_nothing(client: httpx.AsyncClient, method: str, path: str) -> None:
    path = _filled(path)
    plain = await client.request(method, path)
    await with_a_review(client, _JOBS)  # it may be what was deleted
    slash = await client.request(method, path.rstrip("/") + "/")
    assert slash.status_code == plain.status_code
    assert not slash.is_redirect


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] != "DELETE"])
async def test_two_slashes_before_a_path_are_one(client: httpx.AsyncClient, method: str, path: str) -> None:
    path = _filled(path)
    plain, slashes = [await client.request(method, httpx.URL(f"http://localhost{each}")) for each in (path, f"/{path}")]
    assert slashes.status_code == plain.status_code


async def test_an_unknown_path_with_a_slash_is_told_in_the_form_of_an_error(client: httpx.AsyncClient) -> None:
    response = await client.post("/no_such_route/", json=_IMAGE)
    assert response.status_code == 401
    assert response.json()["error"]["hint"]
