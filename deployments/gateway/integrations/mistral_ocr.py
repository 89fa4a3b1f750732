"""`POST /v1/ocr` in the shape of Mistral's OCR API, which LiteLLM, n8n, Open WebUI and paperless-gpt speak.

The document comes in the request, as a data URL: nothing is fetched from elsewhere. Pages are counted from 0. `model`
is taken as it is and said again: which engines read is the service's own matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.formats import OutputPage
from deployments.gateway.formats.markdown import markdown_of
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import read_json
from ocr.contract import DocumentAnswer, DocumentOptions, FailedPage, LineAnswer, PageAnswer, TextAnswer
from ocr.errors import InvalidRequest, OutOfRange
from ocr.geometry import bounds


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # clients send options of models that read otherwise


class Url(_Shape):
    """A URL in an object of its own, as chat messages have it."""

    url: str


class Document(_Shape):
    """The document, or a single image."""

    type: Literal["document_url", "image_url"]
    document_url: str | None = None
    image_url: str | Url | None = None
    document_name: str | None = None

    @property
    def url(self) -> str:
        """The data URL. Raises InvalidRequest when there is none."""
        given = self.document_url if self.type == "document_url" else self.image_url
        if given is None:
            raise InvalidRequest(f"document has no '{self.type}'", "send a data URL there")
        return given.url if isinstance(given, Url) else given


class OcrBody(_Shape):
    """The JSON body of `POST /v1/ocr`."""

    document: Document
    model: str = "quorum"
    id: str | None = None
    pages: list[int] | str | None = Field(None, description="Counted from 0: a list, or 0,2-4.")
    include_blocks: bool = False
    confidence_scores_granularity: Literal["page", "block", "word"] | None = None


def mistral_routes(readings: ReadingApi) -> APIRouter:
    """`POST /v1/ocr`."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves

    @router.post("/v1/ocr")
    async def ocr(request: Request) -> dict[str, Any]:
        """Read a document that comes as a data URL."""
        body = parse(OcrBody, await read_json(request, readings.max_bytes))
        url = body.document.url
        if not url.lstrip()[:5].lower() == "data:":
            raise OutOfRange("only data URLs are read; nothing is fetched", "send data:application/pdf;base64,...")
        file = await asyncio.to_thread(decode_base64, url, "document")
        answer = await readings.predict_text(file, DocumentOptions(pages=_choice(body.pages)))
        return await asyncio.to_thread(_answer, answer, body, len(file))

    return router


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


def _answer(answer: TextAnswer | DocumentAnswer, body: OcrBody, size: int) -> dict[str, Any]:
    pages = answer.pages if isinstance(answer, DocumentAnswer) else [answer]
    read = [page for page in pages if not isinstance(page, FailedPage)]
    failed = {page.page - 1: page.error.message for page in pages if isinstance(page, FailedPage)}
    told = {
        "pages": [_page(page, body) for page in read],
        "model": body.model,
        "document_annotation": None,
        "usage_info": {"pages_processed": len(read), "doc_size_bytes": size},
    }
    if failed:  # a key of ours: the shape has no place for a page that could not be read
        told["failed_pages"] = [{"index": index, "message": message} for index, message in failed.items()]
    return told


def _page(page: TextAnswer, body: OcrBody) -> dict[str, Any]:
    number = page.page if isinstance(page, PageAnswer) else 1
    told: dict[str, Any] = {
        "index": number - 1,
        "markdown": markdown_of(OutputPage(number, page)),
        "images": [],
        "dimensions": {"dpi": None, "height": page.height, "width": page.width},
    }
    if body.include_blocks:
        told["blocks"] = [_block(lines) for lines in OutputPage(number, page).text_blocks()]
    if body.confidence_scores_granularity is not None:
        told["confidence_scores"] = _confidences(page, body.confidence_scores_granularity)
    return told


def _block(lines: Sequence[LineAnswer]) -> dict[str, Any]:
    left, top, right, bottom = map(round, bounds(corner for line in lines for corner in line.polygon))
    return {
        "type": "text",
        "content": "\n".join(line.text for line in lines),
        "top_left_x": left,
        "top_left_y": top,
        "bottom_right_x": right,
        "bottom_right_y": bottom,
    }


def _confidences(page: TextAnswer, granularity: str) -> dict[str, Any]:
    scores: dict[str, Any] = {"average_page_confidence_score": page.confidence}
    if granularity == "word":
        scores["word_confidence_scores"] = [
            {"text": word.text, "confidence": word.confidence}
            for line in page.lines
            if line.legible
            for word in line.words
        ]
    if granularity == "block":
        scores["block_confidence_scores"] = [
            sum(line.confidence for line in lines) / len(lines) for lines in OutputPage(1, page).text_blocks()
        ]
    return scores
