"""Jobs that are nowhere but in this process."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from deployments.config.schema import JobsConfig
from deployments.jobs.job import Job, JobSummary
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from deployments.jobs.job_store import Quota
from ocr.errors import NotReady


class MemoryJobStore:
    """A JobStore in a dict. While `is_away`, it answers nobody."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.is_away = False

    async def add(self, job: Job, quota: Quota) -> Job:
        jobs = self._there()
        if job.id not in jobs:
            quota.require_room(
                [each.summary() for each in jobs.values() if each.owner == job.owner], job.summary().size
            )
            jobs[job.id] = job
        return jobs[job.id]

    async def get(self, job_id: str) -> Job | None:
        return self._there().get(job_id)

    async def replace(self, job: Job) -> bool:
        jobs = self._there()
        if job.id not in jobs or jobs[job.id].version != job.version - 1:
            return False
        jobs[job.id] = job
        return True

    async def remove(self, job: Job) -> None:
        self._there().pop(job.id, None)

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        own = [job for job in self._there().values() if job.owner == owner and job.created_at < before]
        return sorted(own, key=lambda job: -job.created_at)[:most]

    async def open_jobs(self) -> list[JobSummary]:
        return [job.summary() for job in self._there().values() if not job.has_ended]

    async def due(self, now: float, most: int) -> list[str]:
        due = [(job.due_at, job.id) for job in self._there().values() if job.due_at is not None and job.due_at <= now]
        return [job_id for _, job_id in sorted(due)][:most]

    async def folders(self) -> set[str]:
        return {job.folder for job in self._there().values()}

    async def close(self) -> None:
        pass

    def _there(self) -> dict[str, Job]:
        if self.is_away:
            raise NotReady("the store is away", "try again", 5.0)
        return self._jobs


def in_memory(config: Callable[[], JobsConfig]) -> JobQueue:
    return JobQueue(MemoryJobStore(), JobFiles(f"memory://{uuid.uuid4().hex}"), config)
