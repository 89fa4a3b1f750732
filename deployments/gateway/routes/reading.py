"""The routes that read: requests into calls of `ReadingApi`, answers into the form that was asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from deployments.gateway.access.access_middleware import timer_of
from deployments.gateway.formats import OutputFormat, format_named, formats
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import read_json, read_upload
from deployments.gateway.routes import openapi
from deployments.gateway.routes.content_negotiation import JSON, NDJSON, accepted_media_type
from ocr.contract import (
    BatchAnswer,
    BatchBody,
    CharacterAnswer,
    CharacterBody,
    CharacterOptions,
    DocumentAnswer,
    DocumentOptions,
    ReadingOptions,
    TextAnswer,
    TextBody,
)
from ocr.errors import QuorumError

log = logging.getLogger("quorum.gateway")

ILLEGIBLE_LINES = "Quorum-Illegible-Lines"
"""The header that says how many lines were left out of the text because nobody can read them."""

_IMAGES = ("image/*", "application/octet-stream")
_FILES = (*_IMAGES, "application/pdf")


def reading_routes(readings: ReadingApi) -> APIRouter:
    """`POST /predict`, `/predict_text` and `/batch_predict`."""
    router = APIRouter()
    _add_predict(router, readings)
    _add_predict_text(router, readings)
    _add_batch_predict(router, readings)
    return router


def _add_predict(router: APIRouter, readings: ReadingApi) -> None:
    describe = openapi.with_idempotency_key(openapi.file_upload(CharacterBody, CharacterOptions, _IMAGES))

    @router.post("/predict", openapi_extra=describe, responses=openapi.ERRORS)
    async def predict(request: Request) -> CharacterAnswer:
        """Read one character."""
        upload = await read_upload(request, CharacterOptions, readings.max_bytes)
        timer = timer_of(request)
        timer.end_step("receive")
        return await readings.predict(upload.file, upload.options, timer)


def _add_predict_text(router: APIRouter, readings: ReadingApi) -> None:
    describe = openapi.with_idempotency_key(openapi.file_upload(TextBody, ReadingOptions, _FILES))

    @router.post(
        "/predict_text",
        openapi_extra=describe,
        responses=openapi.format_responses("a document"),
        response_model=TextAnswer | DocumentAnswer,
    )
    async def predict_text(request: Request) -> Response:
        """Read a page, a line or a document."""
        upload = await read_upload(request, ReadingOptions, readings.max_bytes)
        options = DocumentOptions(**upload.options.model_dump(exclude={"format"}))
        timer = timer_of(request)
        timer.end_step("receive")
        output_format = _format_of(request, upload.options.format)
        if output_format is None:
            return await _streamed(readings.stream_pages(upload.file, options))
        output = await readings.read_as(upload.file, options, output_format, timer, file_name=upload.name)
        headers = {ILLEGIBLE_LINES: str(output.illegible_lines)}
        return Response(output.content, media_type=output.media_type, headers=headers)


def _add_batch_predict(router: APIRouter, readings: ReadingApi) -> None:
    describe = openapi.with_idempotency_key(openapi.json_body(BatchBody, openapi.BATCH_EXAMPLE))
    answers = openapi.responses({NDJSON: "a line for each image"})

    @router.post("/batch_predict", openapi_extra=describe, responses=answers, response_model=BatchAnswer)
    async def batch_predict(request: Request) -> Response:
        """Read many images; answers in order, an error per item."""
        kind = accepted_media_type(request.headers.get("accept", ""), (JSON, NDJSON))
        fields = await read_json(request, readings.max_bytes, readings.limits.max_batch)
        if isinstance(fields.get("images"), list):  # before anything is made of them; `parse` refuses what is no list
            readings.check_batch(fields["images"])
        body = parse(BatchBody, fields)
        images = await asyncio.to_thread(_all_decoded, body.images)
        if kind == NDJSON:
            return await _streamed(readings.stream_batch(images, body))
        answer = await readings.batch_predict(images, body)
        return Response(await asyncio.to_thread(answer.model_dump_json), media_type=JSON)


def _format_of(request: Request, named: str | None) -> OutputFormat | None:
    """The format that the request asks for; None when it wants a line of JSON for each page."""
    if named is not None:
        return format_named(named)
    kinds: dict[str, OutputFormat | None] = {JSON: formats()["json"], NDJSON: None}
    for output_format in formats().values():
        kinds.update(dict.fromkeys((output_format.media_type, *output_format.accepts), output_format))
    return kinds[accepted_media_type(request.headers.get("accept", ""), tuple(kinds))]


async def _streamed(lines: AsyncGenerator[BaseModel | None, None]) -> Response:
    """A response of a line for each answer. What is refused as a whole is raised before it begins."""
    await anext(lines)
    return StreamingResponse(_as_ndjson(lines), media_type=NDJSON)


async def _as_ndjson(lines: AsyncGenerator[BaseModel | None, None]) -> AsyncIterator[bytes]:
    async with aclosing(lines):
        async for line in lines:
            if line is not None:
                yield (await asyncio.to_thread(line.model_dump_json)).encode() + b"\n"


def _all_decoded(images: Sequence[str]) -> list[bytes | QuorumError]:
    return [_decoded(image, f"images.{index}") for index, image in enumerate(images)]


def _decoded(image: str, field: str) -> bytes | QuorumError:
    try:
        return decode_base64(image, field)
    except QuorumError as error:
        return error
