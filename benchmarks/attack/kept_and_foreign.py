"""Hostile callers at the doors behind which something is kept (jobs, results, reviews), and at those of other programs'
protocols.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import httpx

from benchmarks.attack.asking import (
    JSON,
    PDF,
    Attack,
    Posting,
    Target,
    getting,
    head_of_post,
    holding_connections,
    repeated,
)
from benchmarks.harness.serving import QUICK
from benchmarks.inputs.bad_files import pdf_of_pages, pdf_of_text

_SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
_PRIVATE = ("10.0.0.1", "169.254.169.254", "127.0.0.1:6379", "[::1]", "[::ffff:10.0.0.1]", "2130706433", "0x7f.1")
_FORMATS = ("pdf", "alto", "page", "hocr", "text", "markdown", "json", "alto.zip")
_AZURE = "/documentintelligence/documentModels/prebuilt-read"
_LOOK_S = 0.1

OfJob = Callable[[httpx.AsyncClient, str], Awaitable[object]]


@dataclass(frozen=True)
class WithJob:
    """Has the file that `make` makes read as a job, waits until that has ended unless it is asked about one that
    `runs`, and then asks about it again and again.
    """

    once: OfJob
    make: Callable[[], bytes] = lambda: pdf_of_text(40)
    options: Mapping[str, str] = field(default_factory=dict)
    runs: bool = False
    at_once: int = 16
    most: int = 2000

    @cached_property
    def body(self) -> bytes:
        return self.make()

    async def __call__(self, target: Target) -> None:
        async with httpx.AsyncClient(base_url=target.url, timeout=30.0) as client:
            with suppress(httpx.HTTPError, OSError):
                job = await _submitted(client, self.body, self.options)
                if job is None or not (self.runs or await _has_ended(client, job, target)):
                    return
                await repeated(target, lambda client: self.once(client, job), self.at_once, self.most)
                await client.delete(f"/jobs/{job}")


async def _submitted(client: httpx.AsyncClient, file: bytes, options: Mapping[str, str]) -> str | None:
    response = await client.post("/jobs", content=file, params={"priority": "interactive", **options})
    return str(response.json()["id"]) if response.status_code == 202 else None


async def _has_ended(client: httpx.AsyncClient, job: str, target: Target) -> bool:
    while target.seconds_left:
        response = await client.get(f"/jobs/{job}")
        if response.status_code == 200 and response.json()["finished_at"] is not None:
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def kept_kinds() -> Iterator[tuple[str, Attack]]:
    """At jobs, results and reviews."""
    trickling = head_of_post("/jobs", 500_000_000)
    yield "100 uploads of 500 MB that trickle", holding_connections(trickling, b"x" * 10_000, 0.5, 100)
    yield "a form of a job that is made of line ends", Posting("/jobs", _form_of_line_ends, _FORM, 4, 40)
    yield "a form of a job that is made of boundaries", Posting("/jobs", _form_of_boundaries, _FORM, 4, 40)
    yield "a job of 300,000 empty images", Posting("/jobs", _empty_images, JSON, 4, 40)
    yield "jobs that are cancelled at once", cancelled_jobs
    yield "lists of jobs of 500 files", lists_of_many_files
    yield "jobs of PDFs of 10,000 pages", Posting("/jobs", lambda: pdf_of_pages(10_000), PDF, 4, 40)
    yield "callbacks to where none may go", refused_callbacks
    yield "a result as PDF, sixteen times at once", WithJob(lambda client, job: client.get(_result(job, "pdf")))
    formats = itertools.cycle(_FORMATS)
    yield (
        "a result in every format, sixteen times at once",
        WithJob(lambda client, job: client.get(_result(job, next(formats)))),
    )
    choice = "&pages=" + "1-40," * 1900 + "1"
    yield "choices of 2,000 ranges of pages", WithJob(lambda client, job: client.get(_result(job, "text") + choice))
    yield "300 requests that wait for a result", WithJob(_waiting, partial(pdf_of_pages, 2000), {}, True, 300, 300)
    yield "guesses at jobs and at keys of reviews", guesses
    yield "what people say of one word, without an end", WithJob(_said_again, QUICK.read_bytes, _READ, most=500)
    yield "an export of millions of values for Label Studio", Posting(_EXPORTS, _export_of_values, JSON, 4, 40)


_FORM = {"Content-Type": "multipart/form-data; boundary=boundary-of-a-form"}
_READ = {"engines": "tesseract", "explain": "true"}
_EXPORTS = f"/jobs/{'0' * 32}/review/label-studio"


def _result(job: str, form: str) -> str:
    return f"/jobs/{job}/result?format={form}"


async def _waiting(client: httpx.AsyncClient, job: str) -> None:
    await client.get(_result(job, "ndjson"), params={"format": "ndjson", "wait_s": "5"})


def _form_of(content: bytes) -> bytes:
    head = b'--boundary-of-a-form\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return head + content + b"\r\n--boundary-of-a-form--\r\n"


def _form_of_line_ends() -> bytes:
    return _form_of(b"\r\n" * 5_000_000)


def _form_of_boundaries() -> bytes:
    return _form_of(b"\r\n--boundary-of-a-form." * 500_000)


def _empty_images() -> bytes:
    return b'{"images":[' + b'"",' * 300_000 + b'""]}'


async def cancelled_jobs(target: Target) -> None:
    """Submits a document and cancels it before it is read."""

    async def once(client: httpx.AsyncClient) -> None:
        job = await _submitted(client, QUICK.read_bytes(), {})
        if job is not None:
            await client.delete(f"/jobs/{job}")

    await repeated(target, once, at_once=8, most=500)


async def lists_of_many_files(target: Target) -> None:
    """Submits jobs of many files each, and lists them again and again."""
    files = [("file", (f"{number}.png", b"no image")) for number in range(500)]
    submitted = iter(range(6))

    async def once(client: httpx.AsyncClient) -> None:
        if next(submitted, None) is not None:
            await client.post("/jobs", files=files)
        else:
            await client.get("/jobs?limit=200")

    await repeated(target, once, at_once=8, most=2000)


async def refused_callbacks(target: Target) -> None:
    """Has jobs call addresses of this machine and of private networks, in all notations."""
    hosts = itertools.cycle(_PRIVATE)

    async def once(client: httpx.AsyncClient) -> None:
        callback = json.dumps({"url": f"http://{next(hosts)}/latest", "secret": _SECRET})
        await _submitted(client, b"no image", {"callback": callback})

    await repeated(target, once, at_once=4, most=200)


async def guesses(target: Target) -> None:
    """Asks for jobs and reviews of others by ids and keys that are made up."""
    numbers = itertools.count()
    below = ("", "/result", "/review", "/review/truth", "/review/picture")

    async def once(client: httpx.AsyncClient) -> None:
        number = next(numbers)
        headers = {"X-Review-Key": f"{number:032x}"}
        await client.get(f"/jobs/{number:032x}{below[number % len(below)]}", headers=headers)

    await repeated(target, once, at_once=16, most=5000)


async def _said_again(client: httpx.AsyncClient, job: str) -> None:
    """Says a hundred things of the first word of a review."""
    await client.post(f"/jobs/{job}/review", json={"below": 1.0})
    said = [{"number": 0, "kind": "typed", "text": f"{number} " + "x" * 900} for number in range(100)]
    await client.post(f"/jobs/{job}/review/decisions", json={"session": "again", "decisions": said})


def _export_of_values() -> bytes:
    return b"[" + b"{}," * 6_000_000 + b"{}]"


# --- other programs' protocols ----------------------------------------------------------------------------------------


def protocol_kinds() -> Iterator[tuple[str, Attack]]:
    """At the Open Inference Protocol, Mistral's, Azure's and Open WebUI's; and expressions that a request may hold."""
    infer = "/v2/models/ocr/infer"
    yield "a tensor of 10,000,000 numbers as JSON", Posting(infer, _tensor_of_json, JSON, 3, 30)
    yield "10,000 tensors of nothing", Posting(infer, _tensors_of_nothing, JSON, 4, 200)
    yield "binary tensors of 19,000,000 pixels", binary_tensors
    yield "regions whose patterns are dear to compile", Posting("/predict_text", _dear_patterns, JSON, 4, 200)
    yield "regions whose patterns never end", Posting("/predict_text", _endless_patterns, JSON, 2, 20)
    yield "Mistral's pages that there cannot be", Posting("/v1/ocr", _pages_of_mistral, JSON, 8, 500)
    yield "40 MB of white space for Mistral's", Posting("/v1/ocr", lambda: b" " * 40_000_000 + b"{}", JSON, most=60)
    yield "a form that is made of boundaries", Posting("/predict_text", _form_of_boundaries, _FORM, 4, 40)
    yield "a form with an option of 30 MB", Posting("/predict_text", _form_of_engines, _FORM, 3, 30)
    yield "documents of Azure's, asked for without a pause", WithJob(_asked_of_azure)
    yield "an attempt at every model", getting("/v2/models/" + "m" * 4000 + "/ready")


