"""Reads the pages of jobs: leases a few pages of one file, reads them through the ensemble, keeps what was read.

What fails because of the file is kept as the page's failure. What fails because of the service is tried again, after a
pause, as often as it takes; only a page that itself seems to be what fails is given up, after some attempts. While the
store does not answer, nothing is lost: pages that were read wait until it does. Knows no Serve.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import asdict, dataclass, replace

from deployments.config.schema import JobsConfig, LimitsConfig
from deployments.gateway import rendering
from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_PRIORITY
from deployments.gateway.documents.documents import Documents, PageOutcome, ReadPage, read_pages
from deployments.gateway.documents.page_drawing import RefusedPage
from deployments.gateway.error_responses import error_answer
from deployments.gateway.formats import PdfPageText
from deployments.gateway.page_reader import PageReader
from deployments.gateway.requests.options import parse_known
from deployments.jobs.job import OPENING, Job, Lease
from deployments.jobs.job_queue import JobQueue, KeptPage, Leased
from deployments.messages.capabilities import Capabilities
from deployments.messages.reading_service import ReadingService
from deployments.observability.metrics import JOB_PAGES, RecordMetric, ignore_metric
from deployments.replica.asked_at_once import AskedAtOnce
from deployments.replica.counted import counted
from deployments.replica.fair_turns import FairTurns
from ocr.contract import CharacterOptions, DocumentOptions, FailedPage, Problem, TextAnswer
from ocr.errors import (
    DeadlineExceeded,
    InternalFailure,
    NotAnImage,
    NotReady,
    QuorumError,
    ServiceError,
)

log = logging.getLogger("quorum.jobs")

# How soon it is noticed that a job was cancelled: before much of its pages was drawn. That another page waits.
_LOOK_S = 0.1
_IDLE_S = 0.5
# Files that are open at the same time: while the last pages of one are read, the next is opened.
_RUNS = 2
# And so many for callers of whom nothing is read here: a single page does not wait for a few of somebody's book.
_RUNS_OF_NEWCOMERS = 2
_PAUSE_S = 3.0
_STORE_AWAY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a page: what is kept, or an error that says nothing about the page."""

    kept: KeptPage | None
    error: QuorumError | None = None


