"""Where jobs are kept, as an interface. A store holds jobs in parts (job_parts.py) and knows nothing of what they mean:
a job is replaced only by its next version, so two who change it at once cannot lose a change (compare and swap).
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.jobs.job import Change, Job, JobSummary
from ocr.errors import InternalFailure, NotReady, RateLimited

RETRY_S = 5.0
# Each try sees the newest version, so one of those who try at once always succeeds.
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """What one caller may have in the store at once: jobs that have not ended, pages that wait, bytes, and jobs of
    which anything is known.
    """

    max_jobs: int
    max_waiting_pages: int
    max_bytes: float
    max_remembered: int

    def require_room(self, of_owner: Sequence[JobSummary], size: int) -> None:
        """Raises RateLimited where a caller with these jobs may not have one more of so many bytes."""
        open_jobs = [job for job in of_owner if job.is_open]
        pages, kept = sum(job.pages_left for job in open_jobs), sum(job.size for job in of_owner)
        if len(open_jobs) >= self.max_jobs:
            raise _full(f"{len(open_jobs)} jobs of yours have not ended, as many as one caller may have", 60.0)
        if pages >= self.max_waiting_pages:
            raise _full(f"{pages} pages of yours wait to be read, as many as one caller may have", 60.0)
        if len(of_owner) >= self.max_remembered:
            raise _full(f"{len(of_owner)} jobs of yours are known, as many as one caller may have", 600.0)
        if kept + size > self.max_bytes:
            raise _full(
                f"{(kept + size) / 1e6:.0f} MB would be kept for you; the limit is {self.max_bytes / 1e6:.0f}", 600.0
            )


def _full(why: str, retry_after_s: float) -> RateLimited:
    return RateLimited(why, "wait until some of them have ended, or delete jobs that you do not need", retry_after_s)


class JobStore(Protocol):
    """Every method raises NotReady while the store cannot be reached; then nothing is known of what it would have done,
    and doing it again is safe.
    """

    async def add(self, job: Job, quota: Quota) -> Job:
        """Keep a new job, and return it; the one that has its id already, if there is one. Raises RateLimited."""

    async def get(self, job_id: str) -> Job | None:
        """The newest version."""

    async def version(self, job_id: str) -> int | None:
        """The number of the newest version, which costs much less than that itself."""

    async def replace(self, job: Job, earlier: Job) -> bool:
        """Keep a job, the next version after `earlier`. False where the store has another version than that."""

    async def remove(self, job: Job) -> None:
        """Forget it."""

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        """Jobs of one caller that came before a moment, the newest first."""

    async def open_jobs(self) -> list[JobSummary]:
        """Jobs that have not ended, in any order."""

    async def due(self, now: float, most: int) -> list[str]:
        """Ids of jobs about which something is to be done (Job.due_at), the most urgent first."""

    async def folders(self) -> set[str]:
        """The folders of all jobs."""

    async def close(self) -> None:
        """Let go of what the store holds in this process."""


async def change(store: JobStore, job_id: str, apply: Change) -> Job | None:
    """The job after the change; None where there is no such job, or the change does not apply. `apply` is called again
    where somebody else was faster.
    """
    for _ in range(_TRIES):
        job = await store.get(job_id)
        if job is None:
            return None
        changed = apply(job)
        if changed is None or changed is job:
            return changed
        following = changed.as_version_after(job)
        if await store.replace(following, job):
            return following
    raise InternalFailure(f"job {job_id} is changed all the time", "try again")


def away(error: Exception, what: str = "the store of jobs") -> NotReady:
    """What to say while `what` cannot be reached, or has no room left."""
    if is_full(error):
        return NotReady(f"{what} has no room left", "free room on its disk; nothing that was accepted is lost", RETRY_S)
    return NotReady(
        f"{what} does not answer ({type(error).__name__})",
        "try again in a few seconds; nothing that was accepted is lost",
        RETRY_S,
    )


def is_full(error: Exception) -> bool:
    """Whether the disk is full, or the share of it that may be used."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
