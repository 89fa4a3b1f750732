"""Every route of a running service against the contract: the status and the schema of each answer, in one table.

    python -m benchmarks.inputs.conformance [--url http://127.0.0.1:8000 --admin-key KEY] [--out conformance.md]

Asks over HTTP and a WebSocket, good requests and bad ones. Starts the application as benchmarks/harness/serving.py
does, unless it is told where one runs; then the routes of administration need its key. A case passes when the status is
the one of the contract and the body is what the contract says: a type of ocr.contract, every line of a stream, or a
media type. Changes nothing that it does not change back.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import QUICK, SEVEN, URL, served_at
from benchmarks.inputs.bad_files import pdf_of_pages, png_of_size
from evaluation.environment import as_table, environment
from evaluation.markdown import document, records
from ocr import contract
from ocr.contract import ErrorAnswer, StreamEnd, TextAnswer
from ocr.job_contract import JobAnswer, JobsAnswer

_NDJSON = "application/x-ndjson"
_COLUMNS = {"method": ".case.method", "route": ".case.path", "request": ".case.what", "status": ".status"}
_COLUMNS |= {"body": ".body", "as it should be": ".as_it_should_be"}
_PAGE_LINE: TypeAdapter[Any] = TypeAdapter(contract.PageAnswer | contract.FailedPage | StreamEnd)
_BATCH_LINE: TypeAdapter[Any] = TypeAdapter(
    contract.CharacterAnswer | TextAnswer | contract.DocumentAnswer | contract.FailedItem | StreamEnd
)


Body = type[BaseModel] | TypeAdapter[Any] | str
"""A type of the contract, the type of every line, or a media type."""


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what has to come back."""

    method: str
    path: str
    what: str
    status: int
    body: Body
    sent: Mapping[str, Any] = field(default_factory=dict)
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    case: Case
    status: int
    problem: str

    @property
    def as_it_should_be(self) -> str:
        return self.problem or "yes"

    @property
    def body(self) -> str:
        """What was wanted, in words."""
        wanted = self.case.body
        if isinstance(wanted, str):
            return wanted
        return "a line each, then the end" if isinstance(wanted, TypeAdapter) else wanted.__name__


def cases() -> Iterator[Case]:
    yield from _state()
    yield from _character()
    yield from _text()
    yield from _documents()
    yield from _batch()
    yield from _jobs()
    yield from _administration()


def _state() -> Iterator[Case]:
    yield Case("GET", "/health", "the process lives", 200, contract.HealthAnswer)
    yield Case("GET", "/ready", "engines are warm", 200, contract.ReadyAnswer)
    yield Case("GET", "/status", "every component", 200, contract.StatusAnswer)
    yield Case("GET", "/metrics", "for Prometheus", 200, "text/plain")
    yield Case("GET", "/openapi.json", "the description", 200, "application/json")
    yield Case("GET", "/docs", "the description as a page", 200, "text/html")
    yield Case("GET", "/", "the page to drop an image on", 200, "text/html")
    yield Case("GET", "/stream", "asked without a WebSocket", 426, ErrorAnswer)
    yield Case("GET", "/nowhere", "no such route, without the administrator's key", 401, ErrorAnswer)
    yield Case("GET", "/predict", "no such method", 405, ErrorAnswer)


def _character() -> Iterator[Case]:
    image = SEVEN.read_bytes()
    encoded = base64.b64encode(image).decode()

    def one(what: str, status: int, **sent: object) -> Case:
        return Case("POST", "/predict", what, status, contract.CharacterAnswer if status == 200 else ErrorAnswer, sent)

    yield one("JSON", 200, json={"image": encoded, "classes": "digits", "timeout_s": 60})
    yield one("multipart", 200, files={"image": ("seven.png", image)}, data={"classes": "digits"})
    yield one("the file as it is", 200, content=image, headers={"content-type": "image/png"})
    yield one(
        "method, profile, timeout", 200, content=image, params={"method": "majority_voting", "profile": "general"}
    )
    yield one("broken base64", 400, json={"image": "no base64!"})
    yield one("no image", 400, json={"picture": encoded})
    yield one("unknown option", 400, json={"image": encoded, "colour": "red"})
    yield one("not JSON", 400, content=b"{", headers={"content-type": "application/json"})
    yield one("text instead of an image", 400, content=b"Dear reader")
    yield one("a header of 65,000 x 65,000", 413, content=png_of_size(65_000, 65_000))
    yield one("a GIF", 415, content=b"GIF89a")
    yield one("a PDF", 415, content=pdf_of_pages(1))
    yield one("a body that is no image", 400, content=b"a: b", headers={"content-type": "text/yaml"})
    yield one("an encoding that is not decoded", 415, content=image, headers={"content-encoding": "br"})
    yield one("unknown engine", 422, json={"image": encoded, "engines": ["oracle"]})
    yield one("negative weight", 422, json={"image": encoded, "weights": {"tesseract": -1}})
    yield one("unknown method", 422, json={"image": encoded, "method": "coin"})
    yield from _repeated(one, image)