class JobReader:
    """One replica of the worker. `reader` is its name in leases; `current` gives what the cluster can do now. `asked`
    is told how many pages callers wait for.
    """

    def __init__(
        self,
        queue: JobQueue,
        service: ReadingService,
        documents: Documents,
        current: Callable[[], Capabilities],
        reader: str,
        record: RecordMetric = ignore_metric,
        asked: AskedAtOnce | None = None,
    ) -> None:
        self._queue = queue
        self._service = service
        self._documents = documents
        self._current = current
        self._reader = reader
        self._record = record
        self._asked = asked or AskedAtOnce()
        self._wanted = asyncio.Event()
        most = self._config.pages_at_once
        self._pages = FairTurns(most + 1, most_each=most)
        self._runs_of = Counter[str]()

    @property
    def _config(self) -> JobsConfig:
        return self._current().config.jobs

    def wake(self) -> None:
        """There may be something to read."""
        self._wanted.set()

    async def run(self) -> None:
        """Read whatever waits, until it is cancelled. Then what it holds is free for others at once."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_RUNS):
                group.create_task(self._read_on(self.read_some))
            for _ in range(_RUNS_OF_NEWCOMERS):
                group.create_task(self._read_on(lambda: self.read_some(but_of=self._runs_of.keys())))

    async def _read_on(self, read_some: Callable[[], Awaitable[bool]]) -> None:
        while True:
            try:
                has_read = await read_some()
            except NotReady as error:
                log.warning("jobs wait: %s", error.message)
                await asyncio.sleep(_STORE_AWAY_S)
            except Exception:
                log.exception("reading pages of a job failed; they are read again when their leases are over")
                await asyncio.sleep(_STORE_AWAY_S)
            else:
                if not has_read:
                    await self._idle()

    async def _idle(self) -> None:
        self._asked.tell()
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_S):
                await self._wanted.wait()
        self._wanted.clear()

    async def read_some(self, but_of: Collection[str] = ()) -> bool:
        """Read the pages whose turn it is, of any callers but these. False where none waits."""
        leased = await self._queue.next_pages(self._reader, self._config.pages_at_once, but_of)
        if leased is None:
            return False
        with counted(self._runs_of, leased.job.owner):
            await self._read_leased(leased.job, leased.leases, self._at_once(leased))
        return True

    def _at_once(self, leased: Leased) -> int:
        """For how many pages their caller waits, of those that somebody waits for."""
        if leased.job.priority == "batch":  # counts more than they do, however many there are
            return 1
        return self._asked.note(leased.job.owner, leased.at_once)

    async def _read_leased(self, job: Job, leases: Sequence[Lease], at_once: int) -> None:
        held = {lease.token: lease for lease in leases}
        work = asyncio.create_task(self._read(job, leases, held, at_once))
        keeping = asyncio.create_task(self._keep_leases(job, held, work, at_once))
        is_fault = False
        try:
            await work
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            log.info("pages of job %s are no longer wanted", job.id)
            held.clear()
        except BaseException:
            is_fault = True
            raise
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            if held:  # others may read them at once, unless that is what fails
                with suppress(QuorumError):
                    pause_s = _PAUSE_S if is_fault else 0.0
                    await asyncio.shield(self._queue.give_back(job.id, list(held), pause_s, counts=is_fault))

    async def _keep_leases(self, job: Job, held: Mapping[int, Lease], work: asyncio.Task[None], at_once: int) -> None:
        """Keep the leases while the work lasts; cancel it when all are lost, as when the job is cancelled."""
        seen: Job | None = job
        while not work.done():
            await asyncio.sleep(_LOOK_S)
            if job.priority == "interactive":
                self._asked.note(job.owner, at_once)
            with suppress(NotReady):  # the store is away; the leases may last until it is back
                asked = list(held.values())
                seen = None if seen is None else await self._queue.newest(seen)
                still = await self._still_held(job.id, seen, asked)
                if asked and not still and held:
                    work.cancel()

    async def _still_held(self, job_id: str, newest: Job | None, leases: Sequence[Lease]) -> set[int]:
        """Which leases are held; they are made longer when a third of their time is over."""
        now, tokens = self._queue.now, [lease.token for lease in leases]
        held = {} if newest is None else {lease.token: lease for lease in newest.leases}
        if any(token in held and held[token].until < now + self._config.lease_s * 2.0 / 3.0 for token in tokens):
            return await self._queue.renew(job_id, tokens)
        return held.keys() & set(tokens)

    async def _read(self, job: Job, leases: Sequence[Lease], held: dict[int, Lease], at_once: int) -> None:
        CURRENT_CALLER.set(job.owner)
        CURRENT_PRIORITY.set(job.priority)
        if leases[0].index == OPENING:
            await self._open(job, leases[0], held)
            return
        tired = [lease for lease in leases if lease.attempt > self._config.max_attempts]
        for lease in tired:
            died = f"whoever read page {_number(job, lease)} died, {lease.attempt - 1} times"
            await self._give_up(job, lease, InternalFailure(died, "the log has the details"), held)
        fresh = [lease for lease in leases if lease not in tired]
        if fresh:
            await self._read_pages(job, fresh, held, at_once)

    async def _open(self, job: Job, lease: Lease, held: dict[int, Lease]) -> None:
        """Find the pages of a file."""
        try:
            async with self._queue.on_disk(job, lease.file) as path:
                numbers: tuple[int, ...] = (1,)
                count = 1
                if job.task != "character":
                    limits = self._limits
                    opened = self._documents.opened(path, self._document_options(job), limits, limits.batch_timeout_s)
                    async with opened as document:
                        count, numbers = document.page_count, document.chosen
        except ServiceError as error:
            if lease.attempt < self._config.max_attempts:
                await self._later(job, lease, error, held)
                return
            await self._refuse(job, lease, error, held)
        except (QuorumError, FileNotFoundError) as error:
            refusal = error if isinstance(error, QuorumError) else NotAnImage("the file is gone", "submit it again")
            await self._refuse(job, lease, refusal, held)
        else:
            await self._until_kept(lambda: self._queue.opened(job.id, lease, count, numbers))
            held.pop(lease.token, None)

    async def _refuse(self, job: Job, lease: Lease, error: QuorumError, held: dict[int, Lease]) -> None:
        problem = error_answer(error).error
        await self._until_kept(lambda: self._queue.refused(job.id, lease, problem))
        held.pop(lease.token, None)

    async def _read_pages(self, job: Job, leases: Sequence[Lease], held: dict[int, Lease], at_once: int) -> None:
        async with self._queue.on_disk(job, leases[0].file) as path:
            if job.task == "character":
                image = await asyncio.to_thread(path.read_bytes)
                await self._settle(job, leases[0], await self._read_character(job, image, at_once), held)
                return
            by_number = {_number(job, lease): lease for lease in leases}
            chosen = ",".join(map(str, by_number))
            options = self._document_options(job).model_copy(update={"pages": chosen})
            page_reader = PageReader(self._service, self._current(), options)
            page_reader.request = replace(page_reader.request, at_once=at_once)
            reader = _SharedReader(page_reader, lambda: self._pages.turn(job.owner), len(leases))
            try:
                async with (
                    self._documents.opened(path, options, self._limits, self._limits.batch_timeout_s) as document,
                    aclosing(read_pages(document, reader)) as outcomes,
                ):
                    async for outcome in outcomes:
                        await self._settle(job, by_number[_number_of(outcome)], _outcome(outcome), held)
            except QuorumError as error:  # the document could not be opened this time
                for lease in list(held.values()):
                    await self._settle(job, lease, _Outcome(None, error), held)

    async def _read_character(self, job: Job, image: bytes, at_once: int) -> _Outcome:
        capabilities = self._current()
        request = capabilities.character_request(parse_known(CharacterOptions, job.options), self._queue.now)
        request = replace(request, at_once=at_once)
        try:
            [reading] = await self._service.read_characters([image], request)
        except QuorumError as error:
            return _Outcome(None, error)
        if isinstance(reading, QuorumError):
            return _Outcome(None, reading)
        answer = rendering.character_answer(reading, request, 0.0)
        return _Outcome(KeptPage(answer.model_dump_json().encode()))

    async def _settle(self, job: Job, lease: Lease, outcome: _Outcome, held: dict[int, Lease]) -> None:
        """Keep what was read, or that it cannot be read; or let somebody read it later."""
        if outcome.kept is not None:
            await self._finish(job, lease, outcome.kept, held)
        elif outcome.error is not None and self._may_work_later(outcome.error, lease):
            await self._later(job, lease, outcome.error, held)
        elif outcome.error is not None:
            await self._give_up(job, lease, outcome.error, held)

    def _may_work_later(self, error: QuorumError, lease: Lease) -> bool:
        return isinstance(error, ServiceError) and (
            not isinstance(error, DeadlineExceeded | InternalFailure) or lease.attempt < self._config.max_attempts
        )

    async def _give_up(self, job: Job, lease: Lease, error: QuorumError, held: dict[int, Lease]) -> None:
        """Keep that a page cannot be read."""
        problem = error_answer(error).error
        page = FailedPage(page=_number(job, lease), error=problem)
        kept = KeptPage(page.model_dump_json().encode(), is_failed=True)
        await self._finish(job, lease, kept, held, problem)

    async def _finish(
        self, job: Job, lease: Lease, page: KeptPage, held: dict[int, Lease], problem: Problem | None = None
    ) -> None:
        is_kept = await self._until_kept(lambda: self._queue.keep(job, lease, page, problem))
        held.pop(lease.token, None)
        if is_kept:
            self._record(JOB_PAGES, result="read" if problem is None else "failed", priority=job.priority)

    async def _later(self, job: Job, lease: Lease, error: QuorumError, held: dict[int, Lease]) -> None:
        """Have a page read again after a pause: the service could not read it now."""
        log.info("a page of job %s is read later: %s", job.id, error.message)
        counts = isinstance(error, DeadlineExceeded | InternalFailure)
        await self._queue.give_back(job.id, [lease.token], _PAUSE_S, counts=counts)
        held.pop(lease.token, None)

    async def _until_kept(self, keep: Callable[[], Awaitable[bool]]) -> bool:
        """What `keep` says, as soon as the store answers."""
        while True:
            try:
                return await keep()
            except NotReady:
                await asyncio.sleep(_STORE_AWAY_S)

    def _document_options(self, job: Job) -> DocumentOptions:
        options = parse_known(DocumentOptions, job.options)
        if options.timeout_s is not None:
            return options
        return options.model_copy(update={"timeout_s": self._config.page_timeout_s})

    @property
    def _limits(self) -> LimitsConfig:
        """Those of a request, but for the pages of one: a job may have many more."""
        return self._current().config.limits.model_copy(update={"max_pages": self._config.max_pages})


class _SharedReader:
    """Reads pages as a request does, but no more at once than this replica may read, whatever jobs they are of: each
    in its caller's `turn`.
    """

    def __init__(
        self, reader: PageReader, turn: Callable[[], AbstractAsyncContextManager[None]], max_started: int
    ) -> None:
        self._reader = reader
        self._turn = turn
        self.max_started = max_started

    async def read(self, image: bytes) -> TextAnswer:
        async with self._turn():
            return await self._reader.read(image)

    def from_text(self, text: PdfPageText, width: int, height: int) -> TextAnswer:
        return self._reader.from_text(text, width, height)


def _outcome(outcome: PageOutcome) -> _Outcome:
    if isinstance(outcome, RefusedPage):
        return _Outcome(None, outcome.error)
    pdf = None if outcome.pdf is None else asdict(outcome.pdf)
    answer = outcome.answer
    kept = KeptPage(
        answer.model_dump_json().encode(),
        pdf,
        outcome.dpi,
        languages=tuple(sorted({line.language for line in answer.lines if line.language})),
        illegible_lines=answer.illegible_lines,
    )
    return _Outcome(kept)


def _number_of(outcome: PageOutcome) -> int:
    return outcome.answer.page if isinstance(outcome, ReadPage) else outcome.number


def _number(job: Job, lease: Lease) -> int:
    return job.files[lease.file].page_number(lease.index)


def _is_cancelled() -> bool:
    """Whether it is this task that somebody cancels, not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
