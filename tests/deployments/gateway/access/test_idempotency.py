"""Requests that are sent again with the same Idempotency-Key, over HTTP and, for clocks and bounds, by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from deployments.config.schema import IdempotencyConfig
from deployments.gateway.access.idempotency import IdempotentResponses, Message, Send
from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest
from deployments.observability.metrics import ignore_metric
from ocr.contract import ErrorAnswer
from ocr.errors import OutOfRange, Overloaded, QuorumError
from tests.fakes.plain_service import PlainService, Whole, as_base64, plain_config, png

IMAGE = png()
KEY = {"Idempotency-Key": "0b9c7d1e"}


class GatedService(PlainService):
    """Answers once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        self.begun.set()
        await self.gate.wait()
        return await super().read_characters(images, request)


@pytest.fixture
def service() -> GatedService:
    return GatedService()


@pytest.fixture
def whole(service: GatedService) -> Whole:
    return Whole(service, plain_config(limits={"max_requests": 3}))


@pytest.fixture
async def client(whole: Whole) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(whole.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def predict(client: httpx.AsyncClient, headers: dict[str, str] = KEY, **options: str) -> httpx.Response:
    return await client.post(
        "/predict", content=IMAGE, params=options, headers={"content-type": "image/png", **headers}
    )


async def test_a_request_that_is_sent_again_gets_the_same_bytes_and_is_read_once(
    client: httpx.AsyncClient, service: GatedService, whole: Whole
) -> None:
    service.gate.set()
    first, second = await predict(client), await predict(client)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["x-content-type-options"] == "nosniff"
    assert len(service.requests) == 1
    assert whole.recorded["ocr_repeated_requests", (("how", "remembered"),)] == [1.0]


async def test_without_a_key_and_with_another_one_it_is_read_anew(
    client: httpx.AsyncClient, service: GatedService
) -> None:
    service.gate.set()
    for headers in (KEY, {}, {}, {"Idempotency-Key": "other"}):
        await predict(client, headers)
    assert len(service.requests) == 4


async def test_a_request_that_comes_while_the_first_is_read_waits_for_its_answer(
    client: httpx.AsyncClient, service: GatedService
) -> None:
    both = [asyncio.create_task(predict(client)) for _ in range(2)]
    await service.begun.wait()
    await asyncio.sleep(0)
    service.gate.set()
    first, second = [await each for each in both]
    assert first.content == second.content
    assert len(service.requests) == 1


async def test_a_caller_that_was_cut_off_finds_the_answer_when_it_comes_again(
    client: httpx.AsyncClient, service: GatedService
) -> None:
    lost = asyncio.create_task(predict(client))
    await service.begun.wait()
    lost.cancel()
    again = asyncio.create_task(predict(client))
    await asyncio.sleep(0)
    service.gate.set()
    assert (await again).status_code == 200
    assert len(service.requests) == 1


async def test_work_whose_caller_was_cut_off_holds_its_place_until_it_is_done(
    client: httpx.AsyncClient, service: GatedService
) -> None:
    for number in range(3):
        service.begun.clear()
        lost = asyncio.create_task(predict(client, {"Idempotency-Key": f"{number}"}))
        await service.begun.wait()
        lost.cancel()
    refused = await predict(client, {})
    assert (refused.status_code, ErrorAnswer.model_validate(refused.json()).error.code) == (503, "overloaded")
    service.gate.set()
    async with asyncio.timeout(60):
        while (await predict(client, {})).status_code == 503:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "changed",
    [{"options": {"classes": "digits"}}, {"image": png(30, 30)}, {"path": "/predict_text"}],
    ids=["other options", "another image", "another route"],
)
async def test_the_same_key_with_another_request_is_refused_with_the_remedy(
    client: httpx.AsyncClient, service: GatedService, changed: dict[str, Any]
) -> None:
    service.gate.set()
    await predict(client)
    other = {"options": {}, "image": IMAGE, "path": "/predict", **changed}
    response = await client.post(
        other["path"], content=other["image"], params=other["options"], headers={"content-type": "image/png", **KEY}
    )
    assert response.status_code == 422
    assert "new key" in ErrorAnswer.model_validate(response.json()).error.hint


async def test_a_form_sent_again_is_the_same_request_whatever_its_boundary(
    client: httpx.AsyncClient, service: GatedService
) -> None:
    service.gate.set()
    answers = [await client.post("/predict", files={"image": ("q.png", IMAGE)}, headers=KEY) for _ in range(2)]
    assert [response.status_code for response in answers] == [200, 200]
    assert len(service.requests) == 1


