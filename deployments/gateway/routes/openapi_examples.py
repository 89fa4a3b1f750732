"""An example of each answer in the description of the routes: made with the types of the contract and the writers of
the formats, so that they cannot say what the service would not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from deployments.gateway.error_responses import error_answer
from deployments.gateway.formats import OutputPage, formats
from deployments.gateway.rendering import timings_answer
from deployments.gateway.routes.content_negotiation import JSON, NDJSON
from deployments.gateway.routes.review_examples import review_examples
from ocr import TimedStep
from ocr.contract import (
    Bands,
    BatchAnswer,
    CharacterAnswer,
    CharacterPlace,
    CharacterPrediction,
    ComponentStatus,
    ConfigAnswer,
    ConfigValue,
    DocumentAnswer,
    EnginePerformance,
    EngineStatus,
    FailedItem,
    HealthAnswer,
    Latency,
    LineAnswer,
    LogRecord,
    LogsAnswer,
    PageAnswer,
    PerformanceAnswer,
    Problem,
    ReadyAnswer,
    RoutePerformance,
    SelfTestAnswer,
    StatusAnswer,
    StreamEnd,
    TextAnswer,
    TextPrediction,
    WordAnswer,
)
from ocr.errors import (
    DeadlineExceeded,
    Expired,
    Forbidden,
    InternalFailure,
    InvalidRequest,
    NotAcceptable,
    NotAnImage,
    NotFinished,
    NotFound,
    NotReady,
    Outdated,
    OutOfRange,
    Overloaded,
    QuorumError,
    RateLimited,
    TooLarge,
    Unauthorized,
    UnsupportedFormat,
)
from ocr.job_contract import (
    JobAnswer,
    JobFileAnswer,
    JobPage,
    JobPause,
    JobsAnswer,
    JobState,
    PageProblem,
)

_NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
_JUDGED = {
    "method": "confidence_weighted",
    "profile": "printed",
    "accepted": True,
    "needs_review": False,
    "band": "high",
    "timestamp": _NOW,
}
_LATENCY = Latency(count=120, mean_ms=48.0, p50_ms=41.0, p90_ms=80.0, p95_ms=95.0, p99_ms=140.0)

_ERRORS: Mapping[int, QuorumError] = {
    400: InvalidRequest("unknown option 'colour'", "the options here are classes, engines, method, profile"),
    401: Unauthorized("this needs an API key", "send it in the header X-API-Key"),
    403: Forbidden("this API key may read but not administer", "use a key of ADMIN_API_KEYS"),
    406: NotAcceptable("Accept asks for nothing that this route answers", f"it answers {JSON}, {NDJSON}"),
    412: Outdated("the configuration is not at version 3 any more", "GET /config, and make the change again"),
    413: TooLarge("the body has 12000000 bytes or more; the limit is 10000000", "send a smaller file"),
    404: NotFound("there is no job '4f0c' of yours", "GET /jobs lists them"),
    409: NotFinished("no page of this job is read yet", "ask again later; GET /jobs/{id} tells how far it is"),
    410: Expired("what this job held is deleted: it is expired", "submit it again"),
    415: UnsupportedFormat("cannot read a body of type text/yaml", "send application/json, image/* or application/pdf"),
    422: OutOfRange("unknown engine 'oracle' in the request", "known are tesseract, paddleocr"),
    429: RateLimited("more than 600 requests in a minute", "wait 7 s", 7.0),
    500: InternalFailure("the service failed on this request", "try again; the log has the details"),
    503: Overloaded("128 requests are being read, as many as this gateway takes at once", "send it again later", 1.0),
    504: DeadlineExceeded("no engine answered in time (tesseract: timeout)", "give more time with timeout_s", 1.0),
}
_NOT_READY = NotReady("not ready: 1 of the 2 engines that are needed are warm", "try again in a few seconds", 5.0)
_NOT_AN_IMAGE = FailedItem(error=error_answer(NotAnImage("the bytes are no image", "send PNG or JPEG")).error)


def add_examples(app: FastAPI) -> None:
    """Have the application describe itself with an example of each answer."""
    describe: Callable[[], dict[str, Any]] = app.openapi

    @cache
    def described() -> dict[str, Any]:
        description = describe()
        for path, item in description["paths"].items():
            for method, route in item.items():
                for status, answer in route["responses"].items():
                    _fill(answer.get("content", {}), _examples(method.upper(), path, int(status)))
        return description

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to change the description


def _fill(content: dict[str, Any], examples: Mapping[str, object]) -> None:
    for kind, example in examples.items():
        if kind in content:
            content[kind]["example"] = example


def _examples(method: str, path: str, status: int) -> Mapping[str, object]:
    """Media type -> example, of one answer of one route."""
    if status in (200, 201, 202):
        return _answers()[method, path]
    if status == 426:
        problem = Problem(code="upgrade_required", message="/stream is a WebSocket", hint="connect to it with ws://")
        return {JSON: {"error": problem.model_dump(mode="json")}}
    error = _NOT_READY if path == "/ready" else _ERRORS.get(status)
    return {} if error is None else {JSON: _plain(error_answer(error))}


@cache
def _answers() -> Mapping[tuple[str, str], Mapping[str, object]]:
    config = {JSON: _plain(_config())}
    return {
        ("POST", "/predict"): {JSON: _plain(_character())},
        ("POST", "/predict_text"): _texts(),
        ("POST", "/batch_predict"): _batches(),
        ("GET", "/health"): {JSON: _plain(HealthAnswer())},
        ("GET", "/ready"): {JSON: _plain(ReadyAnswer(engines=["tesseract", "paddleocr"]))},
        ("GET", "/status"): {JSON: _plain(_status())},
        ("GET", "/config"): config,
        ("PUT", "/config"): config,
        ("POST", "/config/weights"): config,
        ("GET", "/metrics"): {
            "text/plain": 'ray_ocr_requests_total{application="quorum",route="/predict",status="200"} 120.0\n'
        },
        ("GET", "/logs"): {JSON: _plain(_logs())},
        ("GET", "/performance"): {JSON: _plain(_performance())},
        ("POST", "/test"): {JSON: _plain(_self_test())},
        ("POST", "/jobs"): {JSON: _plain(_job("queued"))},
        ("GET", "/jobs"): {JSON: _plain(JobsAnswer(jobs=[_job("running")], next="1767355200.25"))},
        ("GET", "/jobs/{job}"): {JSON: _plain(_job("running"))},
        ("DELETE", "/jobs/{job}"): {JSON: _plain(_job("cancelled"))},
        ("GET", "/jobs/{job}/result"): _results(),
        **review_examples(),
    }


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


def _character() -> CharacterAnswer:
    said = CharacterPrediction(
        confidence=0.97, status="ok", latency_ms=21.0, model="emnist-cnn@0.5.0", character="7", alternatives={"1": 0.02}
    )
    late = CharacterPrediction(
        confidence=0.0, status="timeout", latency_ms=500.0, model="", character=None, detail="no answer in time"
    )
    return CharacterAnswer(
        **_JUDGED,
        confidence=0.97,
        processing_time_ms=37.0,
        degraded=True,
        character="7",
        engine_predictions={"emnist_cnn": said, "tesseract": late},
    )


def _timings() -> tuple[TimedStep, ...]:
    """Where 61 ms went."""
    segmentation = (TimedStep("decode", "Segmentation", 0.002), TimedStep("find lines", "Segmentation", 0.01))
    read = tuple(
        TimedStep.of_call(name, "Router", name, seconds + 0.005, (TimedStep("inference", name, seconds),))
        for name, seconds in {"tesseract": 0.035, "paddleocr": 0.025}.items()
    )
    told = (
        TimedStep.of_call("segmentation", "Router", "Segmentation", 0.014, segmentation),
        TimedStep("engines", "Router", 0.04, read, parallel=True),
        TimedStep("fusion", "Router", 0.001),
    )
    ensemble = TimedStep.of_call("ensemble", "Gateway", "Router", 0.059, told)
    return TimedStep("receive", "Gateway", 0.001), ensemble, TimedStep("render", "Gateway", 0.001)


def _text() -> TextAnswer:
    place = ((20.0, 30.0), (60.0, 30.0), (60.0, 50.0), (20.0, 50.0))
    word = WordAnswer(text="Hi", confidence=0.95, polygon=place, votes={"tesseract": "Hi", "paddleocr": "Hi"})
    characters = [
        CharacterPlace(character=letter, confidence=0.95, bounding_box=(20 + 20 * at, 30, 20, 20))
        for at, letter in enumerate("Hi")
    ]
    said = TextPrediction(confidence=0.95, status="ok", latency_ms=40.0, model="tesseract@5.3.0", text="Hi")
    return TextAnswer(
        **_JUDGED,
        confidence=0.95,
        processing_time_ms=61.0,
        degraded=False,
        text="Hi",
        width=200,
        height=100,
        lines=[LineAnswer(text="Hi", confidence=0.95, polygon=place, block=0, words=[word])],
        characters=characters,
        engine_predictions={"tesseract": said, "paddleocr": said.model_copy(update={"model": "PP-OCRv6-small@1"})},
        timings=timings_answer(_timings()),
    )


def _texts() -> Mapping[str, object]:
    text = _text()
    page, end = PageAnswer(page=1, **dict(text)), StreamEnd(count=1, succeeded=1, processing_time_ms=61.0)
    files = {
        output_format.media_type: output_format.write(text, [OutputPage(1, text, None)]).content.decode()
        for output_format in formats().values()
        if not (output_format.needs_picture or output_format.is_archive or output_format.media_type == JSON)
    }
    return {JSON: _plain(text), NDJSON: _lines(page, end), **files}


def _batches() -> Mapping[str, object]:
    results = [_character(), _NOT_AN_IMAGE]
    end = StreamEnd(count=2, succeeded=1, processing_time_ms=44.0)
    answer = BatchAnswer(results=results, count=2, succeeded=1, processing_time_ms=44.0)
    return {JSON: _plain(answer), NDJSON: _lines(*results, end)}


def _job(state: JobState) -> JobAnswer:
    begun = state != "queued"
    return JobAnswer(
        id="4f0c2b6e9d1a4c57b1f3a8e2d6c9075b",
        state=state,
        task="text",
        priority="batch",
        formats=["pdf", "json"],
        created_at=_NOW,
        started_at=_NOW if begun else None,
        finished_at=_NOW if state == "cancelled" else None,
        expires_at=_NOW + timedelta(days=1),
        pages_total=400 if begun else None,
        pages_done=120 if begun else 0,
        pages_failed=1 if begun else 0,
        seconds_left=336.0 if state == "running" else None,
        files=[JobFileAnswer(name="minutes.pdf", bytes=48_000_000, pages=400 if begun else None, done=120, failed=1)],
        errors=[PageProblem(file=0, page=17, error=_NOT_AN_IMAGE.error)] if begun else [],
    )


def _results() -> Mapping[str, object]:
    page = JobPage(file=0, name="minutes.pdf", resume="0.0", answer=PageAnswer(page=1, **dict(_text())))
    pause = JobPause(end=False, resume="0.0", state="running", pages_done=1, pages_total=400)
    said = {name: value for name, value in page.answer if name in DocumentAnswer.model_fields}
    document = DocumentAnswer(**said, page_count=400, pages=[page.answer], succeeded=1)
    return {**_texts(), JSON: _plain(document), NDJSON: _lines(page, pause)}


def _lines(*models: BaseModel) -> str:
    return "".join(f"{model.model_dump_json()}\n" for model in models)


def _status() -> StatusAnswer:
    engine = EngineStatus(
        available=True,
        model="tesseract@5.3.0",
        detail="",
        scopes=["character", "line"],
        weight={"printed": 0.3},
        replicas=2,
        cpus=1.0,
        gpu_fraction=0.0,
        no_card="it runs on the processor alone",
        threads=1,
        load_seconds=1.2,
        memory_mb=170.0,
        memory_limit_mb=300.0,
    )
    return StatusAnswer(
        status="ready",
        version="0.2.0",
        uptime_s=3600.0,
        engines={"tesseract": engine},
        components={"Router": ComponentStatus(status="HEALTHY", message="", replicas=2)},
        methods=["confidence_weighted", "majority_voting", "weighted_voting"],
        profiles=["auto", "printed"],
    )


def _config() -> ConfigAnswer:
    return ConfigAnswer(
        version=3,
        changed_at=_NOW,
        live={"limits": {"timeout_s": 20.0}},
        values={"limits.timeout_s": ConfigValue(value=20.0, layer="live", live=True)},
    )


def _logs() -> LogsAnswer:
    record = LogRecord(
        time=_NOW,
        level="INFO",
        message="read a page of 12 lines",
        component="Router",
        replica="b1xk2m4p",
        node="10.0.0.7",
        request_id="6f1c1c8e-7f4e-4a7b-9f43-0b9c7d1e2a3b",
        fields={"confidence": 0.94, "engines": {"tesseract": "ok"}},
    )
    return LogsAnswer(records=[record], nodes=3, missing_nodes=[])


def _performance() -> PerformanceAnswer:
    latency = dict(_LATENCY)
    return PerformanceAnswer(
        requests=120,
        error_rate=0.0,
        routes={"/predict": RoutePerformance(**latency, by_status={"200": 118, "422": 2}, error_rate=0.0)},
        engines={"tesseract": EnginePerformance(**latency, outcomes={"ok": 120}, agreement=0.93)},
        confidence=Bands(high=101, medium=12, low=5),
        mean_confidence=0.91,
    )


def _self_test() -> SelfTestAnswer:
    return SelfTestAnswer(
        samples=10,
        answered=10,
        succeeded=9,
        success_rate=0.9,
        average_confidence=0.93,
        throughput_per_s=4.2,
        seconds=2.4,
        failures={},
    )
