"""Jobs that are nowhere but in this process."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from deployments.config.schema import JobsConfig
from deployments.jobs.job import Job, JobSummary
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_parts import Changes, changes, job_of, parts_of
from deployments.jobs.job_queue import JobQueue
from deployments.jobs.job_store import Quota
from ocr.errors import NotReady


class MemoryJobStore:
    """A JobStore in a dict. While `is_away`, it answers nobody. `written` counts what it was given to keep."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._parts: dict[str, dict[str, str]] = {}
        self.is_away = False
        self.written = 0

    async def add(self, job: Job, quota: Quota) -> Job:
        jobs = self._there()
        if job.id not in jobs:
            quota.require_room(
                [each.summary() for each in jobs.values() if each.owner == job.owner], job.summary().size
            )
            self._keep(job, parts_of(job))
        return jobs[job.id]

    async def get(self, job_id: str) -> Job | None:
        return self._there().get(job_id)

    async def version(self, job_id: str) -> int | None:
        job = self._there().get(job_id)
        return None if job is None else job.version

    async def replace(self, job: Job, earlier: Job) -> bool:
        jobs = self._there()
        if job.id not in jobs or jobs[job.id].version != earlier.version:
            return False
        self._keep(job, changes(job, earlier))
        return True

    async def remove(self, job: Job) -> None:
        self._there().pop(job.id, None)
        self._parts.pop(job.id, None)

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

    def _keep(self, job: Job, changed: Changes) -> None:
        parts = {**self._parts.get(job.id, {}), **changed}
        self._parts[job.id] = {name: content for name, content in parts.items() if content is not None}
        self._jobs[job.id] = job_of(self._parts[job.id])
        self.written += sum(len(content) for content in changed.values() if content is not None)

    def _there(self) -> dict[str, Job]:
        if self.is_away:
            raise NotReady("the store is away", "try again", 5.0)
        return self._jobs


def in_memory(config: Callable[[], JobsConfig]) -> JobQueue:
    return JobQueue(MemoryJobStore(), JobFiles(f"memory://{uuid.uuid4().hex}"), config)
