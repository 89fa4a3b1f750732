"""The routes of jobs: documents that are too long for one request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.access.access_middleware import caller_name
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.gateway.formats import format_named, formats
from deployments.gateway.jobs.job_answers import job_answer
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.jobs.submission import submitted
from deployments.gateway.requests.kept_uploads import receive_upload
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of
from deployments.gateway.routes import openapi
from deployments.gateway.routes.content_negotiation import NDJSON, accepted_media_type
from deployments.gateway.routes.reading import ILLEGIBLE_LINES
from deployments.jobs.job import Job
from ocr.contract import DocumentAnswer, PageChoice
from ocr.errors import OutOfRange
from ocr.job_contract import JobAnswer, JobBody, JobOptions, JobsAnswer

FAILED_PAGES = "Quorum-Failed-Pages"
"""The header that names the pages that are missing in a result because they could not be read: the first thousand or
so, with `...` at the end where there are more.
"""

_LONGEST_LIST = 4000
_NDJSON_NAME = "ndjson"
_FILES = ("image/*", "application/octet-stream", "application/pdf")


class ListOptions(BaseModel):
    """What `GET /jobs` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(50, ge=1, le=200, description="So many jobs at most; fewer where they have many files.")
    before: float | None = Field(None, allow_inf_nan=False, description="`next` of the answer before.")


class ResultOptions(BaseModel):
    """What `GET /jobs/{job}/result` may be asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str | None = Field(None, description="`ndjson`, or an output format; by default what Accept says.")
    file: int | None = Field(None, ge=0, description="Of which file, counted from 0, where the job has several.")
    pages: PageChoice | None = Field(None, description="Only these pages, by their numbers in the file.")
    resume: str | None = Field(None, max_length=40, description="Only what comes after this, as a line told it.")
    corrected: bool = Field(True, description="With what people said in a review; false: as it was read.")
    wait_s: float = Field(0.0, ge=0.0, le=60.0, description="How long to wait for more pages of a job that runs.")


def job_routes(jobs: JobsApi) -> APIRouter:
    """`/jobs` and what is below it."""
    router = APIRouter()
    _add_submit(router, jobs)
    _add_show(router, jobs)
    _add_result(router, jobs)
    return router


def _add_submit(router: APIRouter, jobs: JobsApi) -> None:
    describe = openapi.with_idempotency_key(openapi.file_upload(JobBody, JobOptions, _FILES))

    @router.post("/jobs", status_code=202, openapi_extra=describe, responses=openapi.job_errors())
    async def submit(request: Request, response: Response) -> JobAnswer:
        """Have one file or several read, however long they are, without waiting for it."""
        job, headers = await submitted(request, jobs, partial(receive_upload, request))
        response.headers.update({**headers, "Location": _path_of(request, job)})
        return job_answer(job)


def _path_of(request: Request, job: Job) -> str:
    """The path of a job as this caller asks for it: the service may be mounted below another path."""
    return f"{request.scope['path'].rstrip('/')}/{job.id}"


def _add_show(router: APIRouter, jobs: JobsApi) -> None:
    listing = {"parameters": openapi.in_query(ListOptions)}

    @router.get("/jobs", openapi_extra=listing, responses=openapi.job_errors())
    async def show_all(request: Request) -> JobsAnswer:
        """One's own jobs, the newest first."""
        options = parse(ListOptions, query_of(request))
        before = math.inf if options.before is None else options.before
        shown, has_more = await jobs.of_owner(caller_name(request.scope), before, options.limit)
        following = repr(shown[-1].created_at) if has_more else None
        return JobsAnswer(jobs=[job_answer(job) for job in shown], next=following)

    @router.get("/jobs/{job}", responses=openapi.job_errors())
    async def show(request: Request, job: str) -> JobAnswer:
        """How far a job is."""
        return job_answer(await jobs.get(caller_name(request.scope), job))

    @router.delete("/jobs/{job}", responses=openapi.job_errors())
    async def cancel(request: Request, job: str) -> JobAnswer:
        """Cancel a job, and delete its files and all that was read of them. One that has ended is forgotten."""
        return job_answer(await jobs.cancel(caller_name(request.scope), job))


def _add_result(router: APIRouter, jobs: JobsApi) -> None:
    asked = {"parameters": openapi.in_query(ResultOptions)}
    answers = openapi.format_responses("several pages")

    @router.get(
        "/jobs/{job}/result",
        openapi_extra=asked,
        responses={200: answers[200], **openapi.job_errors()},
        response_model=DocumentAnswer,
    )
    async def result(request: Request, job: str) -> Response:
        """What was read: every page that is done as NDJSON, at any time; any other format when the job has ended."""
        owner = caller_name(request.scope)
        CURRENT_CALLER.set(owner)
        options = parse(ResultOptions, query_of(request))
        found = await jobs.results.of(owner, job)
        name = options.format or _accepted(request, found)
        if name == _NDJSON_NAME:
            if options.file is not None or options.pages is not None:
                raise OutOfRange("NDJSON has every page of every file", "go on after some of them with resume")
            if options.wait_s:
                jobs.results.require_room_to_wait(owner)
            lines = jobs.results.stream(owner, found, options.resume, options.wait_s, corrected=options.corrected)
            return StreamingResponse(lines, media_type=NDJSON)
        if options.resume is not None or options.wait_s:
            raise OutOfRange("resume and wait_s are for NDJSON", "add format=ndjson")
        chosen = format_named(name)
        written = await jobs.results.written(found, chosen, options.file, options.pages, corrected=options.corrected)
        headers = {ILLEGIBLE_LINES: str(written.illegible_lines)}
        if written.failed_pages:
            headers[FAILED_PAGES] = _listed(written.failed_pages)
        if isinstance(written.content, bytes):
            return Response(written.content, media_type=written.media_type, headers=headers)
        return StreamingResponse(written.content, media_type=written.media_type, headers=headers)


def _listed(pages: Sequence[int]) -> str:
    """Numbers of pages as a header has room for them: clients refuse long ones."""
    listed = ",".join(map(str, pages))
    return listed if len(listed) <= _LONGEST_LIST else f"{listed[:_LONGEST_LIST].rpartition(',')[0]},..."


def _accepted(request: Request, job: Job) -> str:
    """The name of the format that Accept asks for; where it takes anything, the job's own, or the pages of one that
    runs.
    """
    own = job.formats[0] if job.has_ended and job.task != "character" else _NDJSON_NAME
    accept = request.headers.get("accept", "")
    if not accept or "*/*" in accept:
        return own
    names = {NDJSON: _NDJSON_NAME}
    for name, each in formats().items():
        names.update(dict.fromkeys((each.media_type, *each.accepts), name))
    return names[accepted_media_type(accept, tuple(names))]
