"""Every route over ASGI with a service that answers by itself: inputs, answers and errors of the contract."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest
from deployments.messages.states import CircuitState
from ocr import (
    Character,
    EngineReport,
    Hypothesis,
    Page,
    Status,
)
from ocr.contract import BatchAnswer, CharacterAnswer, ErrorAnswer, StatusAnswer, TextAnswer, Timings
from ocr.errors import NotAnImage, Overloaded, QuorumError
from tests.fakes.plain_service import PlainService, Whole, app_over, as_base64, plain_config, png

_SERVICE = PlainService()


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Built once: it keeps nothing of a request, and building it takes longer than any test here."""
    return app_over(
        _SERVICE,
        max_request_mb=0.02,
        max_decoding_mb=0.05,
        max_batch=3,
        batch_workers=1,
        max_requests=2,
        batch_timeout_s=100.0,
    )


@pytest.fixture
def service() -> PlainService:
    _SERVICE.forget()
    return _SERVICE


@pytest.fixture
async def client(app: FastAPI, service: PlainService) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost"
    ) as client:
        yield client


async def test_a_character_is_answered_in_the_shape_of_the_contract(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json={"image": as_base64(png()), "classes": "upper"})
    assert response.status_code == 200
    answer = CharacterAnswer.model_validate(response.json())
    assert (answer.character, answer.confidence, answer.band) == ("Q", 0.65, "medium")
    assert (answer.accepted, answer.needs_review, answer.degraded) == (True, True, True)
    assert {name: p.status for name, p in answer.engine_predictions.items()} == {
        "a": "ok",
        "b": "timeout",
        "lines": "skipped",
    }
    assert answer.engine_predictions["a"].latency_ms == pytest.approx(12.0)


