"""What the Gateway and the workers do with jobs: keep one, look at one, read its pages, call back, delete.

A page is done when what was read lies in a file and the job says so, in this order; the name of the file has the token
of the lease. So what a reader wrote that lost its lease is never looked at.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from deployments.config.schema import JobsConfig
from deployments.jobs import callbacks
from deployments.jobs.fair_shares import FairShares
from deployments.jobs.job import (
    OPENING,
    UNREAD,
    Job,
    JobSummary,
    Lease,
    call_begun,
    called,
    ended,
    file_opened,
    file_refused,
    given_back,
    lease_pages,
    page_read,
    renewed,
    was_read,
    without_content,
)
from deployments.jobs.job_files import JobFiles, made_at
from deployments.jobs.job_store import JobStore, Quota, change
from deployments.jobs.redis_store import RedisJobStore
from deployments.jobs.sqlite_store import SqliteJobStore
from deployments.observability.metrics import JOB_CALLBACKS, RecordMetric, ignore_metric
from ocr.contract import Problem
from ocr.errors import Expired, NotFound, NotReady, TooLarge

log = logging.getLogger("quorum.jobs")

_DUE_AT_ONCE = 100
# Callbacks that one process makes at once, and those of them that are of one caller.
_CALLS_AT_ONCE, _CALLS_OF_ONE_CALLER = 32, 4
_ORPHAN_S = 86_400.0


@dataclass(frozen=True, slots=True)
class KeptPage:
    """What was read of one page: an answer of the contract as JSON, what a PDF says of the page itself, and the pixels
    an inch that it was read with. Beside it, so that nobody has to read the answer for that: whether it is that the
    page could not be read, its languages (ISO 639-1), and how many lines nobody can read.
    """

    answer: bytes
    pdf: Mapping[str, Any] | None = None
    dpi: tuple[float, float] | None = None
    is_failed: bool = False
    languages: tuple[str, ...] = ()
    illegible_lines: int = 0

    def packed(self) -> bytes:
        beside = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "answer"}
        return self.answer + b"\n" + json.dumps(beside).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> KeptPage:
        answer, _, beside = content.partition(b"\n")
        told = json.loads(beside)
        told["dpi"] = None if told["dpi"] is None else tuple(told["dpi"])
        return cls(answer, **{**told, "languages": tuple(told["languages"])})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands in the result of its job: files in order, pages in order. `index` is that of the page among
    those that are asked for; OPENING for a file of which nothing can be read.
    """

    file: int
    index: int


@dataclass(frozen=True, slots=True)
class Leased:
    """Pages of one file for a reader. `at_once` is how many pages of their owner, in jobs of the same priority, are not
    read yet, with these.
    """

    job: Job
    leases: tuple[Lease, ...]
    at_once: int


