"""What a worker does for jobs by the clock: callbacks, deletion of what is over, and figures of what waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import get_args

from deployments.jobs.job import JobSummary
from deployments.jobs.job_queue import JobQueue
from deployments.observability.metrics import (
    JOB_PAGES_WAITING,
    JOB_STORE_ERRORS,
    JOBS_OLDEST,
    JOBS_OPEN,
    RecordMetric,
    ignore_metric,
)
from ocr.errors import NotReady
from ocr.job_contract import Priority

log = logging.getLogger("quorum.jobs")

_EVERY_S = 1.0
_ORPHANS_EVERY_S = 3600.0


class JobKeeper:
    """Runs beside the reader of each replica. That several replicas do the same harms nothing: each change is made by
    one of them.
    """

    def __init__(self, queue: JobQueue, record: RecordMetric = ignore_metric) -> None:
        self._queue = queue
        self._record = record
        self._orphans_at = 0.0
        self.pages_waiting = 0

    async def run(self) -> None:
        """Look after jobs until it is cancelled."""
        while True:
            try:
                await self.look()
            except NotReady as error:
                self._record(JOB_STORE_ERRORS)
                log.warning("jobs are not looked after: %s", error.message)
            except Exception:
                log.exception("looking after jobs failed")
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Do what is due."""
        self._tell(await self._queue.open_jobs())
        await self._queue.look_after()
        if self._orphans_at <= self._queue.now:
            self._orphans_at = self._queue.now + _ORPHANS_EVERY_S
            await self._queue.remove_orphans()

    def _tell(self, jobs: Sequence[JobSummary]) -> None:
        self.pages_waiting = sum(job.pages_left for job in jobs)
        for priority in get_args(Priority):
            chosen = [job for job in jobs if job.priority == priority]
            oldest = min((job.created_at for job in chosen), default=self._queue.now)
            self._record(JOB_PAGES_WAITING, sum(job.pages_left for job in chosen), priority=priority)
            self._record(JOBS_OPEN, len(chosen), priority=priority)
            self._record(JOBS_OLDEST, max(0.0, self._queue.now - oldest), priority=priority)
