"""`/v1/files` in the shape of Mistral's API: a document that is sent before `POST /v1/ocr` asks for its text.

A file is a job: it is read from the moment on in which it came, and may be as long as one. Its `url` is no address on
the network but a name that only `/v1/ocr` of this service knows, and only for the caller whose file it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.access.access_middleware import caller_name
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.jobs.submission import submitted
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits, receive_upload
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of
from deployments.jobs.job import Job
from deployments.jobs.job_files import JobFiles
from ocr.errors import NotFound, OutOfRange, UnsupportedFormat

URL_OF_FILE = "quorum-file:"
"""What the `url` of a file begins with, before its id."""

_OPTIONS = {"priority": "interactive", "formats": ("json",)}
_PURPOSE = "ocr"


class _UrlQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    expiry: int = Field(24, ge=1, description="Hours; the file itself may be deleted before (jobs.expires_s).")


def mistral_file_routes(jobs: JobsApi) -> APIRouter:
    """`POST /v1/files`, and what can be asked of a file."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves
    _add_upload(router, jobs)
    _add_file(router, jobs)
    return router


def _add_upload(router: APIRouter, jobs: JobsApi) -> None:
    @router.post("/v1/files")
    async def upload(request: Request, response: Response) -> dict[str, Any]:
        """Keep a file, and begin to read it."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise UnsupportedFormat("a file comes in a form", "send it as multipart/form-data, in the field 'file'")

        async def take(files: JobFiles, folder: str, limits: UploadLimits) -> KeptUpload:
            kept = await receive_upload(request, files, folder, limits)
            if (purpose := kept.fields.get("purpose", _PURPOSE)) != _PURPOSE:
                raise OutOfRange(f"purpose is {str(purpose)[:40]!r}", f"files are kept for purpose={_PURPOSE}")
            if len(kept.files) > 1:
                raise OutOfRange(f"{len(kept.files)} files were sent", "send each by itself")
            return replace(kept, fields=_OPTIONS)

        job, headers = await submitted(request, jobs, take)
        response.headers.update(headers)
        return _told(job)


def _add_file(router: APIRouter, jobs: JobsApi) -> None:
    @router.get("/v1/files/{job}")
    async def show(request: Request, job: str) -> dict[str, Any]:
        """What is known of a file."""
        return {**_told(await file_of(request, jobs, job)), "deleted": False}

    @router.get("/v1/files/{job}/url")
    async def url(request: Request, job: str) -> dict[str, str]:
        """Under which name the file is read."""
        parse(_UrlQuery, query_of(request))
        return {"url": URL_OF_FILE + (await file_of(request, jobs, job)).id}

    @router.delete("/v1/files/{job}")
    async def delete(request: Request, job: str) -> dict[str, Any]:
        """Delete the file and what was read of it."""
        found = await file_of(request, jobs, job)
        await jobs.cancel(found.owner, found.id)
        return {"id": found.id, "object": "file", "deleted": True}


async def file_of(request: Request, jobs: JobsApi, file_id: str) -> Job:
    """The job of a caller's file. Raises NotFound."""
    found = await jobs.get(caller_name(request.scope), file_id)
    if len(found.files) != 1 or found.task != "text":
        raise NotFound(f"{file_id[:40]!r} is no file of this protocol", "ask for it at /jobs")
    return found


def _told(job: Job) -> dict[str, Any]:
    [file] = job.files
    return {
        "id": job.id,
        "object": "file",
        "bytes": file.size,
        "created_at": int(job.created_at),
        "filename": file.name,
        "purpose": _PURPOSE,
        "sample_type": "ocr_input",
        "source": "upload",
    }