class JobQueue:
    """All of it, in one process. `config` gives the limits of the moment, `share` how large a share each caller has."""

    def __init__(
        self,
        store: JobStore,
        files: JobFiles,
        config: Callable[[], JobsConfig],
        share: Callable[[str], float] = lambda _: 1.0,
        record: RecordMetric = ignore_metric,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.files = files
        self._config = config
        self._shares = FairShares(share)
        self._record = record
        self._clock = clock
        self._calls: dict[asyncio.Task[None], str] = {}

    @property
    def config(self) -> JobsConfig:
        return self._config()

    @property
    def now(self) -> float:
        return self._clock()

    async def add(self, job: Job) -> Job:
        """Keep a job whose files are there. Raises RateLimited where its owner has too much already."""
        return await self.store.add(job, self._quota)

    async def require_room(self, owner: str, size: int) -> None:
        """Raises RateLimited where `add` would, as far as that is known before the upload."""
        own = [job for job in await self.store.open_jobs() if job.owner == owner]
        self._quota.require_room(own, size)

    @property
    def _quota(self) -> Quota:
        limits = self._config()
        return Quota(limits.max_jobs, limits.max_waiting_pages, limits.max_kept_mb * 1e6, limits.max_remembered)

    async def get(self, owner: str, job_id: str) -> Job:
        """The job, if it is this caller's. Raises NotFound."""
        job = await self.store.get(job_id)
        if job is None or job.owner != owner:
            raise NotFound(f"there is no job {job_id[:40]!r} of yours", "GET /jobs lists them")
        return job

    async def newest(self, seen: Job) -> Job | None:
        """The job as it is now, None where it is gone. The store is asked for all of it only where it is not what was
        `seen`.
        """
        if await self.store.version(seen.id) == seen.version:
            return seen
        return await self.store.get(seen.id)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """The job without anything that it held: cancelled where it had not ended, else forgotten."""
        job = await self.get(owner, job_id)
        if job.has_ended:
            await self.files.remove(job.folder)
            await self.store.remove(job)
            return job
        cancelled = await change(
            self.store, job_id, lambda current: None if current.has_ended else ended(current, "cancelled", self.now)
        )
        if cancelled is None:  # it ended in this moment
            return await self.cancel(owner, job_id)
        await self._delete_content(cancelled)
        return await self.get(owner, job_id)

    def on_disk(self, job: Job, file: int) -> AbstractAsyncContextManager[Path]:
        """One of the files that were submitted, as JobFiles.on_disk gives it."""
        return self.files.on_disk(f"{job.folder}/{job.files[file].path}")

    # What workers do.

    async def next_pages(self, reader: str, most: int, but_of: Collection[str] = ()) -> Leased | None:
        """Pages of one file for a reader, by the turns of callers; None while nothing waits, or only what is `but_of`
        callers whose pages it does not want.
        """
        now, lease_s = self.now, self._config().lease_s
        open_jobs = await self.store.open_jobs()
        for summary in self._shares.in_order(open_jobs, now):
            if summary.owner in but_of:
                continue
            leases: tuple[Lease, ...] = ()

            def apply(job: Job) -> Job:
                nonlocal leases
                leased, leases = lease_pages(job, reader, most, now, lease_s)
                return leased

            job = await change(self.store, summary.id, apply)
            if job is not None and leases:
                self._shares.served(summary, len(leases))
                same = (each for each in open_jobs if (each.owner, each.priority) == (job.owner, job.priority))
                return Leased(job, leases, sum(each.pages_left for each in same))
        return None

    async def renew(self, job_id: str, tokens: Sequence[int]) -> set[int]:
        """Go on with these leases. Returns those that are still held."""
        until = self.now + self._config().lease_s
        job = await change(self.store, job_id, lambda current: renewed(current, tokens, until))
        return set() if job is None else {lease.token for lease in job.leases} & set(tokens)

    async def give_back(
        self, job_id: str, tokens: Sequence[int], pause_s: float = 0.0, *, counts: bool = False
    ) -> None:
        """Let others read these pages, after a pause. `counts`: it was an attempt."""
        until = self.now + pause_s if pause_s else 0.0
        await change(self.store, job_id, lambda current: given_back(current, tokens, until, counts=counts))

    async def opened(self, job_id: str, lease: Lease, page_count: int, page_numbers: Sequence[int]) -> bool:
        """Note the pages of a file; that nothing of it is read where the job has too many with them. False where the
        lease is lost.
        """
        most = self._config().max_pages

        def apply(current: Job) -> Job | None:
            pages = len(page_numbers) + sum(len(file.page_numbers or ()) for file in current.files)
            if pages <= most:
                return file_opened(current, lease, page_count, page_numbers, self.now)
            message = f"with this file the job has {pages} pages; the limit is {most}"
            problem = Problem(code=TooLarge.code, message=message, hint="submit it in a job of its own")
            return file_refused(current, lease, problem, self.now)

        return await change(self.store, job_id, apply) is not None

    async def refused(self, job_id: str, lease: Lease, problem: Problem) -> bool:
        """Note that nothing of a file can be read. False where the lease is lost."""
        apply = lambda current: file_refused(current, lease, problem, self.now)  # noqa: E731
        return await change(self.store, job_id, apply) is not None

    async def keep(self, job: Job, lease: Lease, page: KeptPage, problem: Problem | None) -> bool:
        """Keep what was read of a page. False where the lease is lost; then what somebody else reads is kept."""
        path = _path_of_page(job, lease.file, lease.index, lease.token)
        size = await self.files.write(path, page.packed())

        def apply(current: Job) -> Job | None:
            if was_read(current, lease):  # the answer to an earlier try was lost
                return current
            return page_read(current, lease, size, problem, self.now)

        if await change(self.store, job.id, apply) is not None:
            return True
        await self.files.remove(path)
        return False

    # What is read of results.

    async def outcome(self, job: Job, place: Place) -> KeptPage | Problem:
        """What was read there; the problem of a file of which nothing can be read. Raises as `page` does."""
        problem = job.files[place.file].problem
        return await self.page(job, place) if problem is None else problem

    async def page(self, job: Job, place: Place) -> KeptPage:
        """What was read of one page. Raises Expired where it was deleted."""
        path = _path_of_page(job, place.file, place.index, job.files[place.file].tokens[place.index])
        try:
            return KeptPage.unpacked(await self.files.read(path))
        except FileNotFoundError as error:
            raise Expired("the results of this job were deleted", "submit the job again") from error

    # What is done by the clock.

    async def look_after(self) -> None:
        """Delete what is over, and begin the callbacks that are due. Those go on by themselves: each may wait for
        somebody who does not answer, and what is over does not wait for that.
        """
        for job_id in await self.store.due(self.now, _DUE_AT_ONCE):
            job = await self.store.get(job_id)
            if job is not None and _is_due(job, self.now):
                await self._begin_call(job)
            elif job is not None:
                await self._end_or_delete(job)

    async def calls_made(self) -> None:
        """Wait for the callbacks that were begun."""
        await asyncio.gather(*self._calls)

    async def close(self) -> None:
        """Give up the callbacks that were begun, which are made again by others; let go of store and files."""
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        self.files.close()
        await self.store.close()

    async def remove_orphans(self) -> int:
        """Delete folders that are a day old and of no job: of uploads that broke off with their Gateway."""
        old = [folder for folder in await self.files.folders() if made_at(folder) < self.now - _ORPHAN_S]
        if not old:
            return 0
        known = await self.store.folders()
        orphans = [folder for folder in old if folder not in known]
        for folder in orphans:
            await self.files.remove(folder)
        return len(orphans)

    async def open_jobs(self) -> list[JobSummary]:
        """What has not ended."""
        return await self.store.open_jobs()

    async def _end_or_delete(self, job: Job) -> None:
        if job.expires_at <= self.now and not job.is_discarded:
            over = await change(self.store, job.id, lambda current: ended(current, "expired", self.now))
            if over is not None:
                await self._delete_content(over)
        elif job.holds_content:
            await self._delete_content(job)
        else:
            await self.store.remove(job)

    async def _delete_content(self, job: Job) -> None:
        await self.files.remove(job.folder)
        remembered_s = self._config().remembered_s
        await change(self.store, job.id, lambda current: without_content(current, self.now, remembered_s))

    async def _begin_call(self, job: Job) -> None:
        """Have one call made, by one of all who look after jobs; later where this process has no room for it."""
        until = self.now + 2.0 * callbacks.CALL_S
        mine = await change(
            self.store, job.id, lambda current: call_begun(current, until) if _is_due(current, self.now) else None
        )
        of_owner = sum(owner == job.owner for owner in self._calls.values())
        if mine is None or of_owner >= _CALLS_OF_ONE_CALLER or len(self._calls) >= _CALLS_AT_ONCE:
            return
        task = asyncio.create_task(self._call_back(mine))
        self._calls[task] = job.owner
        task.add_done_callback(self._calls.pop)

    async def _call_back(self, job: Job) -> None:
        callback = job.callback
        if callback is None:
            return
        try:
            made = await callbacks.call(job, callback, self.now, self._config().callback_networks)
            next_at = callbacks.next_try_at(callback, made, self.now)
            result = "failed" if made.problem else "delivered"
            self._record(JOB_CALLBACKS, result=result)
            log.info("a callback of job %s: %s", job.id, result)
            await change(self.store, job.id, lambda current: called(current, made, next_at))
        except NotReady as error:
            log.warning("what became of a callback of job %s is not kept: %s", job.id, error.message)
        except Exception:
            log.exception("a callback of job %s failed; it is made again", job.id)


def _is_due(job: Job, now: float) -> bool:
    return job.callback is not None and job.callback.next_at is not None and job.callback.next_at <= now


def places(job: Job, after: Place | None = None) -> list[Place]:
    """Where there is something to answer, in order, up to the first page that was not read yet."""
    found: list[Place] = []
    for number, file in enumerate(job.files):
        if after is not None and number < after.file:
            continue
        begin = after.index + 1 if after is not None and number == after.file else 0
        if file.problem is not None:
            if after is None or number > after.file:
                found.append(Place(number, OPENING))
            continue
        if not file.is_opened:
            return found
        for index in range(begin, len(file.tokens)):
            if file.tokens[index] == UNREAD:
                return found
            found.append(Place(number, index))
    return found


def _path_of_page(job: Job, file: int, index: int, token: int) -> str:
    return f"{job.folder}/pages/{file}-{job.files[file].page_number(index)}-{token}.json.gz"


def job_queue(
    redis_url: str | None,
    state_dir: Path,
    files_at: str | None,
    application: str,
    config: Callable[[], JobsConfig],
    share: Callable[[str], float] = lambda _: 1.0,
    record: RecordMetric = ignore_metric,
) -> JobQueue:
    """The jobs of an application: in Redis where there is one, else in a file below `state_dir`."""
    folder = state_dir.expanduser() / application / "jobs"
    store: JobStore = RedisJobStore(redis_url, application) if redis_url else SqliteJobStore(folder / "jobs.sqlite3")
    return JobQueue(store, JobFiles(files_at or str(folder / "files")), config, share, record)
