"""Jobs as the Gateway offers them: submit, look, fetch (job_results.py), cancel. Takes what was uploaded and options,
so that routes in other programs' protocols can use it as well; knows no HTTP.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deployments.gateway.formats import format_named
from deployments.gateway.jobs.job_results import JobResults
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits
from deployments.gateway.requests.options import parse
from deployments.jobs.job import Callback, Job
from deployments.jobs.job_files import JobFiles, new_folder
from deployments.jobs.job_queue import JobQueue
from deployments.replica.counted import counted
from ocr.contract import CharacterOptions, DocumentOptions
from ocr.errors import NotReady, OutOfRange, Overloaded, QuorumError
from ocr.job_contract import JobOptions

# Of a body at least so much is files: base64 takes a third more, and forms a little.
_LEAST_CONTENT = 0.7
_RETRY_S = 5.0
# Jobs that a list looks at together, and after how many files it ends.
_LISTED_AT_ONCE, _LISTED_FILES = 5, 500
_ASKED_OF_PAGES = ("task", "priority", "formats", "callback", "expires_s")


Take = Callable[[JobFiles, str, UploadLimits], Awaitable[KeptUpload]]
"""Receives the files of a job into a folder."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job, and whether it was there already under the same idempotency key."""

    job: Job
    is_repeated: bool


async def _is_shared() -> str:
    return ""


class JobsApi:
    """All of it, on one Gateway. `wake` tells a worker that something waits; `not_shared` says why a job that is kept
    here would not be seen on other nodes, "" where it would.
    """

    def __init__(
        self,
        queue: JobQueue,
        readings: ReadingApi,
        wake: Callable[[], None] = lambda: None,
        not_shared: Callable[[], Awaitable[str]] = _is_shared,
    ) -> None:
        self.queue = queue
        self._readings = readings
        self._wake = wake
        self._not_shared = not_shared
        self.results = JobResults(queue, readings)
        self._under_way: Counter[str] = Counter()

    @property
    def _upload_limits(self) -> UploadLimits:
        limits = self._readings.limits
        return UploadLimits(limits.max_job_bytes, limits.max_bytes, self.queue.config.max_files)

    async def receive(self, owner: str, key: str | None, announced: int | None, take: Take) -> Submitted:
        """Keep as a job what `take` receives; `announced` is the size of the body, where it is known. Under the same
        `key` the same request is the same job. Raises what `take` does, what is wrong with the options, RateLimited and
        Overloaded where the caller has too much already, and NotReady where not every node would see a job; then
        nothing is kept.
        """
        await self._require_shared()
        if key is None:  # else it may be a job that there is already
            await self.queue.require_room(owner, int(_LEAST_CONTENT * (announced or 0)))
        folder = new_folder(self.queue.now)
        limits = self._upload_limits
        try:
            with self._arriving(owner, limits.max_bytes if announced is None else min(announced, limits.max_bytes)):
                return await self._submit(owner, folder, await take(self.queue.files, folder, limits), key)
        except BaseException:
            with suppress(QuorumError):  # what cannot be deleted now is deleted as of no job later
                await self.queue.files.remove(folder)
            raise

    @contextmanager
    def _arriving(self, owner: str, size: int) -> Iterator[None]:
        """An upload of so many bytes at most, which are on the disk before they count as kept. Raises Overloaded where
        this caller has as many under way already as may be kept for one; a single upload always has room.
        """
        under_way, most = self._under_way[owner], self.queue.config.max_kept_mb * 1e6
        if under_way and under_way + size > most:
            raise Overloaded(
                f"uploads of yours of {under_way / 1e6:.0f} MB are under way; the limit is {most / 1e6:.0f}",
                "send it when one of them has arrived, and say its Content-Length",
                _RETRY_S,
            )
        with counted(self._under_way, owner, size):
            yield

    async def _require_shared(self) -> None:
        problem = await self._not_shared()
        if problem:
            raise NotReady(problem, "set REDIS_URL, and JOBS_FILES to what all nodes share (docs/operations.md)", 60.0)

    async def _submit(self, owner: str, folder: str, upload: KeptUpload, key: str | None) -> Submitted:
        options = parse(JobOptions, upload.fields)
        asked = self._checked(options)
        digest = hashlib.sha256(f"{upload.digest}\n{options.model_dump_json()}".encode()).hexdigest()
        now, limits = self.queue.now, self.queue.config
        expires_at = now + min(options.expires_s or limits.expires_s, limits.max_expires_s)
        callback = options.callback
        job = Job(
            id=_id_of(owner, key),
            owner=owner,
            folder=folder,
            digest=digest,
            options={"task": options.task, **asked},
            priority=options.priority,
            formats=options.formats,
            files=upload.files,
            created_at=now,
            expires_at=expires_at,
            forget_at=expires_at + limits.remembered_s,
            callback=None if callback is None else Callback(url=callback.url, secret=callback.secret),
        )
        kept = await self.queue.add(job)
        if kept.folder == folder:
            self._wake()
            return Submitted(kept, is_repeated=False)
        if kept.digest != digest:
            raise OutOfRange("another job was submitted under this Idempotency-Key", "make a new key for each job")
        await self.queue.files.remove(folder)
        return Submitted(kept, is_repeated=True)

    def _checked(self, options: JobOptions) -> dict[str, object]:
        """What is asked of each page. Raises what is not allowed, before anything waits for it."""
        asked = options.model_dump(mode="json", exclude=set(_ASKED_OF_PAGES), exclude_none=True)
        if options.expires_s is not None and options.expires_s > self.queue.config.max_expires_s:
            most = self.queue.config.max_expires_s
            raise OutOfRange(f"expires_s is {options.expires_s:g}; the limit is {most:g}", "fetch the result before")
        for name in options.formats:
            format_named(name)
        if options.task == "character":
            self._readings.check_character(parse(CharacterOptions, asked))
        else:
            self._readings.check_text(parse(DocumentOptions, asked))
        return asked

    async def get(self, owner: str, job_id: str) -> Job:
        """The job, if it is this caller's. Raises NotFound."""
        return await self.queue.get(owner, job_id)

    async def of_owner(self, owner: str, before: float, most: int) -> tuple[list[Job], bool]:
        """This caller's jobs, the newest first, and whether there are more. A few are looked at a time, and a list ends
        where they have very many files: others want the store and the event loop too.
        """
        found: list[Job] = []
        while len(found) <= most and _files_of(found) <= _LISTED_FILES:
            wanted = min(_LISTED_AT_ONCE, most + 1 - len(found))
            following = await self.queue.store.of_owner(owner, before, wanted)
            found += following
            if len(following) < wanted:
                break
            before = following[-1].created_at
        shown = found[:most]
        while len(shown) > 1 and _files_of(shown) > _LISTED_FILES:
            shown.pop()
        return shown, len(shown) < len(found)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Stop and delete; see JobQueue.cancel."""
        return await self.queue.cancel(owner, job_id)


def _files_of(jobs: Sequence[Job]) -> int:
    return sum(len(job.files) for job in jobs)


def _id_of(owner: str, key: str | None) -> str:
    """A new id; under a key always the same, and one that nobody else can have."""
    if key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{len(owner)} {owner} {key}".encode()).hexdigest()[:32]
