"""A service that answers by the contract from a script, for those who ask: clients and the command line.

`FakeService` is an httpx handler (for MockTransport) that remembers what it was asked; `listening` puts one behind a
real socket on loopback.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from pydantic import BaseModel

from ocr.contract import (
    BatchAnswer,
    CharacterAnswer,
    CharacterPrediction,
    ComponentStatus,
    ConfigAnswer,
    ConfigValue,
    DocumentAnswer,
    EngineStatus,
    ErrorAnswer,
    FailedItem,
    FailedPage,
    LineAnswer,
    PageAnswer,
    Problem,
    StatusAnswer,
    TextAnswer,
    TextPrediction,
)
from ocr.errors import QuorumError, ServiceError, TooManyPages

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def text_answer(text: str = "Hello,\nworld", *, engines: tuple[str, ...] = ("tesseract", "paddleocr")) -> TextAnswer:
    """A page on which every engine of `engines` read `text`; trocr is unavailable."""
    spoke = {
        name: TextPrediction(text=text, confidence=0.9, status="ok", latency_ms=12.5, model=f"{name}@1")
        for name in engines
    }
    absent = TextPrediction(
        text="", confidence=0.0, status="unavailable", latency_ms=0.0, model="", detail="no model is bundled"
    )
    return TextAnswer(
        text=text,
        width=640,
        height=480,
        lines=[
            LineAnswer(text=line, confidence=0.9, polygon=((0, 0), (9, 0), (9, 9), (0, 9)), block=0, words=[])
            for line in text.splitlines()
        ],
        characters=[],
        engine_predictions={**spoke, "trocr": absent},
        confidence=0.9,
        method="confidence_weighted",
        profile="general",
        processing_time_ms=42.0,
        accepted=True,
        needs_review=False,
        band="high",
        degraded=True,
        timestamp=NOW,
    )


def document_answer(*texts: str) -> DocumentAnswer:
    """A document with one page per text; its last page failed."""
    pages = [PageAnswer(page=number, **dict(text_answer(text))) for number, text in enumerate(texts, 1)]
    failed = FailedPage(page=len(texts) + 1, error=Problem(code="not_an_image", message="no", hint="send it again"))
    told = {name: value for name, value in pages[0] if name in DocumentAnswer.model_fields}
    return DocumentAnswer(
        **{**told, "text": "\n\n".join(texts), "pages": [*pages, failed], "page_count": len(texts) + 1},
        succeeded=len(texts),
    )


def character_answer(character: str = "A") -> CharacterAnswer:
    said = CharacterPrediction(character=character, confidence=0.8, status="ok", latency_ms=3.0, model="emnist_cnn@1")
    return CharacterAnswer(
        character=character,
        engine_predictions={"emnist_cnn": said},
        confidence=0.8,
        method="majority_voting",
        profile="general",
        processing_time_ms=5.0,
        accepted=True,
        needs_review=False,
        band="high",
        degraded=False,
        timestamp=NOW,
    )


def status_answer(status: str = "ready", *, available: tuple[str, ...] = ("tesseract", "paddleocr")) -> StatusAnswer:
    """`available` engines and trocr, which is not."""
    engines = {
        name: EngineStatus(
            available=name in available,
            model=f"{name}@1" if name in available else "",
            detail="" if name in available else "no model is bundled",
            scopes=["line"],
            weight={"general": 0.2},
            replicas=1,
            cpus=0.2,
            gpu_fraction=0.0,
            threads=1,
            load_seconds=1.5,
            memory_mb=120.0,
        )
        for name in (*available, "trocr")
    }
    components = {"Gateway": ComponentStatus(status="HEALTHY", message="", replicas=1)}
    return StatusAnswer.model_validate(
        {
            "status": status,
            "version": "0.2.0",
            "uptime_s": 61.0,
            "engines": engines,
            "components": components,
            "methods": ["majority_voting"],
            "profiles": ["general"],
        }
    )


def config_answer(version: int = 3, live: dict[str, object] | None = None) -> ConfigAnswer:
    """The configuration of a service on which a time limit was changed."""
    values = {
        "limits.timeout_s": ConfigValue(value=20.0, layer="live", live=True),
        "redis_url": ConfigValue(value="***", layer="environment", live=False),
    }
    return ConfigAnswer(version=version, changed_at=NOW, live=live or {"limits": {"timeout_s": 20.0}}, values=values)


@dataclass
class FakeService:
    """Answers each route with `answers[path]`: an answer of the contract, an error to refuse with, or a response."""

    answers: dict[str, BaseModel | QuorumError | httpx.Response] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        failed = FailedItem(error=Problem(code="not_an_image", message="no", hint="send an image"))
        batch = BatchAnswer(results=[text_answer(), failed], count=2, succeeded=1, processing_time_ms=50.0)
        usual = {
            "/predict": character_answer(),
            "/predict_text": text_answer(),
            "/batch_predict": batch,
            "/status": status_answer(),
            "/config": config_answer(),
            "/config/weights": config_answer(4),
        }
        self.answers = {**usual, **self.answers}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers[request.url.path]
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, QuorumError):
            return refusal(answer)
        return httpx.Response(200, content=answer.model_dump_json())

    @property
    def last(self) -> httpx.Request:
        return self.asked[-1]

    def last_json(self) -> object:
        return json.loads(self.last.content)


def refusal(error: QuorumError) -> httpx.Response:
    max_pages = error.max_pages if isinstance(error, TooManyPages) else None
    body = ErrorAnswer(error=Problem(code=error.code, message=error.message, hint=error.hint, max_pages=max_pages))
    retry_after_s = error.retry_after_s if isinstance(error, ServiceError) else None
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:.0f}"}
    return httpx.Response(error.http_status, content=body.model_dump_json(), headers=headers)


@contextmanager
def listening(service: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """The URL of a real HTTP server on loopback that answers as `service` does."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://{self.headers['Host']}{self.path}"
            response = service(httpx.Request(self.command, url, headers=dict(self.headers), content=body))
            self.send_response(response.status_code)
            self.send_header("Content-Length", str(len(response.content)))
            for name in ("Retry-After",):
                if name in response.headers:
                    self.send_header(name, response.headers[name])
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names are http.server's

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