async def test_two_callers_may_choose_the_same_key(client: httpx.AsyncClient, service: GatedService) -> None:
    service.gate.set()
    first = await predict(client, {**KEY, "X-API-Key": "mine"})
    second = await predict(client, {**KEY, "X-API-Key": "yours"}, classes="digits")
    assert (first.status_code, second.status_code) == (200, 200)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ä"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str) -> None:
    response = await predict(client, {"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert (response.status_code, ErrorAnswer.model_validate(response.json()).error.code) == (422, "out_of_range")


async def test_an_error_is_not_remembered(client: httpx.AsyncClient, service: GatedService) -> None:
    service.gate.set()
    service.failure = Overloaded("full", "later", 1.0)
    assert (await predict(client)).status_code == 503
    service.failure = None
    assert (await predict(client)).status_code == 200


async def test_an_answer_in_lines_is_repeated_line_by_line(client: httpx.AsyncClient, service: GatedService) -> None:
    service.gate.set()
    body = {"images": [as_base64(IMAGE)] * 3}
    answers = [
        await client.post("/batch_predict", json=body, headers={**KEY, "accept": "application/x-ndjson"})
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert len(answers[1].content.splitlines()) == 4
    other_accept = await client.post("/batch_predict", json=body, headers=KEY)
    assert other_accept.status_code == 422, "another Accept is another request"


@pytest.mark.parametrize("headers", [KEY, {}], ids=["with a key", "without"])
async def test_a_body_that_does_not_arrive_gives_its_place_back(service: GatedService, headers: dict[str, str]) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield IMAGE[:10]
        await asyncio.Event().wait()

    service.gate.set()
    app = Whole(service, plain_config(limits={"max_requests": 1, "body_timeout_s": 0.05})).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        kind = {"content-type": "image/png"}
        late = await client.post("/predict", content=trickle(), headers={**kind, **headers})
        assert late.status_code == 400
        assert "did not arrive within 0.05 s" in ErrorAnswer.model_validate(late.json()).error.message
        assert (await client.post("/predict", content=IMAGE, headers=kind)).status_code == 200


async def test_a_body_that_is_too_large_is_refused_before_it_is_kept(service: GatedService) -> None:
    app = Whole(service, plain_config(limits={"max_request_mb": 0.001})).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        headers = {"content-type": "image/png", **KEY}
        assert (await client.post("/predict", content=b"x" * 2000, headers=headers)).status_code == 413


async def test_callers_without_a_key_do_not_share_their_idempotency_keys(service: GatedService) -> None:
    service.gate.set()
    app = Whole(service, plain_config()).app()
    answers = []
    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers.append(await predict(client, KEY))
    assert ["Idempotent-Replayed" in response.headers for response in answers] == [False, True, False]


# --- clocks and bounds ---


async def sends(send: Send, body: bytes = b"done") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def all_of(response: Any) -> list[Message]:
    return [message async for message in response.replay()]


async def test_an_answer_is_forgotten_after_its_time() -> None:
    now = [0.0]
    responses = IdempotentResponses(lambda: IdempotencyConfig(seconds=10.0), lambda: now[0], ignore_metric)
    made = await all_of(responses.begin(("k", b""), b"request", sends))
    now[0] = 10.0
    found = responses.find(("k", b""), b"request")
    assert found is not None
    assert await all_of(found) == made
    now[0] = 10.1
    assert responses.find(("k", b""), b"request") is None


async def test_what_is_remembered_grows_with_the_time_that_it_is_kept_and_no_further() -> None:
    now = [0.0]
    responses = IdempotentResponses(lambda: IdempotencyConfig(seconds=10.0), lambda: now[0], ignore_metric)
    for second in range(100):
        now[0] = float(second)
        await all_of(responses.begin((f"{second}", b""), b"request", sends))
        await asyncio.sleep(0)
    now[0] = 0.0  # whatever is kept is found again
    kept = [second for second in range(100) if responses.find((f"{second}", b""), b"request") is not None]
    assert kept == list(range(89, 100))


@pytest.mark.parametrize(
    "config", [IdempotencyConfig(entries=2), IdempotencyConfig(max_mb=0.0025)], ids=["number", "memory"]
)
async def test_what_is_remembered_is_bounded(config: IdempotencyConfig) -> None:
    responses = IdempotentResponses(lambda: config, lambda: 0.0, ignore_metric)
    for key in "abc":
        await all_of(responses.begin((key, b""), b"request", lambda send: sends(send, b"x" * 1000)))
        await asyncio.sleep(0)
    assert [responses.find((key, b""), b"request") is not None for key in "abc"] == [False, True, True]


async def test_an_answer_larger_than_the_memory_drives_nothing_out() -> None:
    responses = IdempotentResponses(lambda: IdempotencyConfig(max_mb=0.01), lambda: 0.0, ignore_metric)
    for key, size in (("small", 10), ("large", 20_000)):
        await all_of(responses.begin((key, b""), b"request", lambda send, size=size: sends(send, b"x" * size)))
        await asyncio.sleep(0)
    assert responses.find(("small", b""), b"request") is not None
    assert responses.find(("large", b""), b"request") is None


async def test_what_fails_fails_for_all_who_follow_and_is_tried_anew() -> None:
    responses = IdempotentResponses(IdempotencyConfig, lambda: 0.0, ignore_metric)

    async def breaks(_: Send) -> None:
        raise ZeroDivisionError

    first = responses.begin(("k", b""), b"request", breaks)
    second = responses.find(("k", b""), b"request")
    for response in (first, second):
        with pytest.raises(ZeroDivisionError):
            await all_of(response)
    assert responses.find(("k", b""), b"request") is None


async def test_while_an_answer_is_made_its_key_stands_for_its_request_alone() -> None:
    responses = IdempotentResponses(IdempotencyConfig, lambda: 0.0, ignore_metric)
    response = responses.begin(("k", b""), b"request", sends)
    with pytest.raises(OutOfRange, match="another request"):
        responses.find(("k", b""), b"other")
    await all_of(response)
