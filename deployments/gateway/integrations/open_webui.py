"""`PUT /process`: the external document loader of Open WebUI. A file in the body in, the text of each page out.

Open WebUI names the file in `X-Filename`, quoted as in a URL, and falls back to its own reader when the answer is 422
and says that there is no text.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request

from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.bodies import read_body
from ocr.contract import DocumentAnswer, DocumentOptions, FailedPage, TextAnswer
from ocr.errors import OutOfRange

_MAX_NAME = 1000


def open_webui_routes(readings: ReadingApi) -> APIRouter:
    """`PUT /process`."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves

    @router.put("/process")
    async def process(request: Request) -> list[dict[str, Any]]:
        """The text of each page of a file."""
        file = await read_body(request, readings.max_bytes)
        answer = await readings.predict_text(file, DocumentOptions())
        name = unquote(request.headers.get("x-filename", ""))[:_MAX_NAME]
        pages = _pages(answer, name)
        if not any(page["page_content"].strip() for page in pages):
            raise OutOfRange("No extractable text: nothing is written on the pages", "use another reader for it")
        return pages

    return router


def _pages(answer: TextAnswer | DocumentAnswer, name: str) -> list[dict[str, Any]]:
    if isinstance(answer, TextAnswer):
        return [_page(answer, name, 1, 1)]
    return [
        _failed(page, name, answer.page_count)
        if isinstance(page, FailedPage)
        else _page(page, name, page.page, answer.page_count)
        for page in answer.pages
    ]


def _page(page: TextAnswer, name: str, number: int, count: int) -> dict[str, Any]:
    told = {"source": name, "page": number, "total_pages": count, "confidence": page.confidence}
    return {"page_content": page.text, "metadata": {**told, "needs_review": page.needs_review}}


def _failed(page: FailedPage, name: str, count: int) -> dict[str, Any]:
    """A page that could not be read keeps its place, and says why."""
    told = {"source": name, "page": page.page, "total_pages": count, "error": page.error.message}
    return {"page_content": "", "metadata": told}