def _tensor(shape: list[int], **more: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
    return json.dumps({"inputs": [{"name": "image", "datatype": "UINT8", "shape": shape, **more}]}).encode()


def _tensor_of_json() -> bytes:
    head, tail = _tensor([1, 1000, 3333, 3], data=[]).split(b"[]")
    return head + b"[" + b"0," * 9_999_998 + b"0]" + tail


def _tensors_of_nothing() -> bytes:
    one = {"name": "a", "datatype": "UINT8", "shape": [0] * 8, "data": []}
    return json.dumps({"inputs": [one] * 10_000}).encode()


async def binary_tensors(target: Target) -> None:
    """Sends pages as pixels, which are as large as they may be and say nothing."""
    size = 19_000_000 // 4000
    head = _tensor([1, size, 4000, 3], parameters={"binary_data_size": size * 4000 * 3})
    body = head + bytes(size * 4000 * 3)
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}

    async def once(client: httpx.AsyncClient) -> None:
        await client.post("/v2/models/ocr/infer", content=body, headers=headers)

    await repeated(target, once, at_once=3, most=20)


def _page_with(patterns: list[str]) -> bytes:
    regions = [{"name": f"{n}", "box": [0, 0, 1, 1], "pattern": pattern} for n, pattern in enumerate(patterns)]
    return json.dumps({"image": base64.b64encode(QUICK.read_bytes()).decode(), "regions": regions}).encode()


def _dear_patterns() -> bytes:
    """Each is different, so that none is known already."""
    return _page_with([f"(?i)(?:{n})" + "[\0-\uffff]" * 36 for n in range(150)])


def _endless_patterns() -> bytes:
    return _page_with([f"(?:{n})?" + "(.|\\s)*" * 20 + "!" for n in range(50)])


def _pages_of_mistral() -> bytes:
    file = "data:image/png;base64," + base64.b64encode(QUICK.read_bytes()).decode()
    document = {"type": "document_url", "document_url": file}
    return json.dumps({"document": document, "pages": [10**9 + number for number in range(900)]}).encode()


def _form_of_engines() -> bytes:
    option = b'--boundary-of-a-form\r\nContent-Disposition: form-data; name="engines"\r\n\r\n' + b"a," * 15_000_000
    return option + b"\r\n" + _form_of(QUICK.read_bytes())


async def _asked_of_azure(client: httpx.AsyncClient, job: str) -> None:
    await client.get(f"{_AZURE}/analyzeResults/{job}", params={"api-version": "2024-11-30"})