async def test_a_page_is_answered_with_lines_words_votes_and_places(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict_text", json={"image": as_base64(png())})
    answer = TextAnswer.model_validate(response.json())
    assert answer.text == "Hi"
    assert answer.lines[0].words[0].votes == {"a": "Hi"}
    assert [place.bounding_box for place in answer.characters] == [(10, 20, 20, 20), (30, 20, 20, 20)]
    assert answer.characters[0].votes is None
    assert answer.lines[0].readings is None
    assert answer.engine_predictions["a"].text == "Hi"


async def test_explain_adds_every_reading_and_every_vote(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict_text", json={"image": as_base64(png()), "explain": True})
    answer = TextAnswer.model_validate(response.json())
    assert answer.lines[0].readings == {"a": "Hi"}
    assert answer.characters[0].votes is not None
    assert answer.characters[0].votes["a"].text == "H"


def waited_for(timings: Timings | None) -> list[str]:
    """The names of the parts that an answer waited for, which add up."""
    assert timings is not None
    critical = [part for part in timings.parts if part.critical]
    assert sum(part.duration_ms for part in critical) == pytest.approx(timings.wall_ms, abs=0.01)
    return [part.name for part in critical]


async def test_lines_that_nobody_can_read_are_counted_and_left_out_unless_they_are_asked_for(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    body = {"image": as_base64(png())}
    clean = await client.post("/predict_text", json=body)
    assert clean.headers["Quorum-Illegible-Lines"] == "0"
    service.scrawl = True
    response = await client.post("/predict_text", json=body)
    answer = TextAnswer.model_validate(response.json())
    assert (answer.text, answer.illegible_lines, response.headers["Quorum-Illegible-Lines"]) == ("Hi", 1, "1")
    assert [line.legible for line in answer.lines] == [True, False]
    assert len(answer.characters) == 2
    assert answer.needs_review
    text = await client.post("/predict_text?format=text", content=png(), headers={"Content-Type": "image/png"})
    assert (text.text, text.headers["Quorum-Illegible-Lines"]) == ("Hi\n", "1")
    asked = TextAnswer.model_validate((await client.post("/predict_text", json={**body, "illegible": True})).json())
    assert (asked.text, asked.illegible_lines, len(asked.characters)) == ("Hi\nHi", 1, 4)
    hocr = await client.post(
        "/predict_text?format=hocr&illegible=true", content=png(), headers={"Content-Type": "image/png"}
    )
    assert hocr.text.count("ocrx_word") == 2 + 1  # and once in the head, among the capabilities


@pytest.mark.parametrize(("path", "kind"), [("/predict", CharacterAnswer), ("/predict_text", TextAnswer)])
async def test_explain_says_where_the_time_went_and_it_adds_up(
    client: httpx.AsyncClient, path: str, kind: type[CharacterAnswer] | type[TextAnswer]
) -> None:
    began = time.perf_counter()
    response = await client.post(path, json={"image": as_base64(png()), "explain": True})
    waited_ms = (time.perf_counter() - began) * 1000.0
    answer = kind.model_validate(response.json())
    named = waited_for(answer.timings)
    assert named[:3] == ["admit", "receive", "check"]
    assert named[-5:] == ["transfer", "find lines", "inference", "other", "render"], "as the service told it"
    assert answer.timings is not None
    assert answer.processing_time_ms <= answer.timings.wall_ms <= waited_ms


@pytest.mark.parametrize("path", ["/predict", "/predict_text"])
async def test_who_asks_for_no_explanation_is_not_told_where_the_time_went(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.post(path, json={"image": as_base64(png())})
    assert response.json()["timings"] is None


@pytest.mark.parametrize("task", ["character", "text"])
async def test_each_answer_of_a_batch_says_where_its_time_went(client: httpx.AsyncClient, task: str) -> None:
    body = {"images": [as_base64(png())] * 2, "task": task, "explain": True}
    response = await client.post("/batch_predict", json=body)
    for result in BatchAnswer.model_validate(response.json()).results:
        assert isinstance(result, CharacterAnswer | TextAnswer)
        assert waited_for(result.timings)[-1] == "render"


async def test_three_ways_to_send_an_image_bring_the_same_bytes_and_options(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    image = png()
    weights = '{"a": 2, "b": 1}'
    await client.post(
        "/predict_text",
        json={"image": as_base64(image), "engines": ["a", "b"], "weights": {"a": 2, "b": 1}, "timeout_s": 9},
    )
    await client.post(
        "/predict_text",
        files={"image": ("x.png", image)},
        data={"engines": "a,b", "weights": weights, "timeout_s": "9"},
    )
    await client.post(
        "/predict_text",
        content=image,
        headers={"content-type": "image/png"},
        params={"engines": "a,b", "weights": weights, "timeout_s": 9},
    )
    assert service.images == [image] * 3
    assert [(request.engines, dict(request.profile.weights)) for request in service.requests] == [
        (("a", "b"), {"a": 2, "b": 1})
    ] * 3


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"image": "no base64!"}, 400, "base64"),
        ({"image": as_base64(b"hello, I am text")}, 400, "not an image"),
        ({"image": as_base64(b"%PDF-1.7 ...")}, 400, "PDF is damaged"),
        ({"image": as_base64(b"GIF89a...")}, 415, "GIF"),
        ({"image": as_base64(png()[:40])}, 400, "PNG file is damaged"),
        ({"image": as_base64(png(200, 100))}, 413, "20000 pixels"),
        ({"image": "A" * 30_000}, 413, "limit is 20000"),
        ({"image": ""}, 400, "base64"),
        ({"picture": "x"}, 400, "no field 'image'"),
        ({"image": as_base64(png()), "colour": 1}, 400, "unknown option 'colour'"),
        ({"image": as_base64(png()), "engines": ["a", "oracle"]}, 422, "unknown engine 'oracle'"),
        ({"image": as_base64(png()), "engines": []}, 422, "none of the engines"),
        ({"image": as_base64(png()), "weights": {"a": -0.1}}, 422, "greater than or equal to 0"),
        ({"image": as_base64(png()), "weights": {"oracle": 1}}, 422, "unknown engine 'oracle'"),
        ({"image": as_base64(png()), "weights": {"a": 0}}, 422, "zero"),
        ({"image": as_base64(png()), "method": "coin"}, 422, "unknown method 'coin'"),
        ({"image": as_base64(png()), "profile": "martian"}, 422, "unknown profile 'martian'"),
        ({"image": as_base64(png()), "timeout_s": 0}, 422, "greater than 0"),
        ({"image": as_base64(png()), "lang": "english"}, 422, "unknown language 'english'"),
        ({"image": as_base64(png()), "lang": ["de", "xx"]}, 422, "unknown language 'xx'"),
        ({"image": as_base64(png()), "lang": "auto,de"}, 422, "lang names 2 languages"),
        ({"image": as_base64(png()), "preprocess": ["sparkle"]}, 422, "sparkle"),
        ({"image": as_base64(png()), "weights": "[" * 5000}, 422, "JSON object"),
    ],
)
async def test_bad_input_gets_a_clear_error_and_the_next_request_works(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, words: str
) -> None:
    response = await client.post("/predict_text", json=body)
    problem = ErrorAnswer.model_validate(response.json()).error
    assert response.status_code == status
    assert words in problem.message
    assert problem.hint
    assert (await client.post("/predict_text", json={"image": as_base64(png())})).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"image": "x", "timeout_s": ' + b"1" * 5000 + b"}", "application/json", 400),
        (b"text", "text/plain", 400),
        (b"", "image/png", 400),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data", 400),
    ],
)
async def test_malformed_bodies_are_refused(client: httpx.AsyncClient, content: bytes, kind: str, status: int) -> None:
    response = await client.post("/predict", content=content, headers={"content-type": kind})
    assert response.status_code == status
    ErrorAnswer.model_validate(response.json())


