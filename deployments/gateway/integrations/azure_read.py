"""The models `prebuilt-read` and `prebuilt-layout` of Azure's Document Intelligence (REST, 2024-11-30), which
paperless-ngx and Open WebUI speak: a document is sent, read as a job, and asked for until it is there. They read the
same; `prebuilt-layout` may be asked for Markdown.

The document comes in the request: nothing is fetched from elsewhere. The key comes as `Ocp-Apim-Subscription-Key`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.access.access_middleware import caller_name
from deployments.gateway.access.client_address import own_address
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.gateway.error_responses import azure_error
from deployments.gateway.formats import format_named
from deployments.gateway.integrations.azure_result import ContentFormat, StringIndex, analysis
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.jobs.submission import submitted
from deployments.gateway.requests.json_uploads import FileFields
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits, receive_upload
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of
from deployments.jobs.job import Job
from deployments.jobs.job_files import JobFiles
from ocr.contract import PageChoice, Problem
from ocr.errors import InvalidRequest, NotFinished, NotFound, OutOfRange
from ocr.text.languages import LANGUAGES, known

LAYOUT = "prebuilt-layout"
MODELS = ("prebuilt-read", LAYOUT)
API_VERSION = "2024-11-30"
ANALYZE = "/documentintelligence/documentModels/{model}:analyze"
RESULT = "/documentintelligence/documentModels/{model}/analyzeResults/{job}"

_FILE = FileFields("base64Source", several=None, address="urlSource")
_PDF = "pdf"
_LEAST_POLL_S, _LONGEST_POLL_S = 1, 5  # without Retry-After the client looks again after 30 s
_STATUS = {
    "queued": "running",  # `notStarted` is one of theirs too, but paperless-gpt takes it for a failure
    "running": "running",
    "succeeded": "succeeded",
    "partly": "succeeded",
    "failed": "failed",
    "cancelled": "canceled",
    "expired": "failed",
}


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    api_version: str = Field(alias="api-version")


class AnalyzeQuery(_Query):
    """What a document is sent with."""

    pages: PageChoice | None = None
    locale: str | None = Field(None, max_length=40)
    string_index_type: StringIndex = Field("textElements", alias="stringIndexType")
    output_content_format: ContentFormat = Field("text", alias="outputContentFormat")
    output: str = ""
    features: str = ""
    query_fields: str = Field("", alias="queryFields")


class ResultQuery(_Query):
    """What a result is asked for with: `Operation-Location` has it."""

    string_index_type: StringIndex = Field("textElements", alias="stringIndexType")
    output_content_format: ContentFormat = Field("text", alias="outputContentFormat")


def azure_routes(jobs: JobsApi, trusted_proxies: Callable[[], Sequence[str]]) -> APIRouter:
    """`POST .../MODEL:analyze`, its result, the PDF with its text, and how it is deleted."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves
    _add_analyze(router, jobs, trusted_proxies)
    _add_result(router, jobs)
    return router


def _add_analyze(router: APIRouter, jobs: JobsApi, trusted_proxies: Callable[[], Sequence[str]]) -> None:
    @router.post(ANALYZE)
    async def analyze(request: Request, model: str) -> Response:
        """Keep a document, which is read afterwards."""
        _require_model(model)
        asked = _versioned(AnalyzeQuery, request)
        options = _job_options(asked, model)

        async def take(files: JobFiles, folder: str, limits: UploadLimits) -> KeptUpload:
            upload = await receive_upload(request, files, folder, limits, _FILE)
            if unknown := sorted(upload.fields.keys() - query_of(request).keys()):
                raise InvalidRequest(f"unknown field '{unknown[0][:40]}'", f"the body has '{_FILE.one}' alone")
            return replace(upload, fields=options)

        job, headers = await submitted(request, jobs, take)
        address = own_address(request.scope, trusted_proxies())
        headers["Operation-Location"] = address + _path_of(request, job, asked)
        headers["Retry-After"] = _poll_s(job)
        return Response(status_code=202, headers=headers)