def _repeated(one: Callable[..., Case], image: bytes) -> Iterator[Case]:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    yield one("an idempotency key", 200, content=image, headers=key)
    yield one("the same key and request", 200, content=image, headers=key)
    yield one("the same key, another request", 422, content=image, headers=key, params={"classes": "digits"})
    yield one("a key that is none", 422, content=image, headers={"Idempotency-Key": "a b"})


def _text() -> Iterator[Case]:
    image = QUICK.read_bytes()

    def one(what: str, body: Body, status: int = 200, **sent: object) -> Case:
        return Case("POST", "/predict_text", what, status, body, {"content": image, **sent})

    yield one("JSON", TextAnswer, params={"timeout_s": 60})
    yield one("every vote and reading", TextAnswer, params={"explain": "true", "lang": "en"})
    yield one("steps by name, with pictures", TextAnswer, params={"preprocess": "denoise,sharpen", "pictures": "true"})
    yield one("format=text", "text/plain", params={"format": "text"})
    yield one("format=hocr", "text/html", params={"format": "hocr"})
    yield one("format=alto", "application/alto+xml", params={"format": "alto"})
    yield one("format=page", "application/vnd.prima.page+xml", params={"format": "page"})
    yield one("format=pdf", "application/pdf", params={"format": "pdf"})
    yield one("Accept: text/plain", "text/plain", headers={"accept": "text/plain"})
    yield one("Accept: application/alto+xml", "application/alto+xml", headers={"accept": "application/alto+xml"})
    yield one("Accept: application/x-ndjson", _PAGE_LINE, headers={"accept": _NDJSON})
    yield one("Accept of what there is not", ErrorAnswer, 406, headers={"accept": "image/png"})
    yield one("unknown format", ErrorAnswer, 422, params={"format": "docx"})
    yield one("unknown step", ErrorAnswer, 422, params={"preprocess": "sparkle"})
    yield one("dpi for an image", ErrorAnswer, 422, params={"dpi": "100"})
    yield one("an option given twice", ErrorAnswer, 400, params=[("lang", "en"), ("lang", "de")])


def _documents() -> Iterator[Case]:
    def one(what: str, body: Body, status: int = 200, **sent: object) -> Case:
        return Case("POST", "/predict_text", what, status, body, {"content": pdf_of_pages(3), **sent})

    yield one("a PDF of three pages", contract.DocumentAnswer)
    yield one("two of its pages, 100 dpi", contract.DocumentAnswer, params={"pages": "1,3", "dpi": "100"})
    yield one("a PDF, line by line", _PAGE_LINE, headers={"accept": _NDJSON})
    yield one("a PDF as format=page", "application/zip", params={"format": "page"})
    yield one("a PDF as format=pdf", "application/pdf", params={"format": "pdf"})
    yield one("an image as a document", contract.DocumentAnswer, content=QUICK.read_bytes(), params={"pages": "1-"})
    yield one("a page that is not there", ErrorAnswer, 422, params={"pages": "4"})
    yield one("a damaged PDF", ErrorAnswer, 400, content=b"%PDF-1.7")
    yield one("a PDF of 10,000 pages", ErrorAnswer, 413, content=pdf_of_pages(10_000))


