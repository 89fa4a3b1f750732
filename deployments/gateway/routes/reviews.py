"""The routes of reviews: people correct the words of a job."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.access.access_middleware import REVIEW_KEY_HEADER, caller_name
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.gateway.formats import ZIP
from deployments.gateway.requests.bodies import read_body
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of, read_json, require_json
from deployments.gateway.reviews.review_files import ReviewFiles
from deployments.gateway.reviews.reviews_api import Caller, ReviewsApi
from deployments.gateway.routes import openapi
from deployments.gateway.routes.review_examples import ALTO, JSONL, PAGE
from ocr.errors import InvalidRequest, TooLarge
from ocr.review_contract import (
    DecisionsAnswer,
    DecisionsBody,
    ImportAnswer,
    NextWordsAnswer,
    NextWordsBody,
    ReviewAnswer,
    ReviewOptions,
)

_MAX_BYTES = 1_000_000
_MAX_EXPORT = 20_000_000
# What Label Studio writes of a region has a value in sixteen bytes.
_FEW_VALUES, _BYTES_A_VALUE = 1000, 8
_KEPT_S = 3600
_TASKS: dict[str, object] = {"type": "array", "items": {"type": "object"}}
_EXPORT = {"required": True, "content": {"application/json": {"schema": _TASKS, "example": []}}}
_NEXT = {"session": "mine", "count": 20}
_DECISIONS: dict[str, object] = {
    "session": "mine",
    "reviewer": "R. Adams",
    "decisions": [{"number": 12, "kind": "taken", "text": "Quay"}, {"number": 14, "kind": "illegible"}],
}
_KEY = {
    "name": REVIEW_KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "The key of the review, for others than the owner of the job.",
    "schema": {"type": "string"},
}


class ShowOptions(BaseModel):
    """What `GET /jobs/{job}/review` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: int | None = Field(None, ge=0, description="Estimate what so many more words bring.")


class TruthOptions(BaseModel):
    """What `GET /jobs/{job}/review/truth` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["jsonl", "alto", "page"] = Field("jsonl", description="How it is written.")
    file: int | None = Field(None, ge=0, description="Only of this file, counted from 0.")
    lines: Literal["complete", "all"] = Field(
        "complete",
        description="Lines of which every word was looked at; or, as jsonl, all with such a word, and its chance.",
    )


class PictureOptions(BaseModel):
    """What `GET /jobs/{job}/review/picture` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: int = Field(0, ge=0, description="The file, counted from 0.")
    page: int = Field(1, ge=1, description="The number of the page.")


class ExportOptions(BaseModel):
    """What `GET /jobs/{job}/review/label-studio` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: str = Field(
        "", max_length=500, description="What stands before the name of each picture, as Label Studio finds it."
    )


def _kinds(kinds: dict[str, str]) -> dict[int | str, dict[str, Any]]:
    return {200: openapi.responses(kinds)[200], **openapi.job_errors()}


def _asked(options: type[BaseModel]) -> dict[str, object]:
    return {"parameters": [*openapi.in_query(options), _KEY]}


def _body(body: type[BaseModel], example: dict[str, object]) -> dict[str, object]:
    return openapi.with_idempotency_key({**openapi.json_body(body, example), "parameters": [_KEY]})


def review_routes(reviews: ReviewsApi, files: ReviewFiles) -> APIRouter:
    """`/jobs/{job}/review` and what is below it."""
    router = APIRouter()
    _add_review(router, reviews)
    _add_words(router, reviews)
    _add_files(router, files)
    return router


def _caller(request: Request) -> Caller:
    CURRENT_CALLER.set(caller_name(request.scope))
    return Caller(caller_name(request.scope), request.headers.get(REVIEW_KEY_HEADER))


def _add_review(router: APIRouter, reviews: ReviewsApi) -> None:
    made = openapi.with_idempotency_key(openapi.json_body(ReviewOptions, {"order": "doubt"}))

    there_is_one: dict[int | str, dict[str, Any]] = {
        200: {"model": ReviewAnswer, "description": "The review that there is already."}
    }

    @router.post(
        "/jobs/{job}/review",
        status_code=201,
        openapi_extra=made,
        responses={**there_is_one, **openapi.job_errors()},
    )
    async def make(request: Request, response: Response, job: str) -> ReviewAnswer:
        """Make a review of the words of a job that has ended. There is one at most."""
        require_json(request)
        options = parse(ReviewOptions, await read_json(request, _MAX_BYTES))
        answer, is_new = await reviews.make(_caller(request), job, options)
        response.status_code = 201 if is_new else 200
        return answer

    @router.get("/jobs/{job}/review", openapi_extra=_asked(ShowOptions), responses=openapi.job_errors())
    async def show(request: Request, job: str) -> ReviewAnswer:
        """How far a review is, and what it would bring to go on."""
        return await reviews.get(_caller(request), job, parse(ShowOptions, query_of(request)).words)

    @router.delete("/jobs/{job}/review", responses=openapi.job_errors())
    async def remove(request: Request, job: str) -> ReviewAnswer:
        """Delete the review of one's own job, and all that was said in it."""
        return await reviews.remove(_caller(request), job)