async def test_an_option_given_twice_is_refused_not_guessed(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?profile=general", json={"image": as_base64(png()), "profile": "printed"})
    assert response.status_code == 400
    assert "twice" not in response.text
    assert "body and in the query" in response.text


async def test_half_a_character_in_the_json_is_quoted_in_a_way_that_can_be_sent_back(client: httpx.AsyncClient) -> None:
    body = b'{"image": "' + as_base64(png()).encode() + b'", "profile": "\\ud800"}'
    response = await client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert ErrorAnswer.model_validate(response.json()).error.message.startswith("unknown profile '\\ud800'")


async def test_options_in_the_query_of_a_batch_count_and_a_form_field_given_twice_is_refused(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    batch = {"images": [as_base64(png())]}
    assert (await client.post("/batch_predict?profile=printed", json=batch)).status_code == 200
    assert service.requests[0].profile.name == "printed"
    assert (await client.post("/batch_predict?colour=red", json=batch)).status_code == 400
    twice = await client.post("/predict", files={"image": png()}, data={"profile": ["general", "printed"]})
    assert twice.status_code == 400
    assert "given twice" in twice.text


async def test_a_batch_keeps_order_and_a_bad_item_is_an_error_in_its_place(client: httpx.AsyncClient) -> None:
    for task in ("character", "text"):
        images = [as_base64(png()), as_base64(b"junk"), as_base64(png())]
        response = await client.post("/batch_predict", json={"images": images, "task": task})
        answer = BatchAnswer.model_validate(response.json())
        assert response.status_code == 200
        assert [result.success for result in answer.results] == [True, False, True]
        assert (answer.count, answer.succeeded) == (3, 2)


async def test_an_image_that_was_read_is_not_degraded_by_those_that_an_engine_did_not_come_to(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = (EngineReport("a", Status.TIMEOUT, 0.5, "a@1", "read 1 of 2 crops before its deadline"),)

    async def half(images: Sequence[bytes], _: ReadRequest) -> list[CharacterReading | QuorumError]:
        hypotheses: list[dict[str, Hypothesis]] = [{"a": Hypothesis.of_text("Q", 0.9)}, {}]
        return [CharacterReading(Character("Q", 0.9), hypothesis, late) for hypothesis in hypotheses]

    monkeypatch.setattr(service, "read_characters", half)
    response = await client.post("/batch_predict", json={"images": [as_base64(png())] * 2})
    results = BatchAnswer.model_validate(response.json()).results
    seen = [(r.degraded, r.engine_predictions["a"].status) for r in results if isinstance(r, CharacterAnswer)]
    assert seen == [(False, "ok"), (True, "timeout")]


@pytest.mark.parametrize("failure", [NotAnImage("broken inside", "send another"), ZeroDivisionError("a bug")])
async def test_a_batch_of_pages_goes_on_when_one_page_fails(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    whole = service.read_page

    async def sometimes(data: bytes, request: ReadRequest) -> Page:
        if data == png(29, 28):
            raise failure
        return await whole(data, request)

    monkeypatch.setattr(service, "read_page", sometimes)
    images = [as_base64(png(28 + i, 28)) for i in range(3)]
    answer = BatchAnswer.model_validate(
        (await client.post("/batch_predict", json={"images": images, "task": "text"})).json()
    )
    assert [result.success for result in answer.results] == [True, False, True]


async def test_each_page_of_a_batch_has_its_own_time_and_all_of_them_the_time_of_the_batch(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages that take 45 s each, one after the other, of 60 s a page and 100 s together."""
    now = [1000.0]
    monkeypatch.setattr("deployments.gateway.reading_api.time.time", lambda: now[0])
    whole = service.read_page

    async def lasting(data: bytes, request: ReadRequest) -> Page:
        answer = await whole(data, request)
        now[0] += 45.0
        return answer

    monkeypatch.setattr(service, "read_page", lasting)
    body = {"images": [as_base64(png())] * 3, "task": "text", "timeout_s": 60}
    assert (await client.post("/batch_predict", json=body)).status_code == 200
    assert [request.deadline for request in service.requests] == [1060.0, 1100.0, 1100.0]


@pytest.mark.parametrize("path", ["/batch_predict", "/v1/ocr"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""]
)
async def test_a_body_of_json_need_not_call_itself_so(client: httpx.AsyncClient, path: str, kind: str) -> None:
    image = as_base64(png())
    url = {"type": "image_url", "image_url": f"data:image/png;base64,{image}"}
    body = {"images": [image]} if path == "/batch_predict" else {"document": url}
    headers = {"content-type": kind} if kind else {}
    assert (await client.post(path, content=json.dumps(body), headers=headers)).status_code == 200
    refused = await client.post(path, content=png(), headers=headers)
    assert refused.status_code == 400
    assert "not JSON" in refused.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"images": []}, 422),
        ({"images": ["A"] * 4}, 422),
        ({"images": ["A"], "task": "poem"}, 422),
        ({"images": ["A"], "task": "character", "lang": "en"}, 400),
        ({"images": ["A"], "task": "text", "classes": "digits"}, 400),
        ({}, 400),
    ],
)
async def test_a_batch_with_a_wrong_envelope_is_refused_whole(
    client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    response = await client.post("/batch_predict", json=body)
    assert response.status_code == status
    ErrorAnswer.model_validate(response.json())


async def test_an_overloaded_service_says_when_to_come_back(client: httpx.AsyncClient, service: PlainService) -> None:
    service.failure = Overloaded("full", "later", 1.2)
    response = await client.post("/predict", json={"image": as_base64(png())})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"


async def test_requests_beyond_what_the_gateway_takes_are_refused_at_once_and_the_next_is_answered(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    whole = service.read_page

    async def waiting(data: bytes, request: ReadRequest) -> Page:
        await released.wait()
        return await whole(data, request)

    monkeypatch.setattr(service, "read_page", waiting)
    body = {"image": as_base64(png())}
    held = [asyncio.create_task(client.post("/predict_text", json=body)) for _ in range(2)]
    await asyncio.sleep(0.01)
    for path, content in (("/predict_text", body), ("/predict", body), ("/batch_predict", {"images": []})):
        response = await client.post(path, json=content)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert ErrorAnswer.model_validate(response.json()).error.code == "overloaded"
    assert (await client.get("/health")).status_code == 200
    released.set()
    assert [(await task).status_code for task in held] == [200, 200]
    assert (await client.post("/predict", json={"image": "bad"})).status_code == 400
    assert (await client.post("/predict_text", json=body)).status_code == 200


async def test_a_bug_is_a_500_that_tells_nothing_of_the_inside(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    service.failure = ZeroDivisionError("secret detail")
    response = await client.post("/predict", json={"image": as_base64(png())})
    assert response.status_code == 500
    assert ErrorAnswer.model_validate(response.json()).error.code == "internal_failure"
    assert "secret" not in response.text


async def test_health_is_about_the_process_and_ready_about_the_engines(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    assert (await client.get("/health")).json() == {"status": "alive"}
    assert (await client.get("/ready")).json() == {
        "status": "ready",
        "engines": ["a"],
        "missing": {"b": "no model", "lines": "starting"},
        "page_s": 2.5,
    }
    service.warm = False
    assert (await client.get("/health")).status_code == 200
    response = await client.get("/ready")
    assert response.status_code == 503
    assert "retry-after" in response.headers


async def test_ready_wants_a_page_that_was_read_once() -> None:
    service = PlainService()
    service.page_s, service.page_problem = None, "the engines needed more than 30 s"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app_over(service)), base_url="http://localhost"
    ) as client:
        response = await client.get("/ready")
        assert response.status_code == 503
        assert "no page was read yet: the engines needed more than 30 s" in response.json()["error"]["message"]
        service.page_s = 2.0
        assert (await client.get("/ready")).status_code == 200
        service.page_s = None  # a Router that came later, and has not read its page yet
        assert (await client.get("/ready")).status_code == 200


async def test_ready_can_do_without_a_page() -> None:
    service = PlainService()
    service.page_s = None
    app = Whole(service, plain_config(ready_page=False)).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/ready")).status_code == 200


async def test_ready_can_be_waited_for(client: httpx.AsyncClient, service: PlainService) -> None:
    service.warm = False

    async def warm_later() -> None:
        await asyncio.sleep(0.1)
        service.warm = True

    waiting = asyncio.create_task(warm_later())
    assert (await client.get("/ready?wait=30")).json()["status"] == "ready"
    await waiting
    service.warm = False
    assert (await client.get("/ready?wait=0.1")).status_code == 503
    refused = await client.get("/ready?wait=for-ever")
    assert (refused.status_code, "wait" in refused.json()["error"]["message"]) == (422, True)


async def test_one_caller_waits_for_readiness_so_many_times_and_others_too(
    client: httpx.AsyncClient, service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.gateway.gateway_api._WAITING_OF_ONE_CALLER", 1)
    service.warm = False
    asked = [asyncio.create_task(client.get("/ready?wait=60")) for _ in range(2)]
    done, left = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    [refused], [waiting] = done, left
    assert (refused.result().status_code, "requests of yours wait" in refused.result().text) == (503, True)
    assert "wait=60" in (await client.get("/ready")).text
    service.warm = True
    assert (await waiting).status_code == 200
    assert (await client.get("/ready?wait=60")).status_code == 200


async def test_status_shows_every_configured_engine(client: httpx.AsyncClient) -> None:
    status = StatusAnswer.model_validate((await client.get("/status")).json())
    assert status.status == "degraded"
    assert status.version == "1.2.3"
    assert {name: (engine.available, engine.detail) for name, engine in status.engines.items()} == {
        "a": (True, ""),
        "b": (False, "no model"),
        "lines": (False, "starting"),
    }
    assert status.engines["a"].weight["general"] == 0.5
    assert status.engines["a"].replicas == 2


async def test_an_engine_that_is_left_out_degrades_the_service_and_status_says_so(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    service.circuits = {"a": CircuitState.OPEN}
    status = StatusAnswer.model_validate((await client.get("/status")).json())
    assert {name: engine.circuit for name, engine in status.engines.items()} == {
        "a": "open",
        "b": "closed",
        "lines": "closed",
    }
    assert status.status == "degraded"


async def test_unknown_routes_and_methods_have_the_same_error_shape(client: httpx.AsyncClient) -> None:
    for response, status in ((await client.get("/nowhere"), 401), (await client.get("/predict"), 405)):
        assert response.status_code == status
        ErrorAnswer.model_validate(response.json())


async def test_openapi_describes_the_three_ways_to_send_an_image(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/predict_text"]["post"]["requestBody"]["content"]
    assert set(body) == {
        "application/json",
        "multipart/form-data",
        "image/*",
        "application/octet-stream",
        "application/pdf",
    }
    assert body["application/json"]["schema"]["required"] == ["image"]
    assert (await client.get("/docs")).status_code == 200


async def test_a_batch_is_counted_before_anything_is_made_of_it(client: httpx.AsyncClient) -> None:
    for images in (["x"] * 4, [""] * 1000, [1, 2, 3, 4]):
        response = await client.post("/batch_predict", json={"images": images})
        assert response.status_code == 422
        assert "the limit is 3" in ErrorAnswer.model_validate(response.json()).error.message


@pytest.mark.parametrize("path", ["/predict", "/predict_text", "/batch_predict"])
async def test_a_body_of_very_many_small_values_is_refused_unparsed(client: httpx.AsyncClient, path: str) -> None:
    body = b'{"images": [' + b"0," * 5000 + b"0]}"
    response = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert "values" in ErrorAnswer.model_validate(response.json()).error.message


@pytest.mark.parametrize("path", ["/predict", "/predict_text", "/batch_predict"])
async def test_a_body_that_is_made_of_escapes_is_refused_unparsed(client: httpx.AsyncClient, path: str) -> None:
    body = b'{"image": "' + b" \\n" * 5000 + b'"}'
    response = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert "escapes" in ErrorAnswer.model_validate(response.json()).error.message


async def test_a_query_of_very_many_names_is_answered_like_any_other(client: httpx.AsyncClient) -> None:
    query = "&".join(f"x{number}=1" for number in range(3000))
    response = await client.post(f"/predict?{query}", content=png(), headers={"content-type": "image/png"})
    assert response.status_code == 400
    assert "unknown option" in ErrorAnswer.model_validate(response.json()).error.message