def _batch() -> Iterator[Case]:
    images = [base64.b64encode(path.read_bytes()).decode() for path in (SEVEN, SEVEN)]
    pages = [base64.b64encode(file).decode() for file in (QUICK.read_bytes(), b"junk", pdf_of_pages(2))]

    def one(what: str, body: Body, status: int = 200, **sent: object) -> Case:
        return Case("POST", "/batch_predict", what, status, body, sent)

    yield one("characters", contract.BatchAnswer, json={"images": images, "classes": "digits"})
    yield one("a page, junk and a PDF", contract.BatchAnswer, json={"images": pages, "task": "text"})
    yield one(
        "the same, line by line", _BATCH_LINE, json={"images": pages, "task": "text"}, headers={"accept": _NDJSON}
    )
    yield one("no images", ErrorAnswer, 422, json={"images": []})
    yield one("an option of the other task", ErrorAnswer, 400, json={"images": images, "lang": "en"})
    named = json.dumps({"images": images, "classes": "digits"}).encode()
    yield one("JSON by another name", contract.BatchAnswer, content=named, headers={"content-type": "text/plain"})


def _jobs() -> Iterator[Case]:
    image = QUICK.read_bytes()

    def one(what: str, body: Body, status: int = 202, **sent: object) -> Case:
        return Case("POST", "/jobs", what, status, body, sent)

    yield one("a PDF and an image", JobAnswer, files=[("file", pdf_of_pages(2)), ("file", image)])
    yield one("the file as it is, options in the query", JobAnswer, content=image, params={"priority": "interactive"})
    yield one("JSON", JobAnswer, json={"images": [base64.b64encode(image).decode()], "formats": ["text", "pdf"]})
    yield one("no file", ErrorAnswer, 400, json={"lang": "en"})
    yield one(
        "a callback without a secret", ErrorAnswer, 400, content=image, params={"callback": '{"url": "http://a"}'}
    )
    yield one("an option of the other task", ErrorAnswer, 400, content=image, params={"classes": "digits"})
    yield one("unknown format", ErrorAnswer, 422, content=image, params={"formats": "docx"})
    yield Case("GET", "/jobs", "one's own", 200, JobsAnswer)
    yield Case("GET", "/jobs", "more than there are at once", 422, ErrorAnswer, {"params": {"limit": "1000"}})
    for method, path in (("GET", "/jobs/{job}"), ("DELETE", "/jobs/{job}"), ("GET", "/jobs/{job}/result")):
        yield Case(method, path, "a job that there is not", 404, ErrorAnswer)
    yield from _reviews()


def _reviews() -> Iterator[Case]:
    review, session = "/jobs/{job}/review", {"session": "one"}
    for path in (review, f"{review}/picture", f"{review}/truth", f"{review}/label-studio"):
        yield Case("GET", path, "a review that there is not", 404, ErrorAnswer)
    yield Case("DELETE", review, "a review that there is not", 404, ErrorAnswer)
    yield Case("POST", review, "of a job that there is not", 404, ErrorAnswer, {"json": {"order": "doubt"}})
    yield Case("POST", review, "an order that there is not", 422, ErrorAnswer, {"json": {"order": "chance"}})
    yield Case("POST", f"{review}/next", "a review that there is not", 404, ErrorAnswer, {"json": session})
    yield Case("POST", f"{review}/next", "a session that is none", 422, ErrorAnswer, {"json": {"session": "a b"}})
    decision = {"number": 0, "kind": "illegible"}
    said = {"json": {**session, "decisions": [decision]}}
    yield Case("POST", f"{review}/decisions", "a review that there is not", 404, ErrorAnswer, said)
    wrong = {"json": {**session, "decisions": [{**decision, "kind": "guessed"}]}}
    yield Case("POST", f"{review}/decisions", "a kind of decision that there is not", 422, ErrorAnswer, wrong)
    yield Case("POST", f"{review}/label-studio", "a review that there is not", 404, ErrorAnswer, {"json": []})
    nobody = "no list of tasks, for a review that there is not"  # a stranger's file is not parsed to say what is wrong
    yield Case("POST", f"{review}/label-studio", nobody, 404, ErrorAnswer, {"json": {}})