def _add_words(router: APIRouter, reviews: ReviewsApi) -> None:
    @router.post(
        "/jobs/{job}/review/next", openapi_extra=_body(NextWordsBody, dict(_NEXT)), responses=openapi.job_errors()
    )
    async def next_words(request: Request, job: str) -> NextWordsAnswer:
        """The next words for a session. Until it decides them or is silent for too long, nobody else gets them."""
        require_json(request)
        body = parse(NextWordsBody, await read_json(request, _MAX_BYTES))
        return await reviews.next_words(_caller(request), job, body)

    @router.post(
        "/jobs/{job}/review/decisions", openapi_extra=_body(DecisionsBody, _DECISIONS), responses=openapi.job_errors()
    )
    async def decide(request: Request, job: str) -> DecisionsAnswer:
        """Keep what a person said of some words."""
        require_json(request)
        body = parse(DecisionsBody, await read_json(request, _MAX_BYTES))
        return await reviews.decide(_caller(request), job, body)


def _add_files(router: APIRouter, files: ReviewFiles) -> None:
    @router.get(
        "/jobs/{job}/review/picture",
        openapi_extra=_asked(PictureOptions),
        response_class=Response,
        responses=_kinds({"image/jpeg": "the page", "image/png": "the page, where it is of one bit a pixel"}),
    )
    async def picture(request: Request, job: str) -> Response:
        """A page as a picture."""
        options = parse(PictureOptions, query_of(request))
        found = await files.picture(_caller(request), job, options.file, options.page)
        headers = {"Cache-Control": f"private, max-age={_KEPT_S}"}
        return Response(found.content, media_type=f"image/{found.kind}", headers=headers)

    @router.get(
        "/jobs/{job}/review/truth",
        openapi_extra=_asked(TruthOptions),
        response_class=Response,
        responses=_kinds(
            {JSONL: "a row a page", ALTO: "format=alto", PAGE: "format=page", ZIP: "PAGE of several pages"}
        ),
    )
    async def truth(request: Request, job: str) -> Response:
        """What people said, as ground truth."""
        options = parse(TruthOptions, query_of(request))
        only_complete = options.lines == "complete"
        written = await files.truth(_caller(request), job, options.format, options.file, only_complete=only_complete)
        return Response(written.content, media_type=written.media_type)

    @router.get(
        "/jobs/{job}/review/label-studio",
        openapi_extra=_asked(ExportOptions),
        responses=openapi.job_errors(),
        response_model=list[dict[str, Any]],
    )
    async def tasks(request: Request, job: str) -> Response:
        """The words that are asked as tasks for Label Studio, a task for each page, with what was read."""
        pictures = parse(ExportOptions, query_of(request)).pictures
        return StreamingResponse(await files.tasks(_caller(request), job, pictures), media_type="application/json")

    @router.post(
        "/jobs/{job}/review/label-studio",
        openapi_extra=openapi.with_idempotency_key({"requestBody": _EXPORT, "parameters": [_KEY]}),
        responses=openapi.job_errors(),
    )
    async def annotated(request: Request, job: str) -> ImportAnswer:
        """Keep what was annotated in Label Studio: its export as JSON."""
        require_json(request)
        caller = _caller(request)
        await files.require(caller, job)  # before anything is made of what was sent
        body = await read_body(request, _MAX_EXPORT)
        return await files.annotated(caller, job, await asyncio.to_thread(_tasks_in, body))


def _tasks_in(body: bytes) -> list[Any]:
    """The tasks of an export. One of millions of small values is refused before it is parsed: that takes their memory
    many times, and nobody else has a turn meanwhile. Raises TooLarge or InvalidRequest.
    """
    most = _FEW_VALUES + len(body) // _BYTES_A_VALUE
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > most:
        raise TooLarge(f"the export holds more than {most} values", "export the project of Label Studio as JSON")
    try:
        tasks = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not JSON", "export the project of Label Studio as JSON") from error
    if not isinstance(tasks, list):
        raise InvalidRequest("the body is no list of tasks", "export the project of Label Studio as JSON")
    return tasks
