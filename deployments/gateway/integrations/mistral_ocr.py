"""`POST /v1/ocr` in the shape of Mistral's OCR API, which LiteLLM, n8n, Open WebUI and paperless-gpt speak.

The document comes in the request, as a data URL, or was sent to `/v1/files` before: nothing is fetched from elsewhere.
Pages are counted from 0. `model` is taken as it is and said again: which engines read is the service's own matter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.formats import OutputPage
from deployments.gateway.integrations.mistral_files import URL_OF_FILE, file_of
from deployments.gateway.integrations.mistral_pages import Wanted, told_page
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import read_json
from deployments.jobs.job import Job
from ocr.contract import DocumentAnswer, DocumentOptions, FailedPage, PageAnswer, TextAnswer
from ocr.errors import InvalidRequest, OutOfRange


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # clients send options of models that read otherwise


class Url(_Shape):
    """A URL in an object of its own, as chat messages have it."""

    url: str


class Document(_Shape):
    """The document, a single image, or a file that was sent before."""

    type: Literal["document_url", "image_url", "file"]
    document_url: str | None = None
    image_url: str | Url | None = None
    file_id: str | None = None
    document_name: str | None = None

    @property
    def url(self) -> str:
        """The data URL, or the name of a file. Raises InvalidRequest when there is none."""
        if self.type == "file":
            return URL_OF_FILE + self._required("file_id", self.file_id)
        if self.type == "document_url":
            return self._required("document_url", self.document_url)
        return self._required("image_url", self.image_url.url if isinstance(self.image_url, Url) else self.image_url)

    def _required(self, name: str, given: str | None) -> str:
        if given is None:
            raise InvalidRequest(f"document has no '{name}'", "send a data URL there, or the id of a file")
        return given.strip()


class OcrBody(Wanted):
    """The JSON body of `POST /v1/ocr`."""

    document: Document
    model: str = "quorum"
    id: str | None = None
    pages: list[int] | str | None = Field(None, description="Counted from 0: a list, or 0,2-4.")


def mistral_routes(readings: ReadingApi, jobs: JobsApi) -> APIRouter:
    """`POST /v1/ocr`."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves

    @router.post("/v1/ocr")
    async def ocr(request: Request) -> Response:
        """Read a document that comes as a data URL, or wait for one that was sent before."""
        body = parse(OcrBody, await read_json(request, readings.max_bytes))
        url, choice = body.document.url, _choice(body.pages)
        if url.startswith(URL_OF_FILE):
            file = await file_of(request, jobs, url.removeprefix(URL_OF_FILE))
            return await _kept(jobs, file, choice, body, readings.limits.batch_timeout_s)
        if not url[:5].lower() == "data:":
            raise OutOfRange("only data URLs and sent files are read", "send data:application/pdf;base64,...")
        content = await asyncio.to_thread(decode_base64, url, "document")
        answer = await readings.predict_text(content, parse(DocumentOptions, {"pages": choice}))
        return JSONResponse(await asyncio.to_thread(_answer, answer, body, len(content)))

    return router


async def _kept(jobs: JobsApi, file: Job, choice: str | None, body: OcrBody, wait_s: float) -> Response:
    """The answer for a file that was sent before, once it is read: written a page at a time, however many there are."""
    read = await jobs.results.ended(file.owner, file.id, wait_s)
    problem = read.files[0].problem or (read.failures[0].problem if read.state == "failed" and read.failures else None)
    if problem is not None:
        raise InvalidRequest(f"nothing of this file could be read: {problem.message}", problem.hint)
    pages = jobs.results.pages(read, 0, choice)
    pieces = jobs.results.turns.pieces(file.owner, _pieces(pages, body, read.files[0].size))
    return StreamingResponse(pieces, media_type="application/json")


async def _pieces(pages: AsyncIterator[OutputPage | FailedPage], body: OcrBody, size: int) -> AsyncIterator[bytes]:
    yield b'{"pages": ['
    count, failed = 0, []
    async for page in pages:
        if isinstance(page, FailedPage):
            failed.append(page)
            continue
        yield b", " * (count > 0) + await asyncio.to_thread(_told, page, body)
        count += 1
    yield b"], " + json.dumps(_beside_pages(body, count, failed, size)).encode()[1:]


def _choice(pages: Sequence[int] | str | None) -> str | None:
    """Pages counted from 1, as the service has them."""
    if pages is None or pages == []:
        return None
    try:
        if isinstance(pages, str):
            parts = [[int(end) + 1 for end in part.split("-", 1)] for part in pages.split(",")]
        else:
            parts = [[page + 1] for page in pages]
    except ValueError as error:
        raise OutOfRange(f"pages is {pages!r}", 'send a list of numbers, or a string like "0,2-4"') from error
    if any(number < 1 for part in parts for number in part):
        raise OutOfRange(f"pages is {pages!r}", "pages are counted from 0")
    return ",".join("-".join(map(str, part)) for part in parts)


def _told(page: OutputPage, wanted: Wanted) -> bytes:
    return json.dumps(told_page(page, wanted)).encode()


def _answer(answer: TextAnswer | DocumentAnswer, body: OcrBody, size: int) -> dict[str, Any]:
    pages = answer.pages if isinstance(answer, DocumentAnswer) else [answer]
    read = [page for page in pages if not isinstance(page, FailedPage)]
    failed = [page for page in pages if isinstance(page, FailedPage)]
    told = [told_page(OutputPage(page.page if isinstance(page, PageAnswer) else 1, page), body) for page in read]
    return {"pages": told, **_beside_pages(body, len(read), failed, size)}


def _beside_pages(body: OcrBody, read: int, failed: Sequence[FailedPage], size: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "model": body.model,
        "document_annotation": None,
        "usage_info": {"pages_processed": read, "doc_size_bytes": size},
    }
    if failed:  # a key of ours: the shape has no place for a page that could not be read
        told["failed_pages"] = [{"index": page.page - 1, "message": page.error.message} for page in failed]
    return told
