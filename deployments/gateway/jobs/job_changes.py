"""Waiting for a job to change. All who wait for the same one look together: each look costs the store, and the whole
record where something changed.
"""

from __future__ import annotations

import asyncio

from deployments.jobs.job import Job
from deployments.jobs.job_queue import JobQueue

# How soon a page that was read is seen by who waits for it.
_LOOK_S = 0.5


class JobChanges:
    """Of one Gateway."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._looks: dict[str, asyncio.Task[Job | None]] = {}

    async def after(self, job: Job) -> Job:
        """The job a moment later. Raises NotFound where it is gone then."""
        look = self._looks.get(job.id)
        if look is None:
            look = self._looks[job.id] = asyncio.create_task(self._look(job))
            look.add_done_callback(lambda done: self._end(job.id, done))
        found = await asyncio.shield(look)
        return await self._queue.get(job.owner, job.id) if found is None else found

    async def _look(self, job: Job) -> Job | None:
        await asyncio.sleep(_LOOK_S)
        return await self._queue.newest(job)

    def _end(self, job_id: str, look: asyncio.Task[Job | None]) -> None:
        del self._looks[job_id]
        if not look.cancelled():
            look.exception()  # where nobody waits any more, nobody is told