def _administration() -> Iterator[Case]:
    for method, path in (("GET", "/config"), ("GET", "/logs"), ("GET", "/performance"), ("POST", "/test")):
        yield Case(method, path, "without a key", 401, ErrorAnswer)
    yield Case("GET", "/config", "every value and its layer", 200, contract.ConfigAnswer, admin=True)
    yield Case("PUT", "/config", "something that is wrong", 422, ErrorAnswer, {"json": {"method": "coin"}}, admin=True)
    yield Case(
        "PUT",
        "/config",
        "over a version that is not in force",
        412,
        ErrorAnswer,
        {"json": {}, "headers": {"if-match": '"999999"'}},
        admin=True,
    )
    yield Case(
        "POST", "/config/weights", "unknown engine", 422, ErrorAnswer, {"json": {"weights": {"oracle": 1}}}, admin=True
    )
    yield Case("PUT", "/config", "back to what was deployed", 200, contract.ConfigAnswer, {"json": {}}, admin=True)
    yield Case("GET", "/logs", "the newest records", 200, contract.LogsAnswer, {"params": {"limit": "5"}}, admin=True)
    yield Case("GET", "/performance", "latency and errors", 200, contract.PerformanceAnswer, admin=True)
    yield Case("POST", "/test", "two samples", 200, contract.SelfTestAnswer, {"json": {"samples": 2}}, admin=True)


def judged(client: httpx.Client, case: Case, admin_key: str) -> Verdict:
    sent = dict(case.sent)
    headers = {**({"X-API-Key": admin_key} if case.admin else {}), **sent.pop("headers", {})}
    response = client.request(case.method, case.path, headers=headers, **sent)
    if response.status_code != case.status:
        return Verdict(case, response.status_code, f"expected {case.status}: {response.text[:200]}")
    return Verdict(case, response.status_code, _problem_with(case.body, response))


def _problem_with(body: Body, response: httpx.Response) -> str:
    """What is wrong with the body; empty when nothing is."""
    kind = response.headers.get("content-type", "").split(";")[0]
    if isinstance(body, str):
        return "" if kind == body else f"expected {body}, got {kind}"
    try:
        if isinstance(body, TypeAdapter):
            lines = [body.validate_json(line) for line in response.text.splitlines()]
            return "" if lines and isinstance(lines[-1], StreamEnd) else "the last line is missing"
        body.model_validate_json(response.content)
    except ValidationError as error:
        return str(error.errors()[0])
    return ""


def stream_verdict(url: str) -> Verdict:
    """The WebSocket: a frame, the same frame, and junk."""
    from websockets.sync.client import connect

    case = Case("WS", "/stream", "a frame, the same again, junk", 101, contract.FrameAnswer)
    seen = []
    with connect(f"{url.replace('http', 'ws', 1)}/stream?classes=digits", max_size=2**24) as socket:
        for name, image in (("1", SEVEN.read_bytes()), ("2", SEVEN.read_bytes()), ("3", b"junk")):
            socket.send(json.dumps({"image_id": name}))
            socket.send(image)
            answer = contract.FrameAnswer.model_validate_json(socket.recv(timeout=60))
            seen.append((answer.image_id, answer.status))
    wanted = [("1", "read"), ("2", "unchanged"), ("3", "failed")]
    return Verdict(case, 101, "" if seen == wanted else f"got {seen}")


def run(url: str, admin_key: str) -> list[Verdict]:
    with httpx.Client(base_url=url, timeout=120) as client:
        return [*(judged(client, case, admin_key) for case in cases()), stream_verdict(url)]


def report(verdicts: Sequence[Verdict], before: Mapping[str, str]) -> str:
    summary = {
        **before,
        "routes": str(len({(verdict.case.method, verdict.case.path) for verdict in verdicts})),
        "cases": str(len(verdicts)),
        "as the contract says": str(sum(not verdict.problem for verdict in verdicts)),
    }
    return document(
        "Every route against the HTTP contract",
        "Made by `python -m benchmarks.inputs.conformance`. It sends good and bad requests to every route, over HTTP "
        "and a WebSocket, and compares the status and the body of each answer with the contract (ocr/contract.py).",
        as_table(summary),
        records(_COLUMNS, verdicts),
    )


def main(
    url: Annotated[str | None, typer.Option(help="Where the service runs; otherwise it is started here.")] = None,
    admin_key: Annotated[str, typer.Option(help="A key of ADMIN_API_KEYS there.")] = "",
    out: Path = RESULTS / "conformance.md",
) -> None:
    """Ask every route, good requests and bad ones; exit code 1 when an answer is not as the contract says."""
    before = environment()
    if url is None:
        os.environ["ADMIN_API_KEYS"] = admin_key = secrets.token_urlsafe(32)
    with served_at(url):
        verdicts = run(url or URL, admin_key)
    publish(report(verdicts, before), out)
    raise typer.Exit(any(verdict.problem for verdict in verdicts))


if __name__ == "__main__":
    command.run(main)
