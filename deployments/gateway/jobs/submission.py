"""A request that submits a job: for whom, under which key, and what its answer says of a request that came again."""

from __future__ import annotations

from fastapi import Request

from deployments.gateway.access.access_middleware import caller_name
from deployments.gateway.access.reading_middleware import IDEMPOTENCY_KEY, REPLAYED, idempotency_key
from deployments.gateway.jobs.jobs_api import JobsApi, Take
from deployments.gateway.requests.bodies import announced_bytes
from deployments.jobs.job import Job


async def submitted(request: Request, jobs: JobsApi, take: Take) -> tuple[Job, dict[str, str]]:
    """The job of what `take` receives, and headers for the answer. Raises as `JobsApi.receive` does."""
    key = idempotency_key(request.headers) if IDEMPOTENCY_KEY in request.headers else None
    found = await jobs.receive(caller_name(request.scope), key, announced_bytes(request), take)
    return found.job, {REPLAYED: "true"} if found.is_repeated else {}
