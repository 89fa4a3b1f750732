"""The routes of those who run the cluster, over ASGI with a cluster of one node in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deployments.config.api_keys import Role, hashed
from deployments.gateway.access.route_roles import ROLES
from deployments.gateway.admin_api import expected_version
from ocr.contract import (
    CharacterAnswer,
    ConfigAnswer,
    ErrorAnswer,
    LogRecord,
    LogsAnswer,
    PerformanceAnswer,
    SelfTestAnswer,
)
from ocr.errors import OutOfRange, Overloaded
from tests.fakes.plain_service import PlainService, Whole, as_base64, plain_config, png

ADMIN = {"X-API-Key": "boss"}
BODY = {"image": as_base64(png())}


@pytest.fixture
def whole() -> Whole:
    security = {"admin_api_keys": [hashed("boss")]}
    return Whole(PlainService(), plain_config(security=security, profiles={"forms": {"a": 1.0}}))


@pytest.fixture
async def client(whole: Whole) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(whole.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN) as client:
        yield client


async def test_the_configuration_shows_every_value_and_where_it_comes_from(client: httpx.AsyncClient) -> None:
    response = await client.get("/config")
    answer = ConfigAnswer.model_validate(response.json())
    assert (answer.version, answer.live, answer.changed_at) == (0, {}, None)
    assert response.headers["etag"] == '"0"'
    assert answer.values["limits.timeout_s"].layer == "default"
    assert answer.values["engines"].layer == "file"
    assert answer.values["security.admin_api_keys"].value == ["***"]
    assert hashed("boss") not in response.text


async def test_a_change_is_in_force_for_the_next_request_which_names_its_version(
    client: httpx.AsyncClient, whole: Whole
) -> None:
    response = await client.put("/config", json={"method": "majority_voting", "limits": {"timeout_s": 7}})
    assert response.status_code == 200
    assert response.headers["etag"] == '"1"'
    answer = ConfigAnswer.model_validate(response.json())
    assert answer.live == {"method": "majority_voting", "limits": {"timeout_s": 7.0}}
    assert answer.values["limits.timeout_s"].layer == "live"
    assert answer.changed_at is not None
    read = CharacterAnswer.model_validate((await client.post("/predict", json=BODY)).json())
    assert (read.method, read.config_version) == ("majority_voting", 1)


async def test_a_change_replaces_the_live_layer_and_an_empty_one_returns_to_what_was_deployed(
    client: httpx.AsyncClient,
) -> None:
    await client.put("/config", json={"log_level": "DEBUG"})
    second = ConfigAnswer.model_validate((await client.put("/config", json={"log_text": True})).json())
    assert second.values["log_level"].layer == "default"
    third = ConfigAnswer.model_validate((await client.put("/config", json={})).json())
    assert (third.version, third.values["log_text"].value) == (3, False)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"profile": "martian"}, "unknown profile 'martian'"),
        ({"profiles": {"mine": {"oracle": 1}}}, "unknown engine 'oracle'"),
        ({"profiles": {"mine": {"a": 0, "b": 0}}}, "zero"),
        ({"limits": {"timeout_s": -1}}, "limits.timeout_s"),
        ({"limits": {"max_pixels": "many"}}, "limits.max_pixels"),
        ({"colour": "red"}, "colour"),
        ({"engines": []}, "cannot be changed"),
        ({"security": {}}, "cannot be changed"),
        ({"monitor": {"self_test_samples": 0}}, "self_test_samples"),
        ({"thresholds": {"accept": 0.9}}, "thresholds.accept"),
    ],
)
async def test_a_change_with_anything_wrong_in_it_is_refused_whole(
    client: httpx.AsyncClient, document: dict[str, Any], words: str
) -> None:
    response = await client.put("/config", json={"log_level": "DEBUG", **document})
    assert response.status_code == 422
    assert words in ErrorAnswer.model_validate(response.json()).error.message
    answer = ConfigAnswer.model_validate((await client.get("/config")).json())
    assert (answer.version, answer.values["log_level"].value) == (0, "INFO")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"limits": {"timeout_s": NaN}}', "application/json", 422),
        (b'{"cache": {"max_mb": Infinity}}', "application/json", 422),
    ],
)
async def test_what_is_not_a_configuration_at_all_is_refused_too(
    client: httpx.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    response = await client.put("/config", content=content, headers={"content-type": kind})
    assert response.status_code == status, response.text


async def test_of_two_who_changed_the_same_version_the_second_is_told(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/config")).headers["etag"]
    first = await client.put("/config", json={"log_level": "DEBUG"}, headers={"If-Match": etag})
    second = await client.put("/config", json={"log_level": "ERROR"}, headers={"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert ErrorAnswer.model_validate(second.json()).error.code == "outdated"
    again = await client.put("/config", json={"log_level": "ERROR"}, headers={"If-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert (await client.put("/config", json={}, headers={"If-Match": "*"})).status_code == 200


@pytest.mark.parametrize("header", ["latest", '"1", "2"', '"-1"', ""])
def test_an_if_match_that_is_not_one_of_our_tags_is_refused(header: str) -> None:
    with pytest.raises(OutOfRange, match="If-Match"):
        expected_version(header)


async def test_weights_of_one_profile_change_and_everything_else_stays(client: httpx.AsyncClient) -> None:
    await client.put("/config", json={"log_level": "DEBUG"})
    response = await client.post("/config/weights", json={"profile": "printed", "weights": {"a": 0.2, "b": 0.9}})
    answer = ConfigAnswer.model_validate(response.json())
    assert answer.live == {"log_level": "DEBUG", "profiles": {"printed": {"a": 0.2, "b": 0.9}}}
    assert answer.values["profiles.forms"].layer == "file"
    await client.post("/config/weights", json={"profile": "mine", "weights": {"b": 1}})
    status = (await client.get("/status")).json()
    weights = status["engines"]["b"]["weight"]
    assert (weights["forms"], weights["general"], weights["mine"], weights["printed"]) == (0.0, 0.5, 1.0, 0.9)


async def test_weights_without_a_profile_are_those_of_every_profile_that_weighs(client: httpx.AsyncClient) -> None:
    answer = ConfigAnswer.model_validate((await client.post("/config/weights", json={"weights": {"b": 1}})).json())
    assert set(answer.live["profiles"]) == {"forms", "general", "printed"}
    assert (await client.post("/predict", json=BODY)).json()["config_version"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"weights": {"oracle": 1}}, 422),
        ({"weights": {"a": -1}}, 422),
        ({"weights": {"a": 0}}, 422),
        ({"weights": {}}, 422),
        ({"weights": {"a": 1}, "colour": "red"}, 400),
        ({}, 400),
    ],
)
async def test_weights_that_make_no_sense_change_nothing(
    client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await client.post("/config/weights", json=body)).status_code == status
    assert (await client.get("/config")).json()["version"] == 0


async def test_weights_for_an_outdated_version_are_refused(client: httpx.AsyncClient) -> None:
    await client.put("/config", json={})
    body = {"weights": {"a": 1}}
    assert (await client.post("/config/weights", json=body, headers={"If-Match": '"0"'})).status_code == 412
    assert (await client.post("/config/weights", json=body, headers={"If-Match": '"1"'})).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PUT", "/config"), ("POST", "/config/weights"), ("POST", "/test")])
async def test_nothing_is_taken_of_a_body_that_is_announced_as_too_large(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(True)
        yield b"{}"

    headers = {"content-length": "1000001", "content-type": "application/json"}
    response = await client.request(method, path, content=body(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    assert not taken


async def test_a_live_rate_limit_and_a_live_upload_limit_count_at_once(client: httpx.AsyncClient) -> None:
    limits = {"max_request_mb": 0.0001, "requests_per_minute": 2}
    assert (await client.put("/config", json={"limits": limits})).status_code == 200
    statuses = [(await client.post("/predict", json=BODY)).status_code for _ in range(3)]
    assert statuses == [413, 413, 429]


async def test_identical_requests_are_answered_from_memory_only_when_that_is_on_and_nothing_changed(
    client: httpx.AsyncClient, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.plain_service.REPORTS", ())
    for _ in range(2):
        await client.post("/predict_text", json=BODY)
    assert len(whole.service.requests) == 2
    await client.put("/config", json={"cache": {"entries": 10}})
    for _ in range(3):
        assert (await client.post("/predict_text", json=BODY)).json()["text"] == "Hi"
    assert len(whole.service.requests) == 3
    await client.post("/predict_text", json={**BODY, "weights": {"a": 1}})
    await client.post("/predict_text", json={**BODY, "explain": True})
    assert len(whole.service.requests) == 5
    await client.put("/config", json={"cache": {"entries": 10}, "method": "majority_voting"})
    assert (await client.post("/predict_text", json=BODY)).json()["method"] == "majority_voting"
    assert len(whole.service.requests) == 6


async def test_openapi_tells_which_routes_want_an_administrators_key(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    keyed = {
        path for path, methods in schema["paths"].items() if any("security" in found for found in methods.values())
    }
    assert keyed == {path for path, role in ROLES.items() if role is Role.ADMIN}
    [scheme] = schema["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")


async def test_metrics_are_those_of_the_cluster_in_prometheus_format(client: httpx.AsyncClient, whole: Whole) -> None:
    whole.nodes.page = EXPORTED
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'ray_ocr_requests_total{deployment="Gateway",route="/predict",status="200"} 8.0' in response.text
    assert "WorkerId" not in response.text
    assert "ray_serve" not in response.text


async def test_performance_is_computed_from_the_metrics(client: httpx.AsyncClient, whole: Whole) -> None:
    whole.nodes.page = EXPORTED
    answer = PerformanceAnswer.model_validate((await client.get("/performance")).json())
    assert (answer.requests, answer.error_rate) == (10, 0.2)
    predict = answer.routes["/predict"]
    assert predict.by_status == {"200": 8, "503": 2}
    assert predict.p50_ms == pytest.approx(125.0)
    assert answer.engines["tesseract"].outcomes == {"ok": 9, "timeout": 1}
    assert answer.engines["tesseract"].agreement == pytest.approx(0.75)
    assert (answer.confidence.high, answer.confidence.low, answer.confidence.medium) == (6, 0, 1)


async def test_performance_of_a_cluster_that_was_never_asked_is_empty_and_not_an_error(
    client: httpx.AsyncClient,
) -> None:
    answer = PerformanceAnswer.model_validate((await client.get("/performance")).json())
    assert (answer.requests, answer.error_rate, answer.mean_confidence, answer.routes) == (0, 0.0, None, {})


async def test_logs_are_asked_of_the_nodes_with_recognised_text_only_where_the_configuration_allows_it(
    client: httpx.AsyncClient, whole: Whole
) -> None:
    whole.nodes.records = [
        LogRecord(
            time=datetime.now(UTC), level="INFO", message="m", component="Router", replica="r", node="n", request_id="q"
        )
    ]
    answer = LogsAnswer.model_validate((await client.get("/logs?limit=5&level=ERROR&component=Router")).json())
    assert (len(answer.records), answer.nodes) == (1, 1)
    await client.put("/config", json={"log_text": True})
    await client.get("/logs")
    first, second = whole.nodes.queries
    assert (first.options.limit, first.options.level, first.options.component, first.text) == (
        5,
        "ERROR",
        "Router",
        False,
    )
    assert second.text


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=0", 422), ("limit=x", 422), ("level=LOUD", 422), ("colour=red", 400), ("limit=1&limit=2", 400)],
)
async def test_logs_refuse_what_they_do_not_know(client: httpx.AsyncClient, query: str, status: int) -> None:
    response = await client.get(f"/logs?{query}")
    assert response.status_code == status
    ErrorAnswer.model_validate(response.json())


async def test_the_self_test_compares_what_is_read_with_what_was_drawn(client: httpx.AsyncClient, whole: Whole) -> None:
    answer = SelfTestAnswer.model_validate((await client.post("/test", json={"samples": 7})).json())
    assert (answer.samples, answer.answered, answer.succeeded, answer.success_rate) == (7, 7, 0, 0.0)
    assert answer.average_confidence == pytest.approx(0.9)
    assert answer.throughput_per_s > 0
    assert len({*whole.service.images}) > 1
    one = SelfTestAnswer.model_validate((await client.post("/test", json={"samples": 40, "task": "character"})).json())
    assert 0 < one.succeeded < 40  # the service says Q to everything, and some samples are a Q


async def test_the_self_test_of_a_service_that_fails_says_why(client: httpx.AsyncClient, whole: Whole) -> None:
    whole.service.failure = Overloaded("full", "later", 1.0)
    answer = SelfTestAnswer.model_validate((await client.post("/test", json={"samples": 3})).json())
    assert (answer.answered, answer.average_confidence, answer.failures) == (0, None, {"overloaded": 3})


@pytest.mark.parametrize(
    ("body", "status"),
    [({"samples": 0}, 422), ({"samples": 501}, 422), ({"engines": ["oracle"]}, 422), ({"x": 1}, 400)],
)
async def test_the_self_test_refuses_what_it_does_not_know(
    client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await client.post("/test", json=body)).status_code == status


EXPORTED = """\
# HELP ray_serve_num_requests_total Ray's own.
# TYPE ray_serve_num_requests_total counter
ray_serve_num_requests_total{WorkerId="1"} 99.0
# HELP ray_ocr_requests_total HTTP requests that were answered.
# TYPE ray_ocr_requests_total counter
ray_ocr_requests_total{WorkerId="1",SessionName="s",deployment="Gateway",route="/predict",status="200"} 5.0
ray_ocr_requests_total{WorkerId="2",SessionName="s",deployment="Gateway",route="/predict",status="200"} 3.0
ray_ocr_requests_total{WorkerId="2",SessionName="s",deployment="Gateway",route="/predict",status="503"} 2.0
# HELP ray_ocr_request_seconds Seconds.
# TYPE ray_ocr_request_seconds histogram
ray_ocr_request_seconds_bucket{WorkerId="1",route="/predict",le="0.1"} 4.0
ray_ocr_request_seconds_bucket{WorkerId="1",route="/predict",le="0.2"} 8.0
ray_ocr_request_seconds_bucket{WorkerId="1",route="/predict",le="+Inf"} 10.0
ray_ocr_request_seconds_count{WorkerId="1",route="/predict"} 10.0
ray_ocr_request_seconds_sum{WorkerId="1",route="/predict"} 2.0
# HELP ray_ocr_engine_outcomes_total Outcomes.
# TYPE ray_ocr_engine_outcomes_total counter
ray_ocr_engine_outcomes_total{WorkerId="3",engine="tesseract",outcome="ok"} 9.0
ray_ocr_engine_outcomes_total{WorkerId="3",engine="tesseract",outcome="timeout"} 1.0
# HELP ray_ocr_engine_readings_total Readings.
# TYPE ray_ocr_engine_readings_total counter
ray_ocr_engine_readings_total{WorkerId="3",engine="tesseract",agrees="yes"} 30.0
ray_ocr_engine_readings_total{WorkerId="3",engine="tesseract",agrees="no"} 10.0
# HELP ray_ocr_answers_total Answers.
# TYPE ray_ocr_answers_total counter
ray_ocr_answers_total{WorkerId="3",task="text",band="high"} 6.0
ray_ocr_answers_total{WorkerId="3",task="text",band="medium"} 1.0
"""