def _add_result(router: APIRouter, jobs: JobsApi) -> None:
    @router.get(RESULT)
    async def result(request: Request, model: str, job: str) -> Response:
        """How far it is; at its end what was read."""
        asked = _versioned(ResultQuery, request)
        found = await _job(request, jobs, model, job)
        told = _status(found)
        if not found.has_ended:
            return JSONResponse(told, headers={"Retry-After": _poll_s(found)})
        if told["status"] != "succeeded":
            return JSONResponse({**told, "error": _why_not(found)})
        await jobs.results.of(found.owner, found.id)  # it may be deleted already
        CURRENT_CALLER.set(found.owner)
        pieces = jobs.results.turns.pieces(found.owner, _told(told, jobs, found, model, asked))
        return StreamingResponse(pieces, media_type="application/json")

    @router.get(f"{RESULT}/pdf")
    async def pdf(request: Request, model: str, job: str) -> Response:
        """The document as a PDF with its text."""
        _versioned(ResultQuery, request)
        found = await _job(request, jobs, model, job)
        if _PDF not in found.formats:
            raise NotFound("no PDF was asked for", "send the document with output=pdf")
        found = await jobs.results.of(found.owner, found.id)
        if not found.has_ended:
            raise NotFinished(f"the job is {found.state}", "ask again when its status is succeeded")
        CURRENT_CALLER.set(found.owner)
        written = await jobs.results.written(found, format_named(_PDF), 0, None)
        return Response(written.content, media_type=written.media_type)

    @router.delete(RESULT)
    async def delete(request: Request, model: str, job: str) -> Response:
        """Delete the document and what was read of it."""
        _versioned(ResultQuery, request)
        found = await _job(request, jobs, model, job)
        await jobs.cancel(found.owner, found.id)
        return Response(status_code=204)


async def _told(told: dict[str, Any], jobs: JobsApi, job: Job, model: str, asked: ResultQuery) -> AsyncIterator[bytes]:
    yield json.dumps(told).encode()[:-1] + b', "analyzeResult": '
    beside = {"apiVersion": API_VERSION, "modelId": model}
    index, form = asked.string_index_type, asked.output_content_format
    async for piece in analysis(beside, lambda: jobs.results.pages(job, 0), index, form):
        yield piece
    yield b"}"


def _versioned(query: type[AnalyzeQuery] | type[ResultQuery], request: Request) -> Any:  # noqa: ANN401 - one of them
    """What the query says. Raises for a version that is not spoken here."""
    asked = parse(query, query_of(request))
    if asked.api_version != API_VERSION:
        raise OutOfRange(f"api-version is {asked.api_version[:20]!r}", f"this service speaks {API_VERSION}")
    return asked


def _require_model(model: str) -> None:
    if model not in MODELS:
        raise NotFound(f"there is no model '{model[:60]}'", f"this service has {' and '.join(MODELS)}")


def _job_options(asked: AnalyzeQuery, model: str) -> dict[str, Any]:
    """The options of the job. Raises OutOfRange for what is not done here, before the document is received."""
    outputs = [each for each in asked.output.split(",") if each]
    if unknown := [each for each in outputs if each != _PDF]:
        raise OutOfRange(f"output is '{unknown[0][:40]}'", f"ask for {_PDF}, or for nothing more")
    if asked.output_content_format == "markdown" and model != LAYOUT:
        raise OutOfRange(f"{model} has text alone, not markdown", f"ask {LAYOUT} for it")
    if asked.features or asked.query_fields:
        raise OutOfRange("this service has no further features", "leave features and queryFields out")
    options: dict[str, Any] = {"priority": "interactive", "formats": ("json", *outputs)}
    if asked.pages is not None:
        options["pages"] = asked.pages
    if asked.locale is not None:
        options["lang"] = _language(asked.locale)
    return options


def _language(locale: str) -> str:
    """ISO 639-1 of a tag such as en-US."""
    language = locale.partition("-")[0].lower()
    if language not in LANGUAGES:
        raise OutOfRange(f"locale is '{locale}'", known())
    return language


def _path_of(request: Request, job: Job, asked: AnalyzeQuery) -> str:
    """Where the result will be, as this caller asks: the service may be mounted below another path."""
    path = request.scope["path"].rstrip("/").removesuffix(":analyze")
    query = f"api-version={API_VERSION}&stringIndexType={asked.string_index_type}"
    if asked.output_content_format == "markdown":
        query += "&outputContentFormat=markdown"
    return f"{path}/analyzeResults/{job.id}?{query}"


async def _job(request: Request, jobs: JobsApi, model: str, job_id: str) -> Job:
    _require_model(model)
    found = await jobs.get(caller_name(request.scope), job_id)
    if len(found.files) != 1 or found.task != "text":
        raise NotFound("this job is no document of this protocol", "ask for it at /jobs")
    return found


def _poll_s(job: Job) -> str:
    """When to look again, in whole seconds: the later, the longer it still takes."""
    expected_s = 0.0 if job.seconds_left is None else job.seconds_left
    return str(min(_LONGEST_POLL_S, max(_LEAST_POLL_S, int(expected_s / 10.0))))


def _status(job: Job) -> dict[str, Any]:
    changed = job.finished_at or job.last_read_at or job.started_at or job.created_at
    return {
        "status": _STATUS[job.state],
        "createdDateTime": _moment(job.created_at),
        "lastUpdatedDateTime": _moment(changed),
    }


def _why_not(job: Job) -> dict[str, str]:
    problem = job.files[0].problem or next((failure.problem for failure in job.failures), None)
    return azure_error(problem or Problem(code=job.state, message=f"nothing was read: the job is {job.state}"))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
