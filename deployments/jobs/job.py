"""A job as a frozen value, and every change that can be made of it.

A page is read by whoever holds its lease. A lease has a token that no other lease of the job has, so that a reader that
was thought dead cannot put in what it read after somebody else took the page over (a fencing token). A page that was
read keeps the token under which it was: what was read lies in a file of that name. Times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.review.review import Review
from ocr.contract import Problem
from ocr.job_contract import ENDED, JobState, Priority

OPENING = -1
"""In place of the index of a page: the file itself is to be opened, so that its pages are known."""

UNREAD = 0
"""In place of a token: the page was not read yet."""

_LISTED_ERRORS = 100
# How much the newest page counts in the pace, and the longest pause that is one.
_NEWEST = 0.1
_LONGEST_PAUSE_S = 120.0


class _Record(BaseModel):
    # What a newer version has added is left out, not refused: while a cluster is upgraded both read the same store.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Lease(_Record):
    """One page that one reader has until a moment. `index` counts the pages of the file that are asked for, from 0."""

    file: int
    index: int
    token: int
    reader: str
    until: float
    attempt: int = 1


class JobFile(_Record):
    """One file. `path` is where it lies below the job's folder; `page_numbers` are those of the pages that are asked
    for, `tokens` under which each was read.
    """

    name: str
    path: str
    size: int
    page_numbers: tuple[int, ...] | None = None
    page_count: int = 0
    tokens: tuple[int, ...] = ()
    failed: int = 0
    problem: Problem | None = None

    @property
    def is_opened(self) -> bool:
        return self.page_numbers is not None or self.problem is not None

    @property
    def done(self) -> int:
        return sum(token != UNREAD for token in self.tokens)

    def page_number(self, index: int) -> int:
        """The number in the file of one of the pages that are asked for."""
        return (self.page_numbers or ())[index]


class PageFailure(_Record):
    """One page that could not be read."""

    file: int
    page: int
    problem: Problem


class CallbackCall(_Record):
    """One call of a callback: what was answered, or why nothing was."""

    at: float
    status: int | None
    problem: str = ""


class Callback(_Record):
    """Who is told when the job has ended. `next_at` is when to call, None when no call is to be made."""

    url: str
    secret: str
    calls: tuple[CallbackCall, ...] = ()
    next_at: float | None = None

    @property
    def is_delivered(self) -> bool:
        return bool(self.calls) and not self.calls[-1].problem


class JobSummary(_Record):
    """What is looked at of many jobs at once: what counts against limits, and what may be read next."""

    id: str
    owner: str
    priority: Priority
    created_at: float
    is_open: bool
    pages_left: int
    waiting: int
    leased: int
    next_lease_end: float | None
    paused_until: float
    size: int
    due_at: float | None


class Job(_Record):
    """One job. `version` counts its changes; `digest` is of all that was sent, to tell whether a request came twice."""

    id: str
    owner: str
    folder: str
    digest: str
    options: dict[str, Any]
    priority: Priority
    formats: tuple[str, ...]
    files: tuple[JobFile, ...]
    created_at: float
    expires_at: float
    forget_at: float
    callback: Callback | None = None
    version: int = 1
    next_token: int = 1
    leases: tuple[Lease, ...] = ()
    attempts: dict[str, int] = Field(default_factory=dict)
    failures: tuple[PageFailure, ...] = ()
    result_size: int = 0
    started_at: float | None = None
    last_read_at: float | None = None
    pace_s: float | None = None
    paused_until: float = 0.0
    ended_as: JobState | None = None
    finished_at: float | None = None
    holds_content: bool = True
    review: Review | None = None

    @property
    def task(self) -> Literal["character", "text"]:
        return "character" if self.options.get("task") == "character" else "text"

    @property
    def state(self) -> JobState:
        return self.ended_as or ("queued" if self.started_at is None else "running")

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_discarded(self) -> bool:
        """Whether it ended so that nothing of it is wanted any more: what it holds is deleted at once."""
        return self.ended_as in ("cancelled", "expired")

    @property
    def pages_total(self) -> int | None:
        """Pages that are asked for; None until every file was opened."""
        if not all(file.is_opened for file in self.files):
            return None
        return sum(len(file.page_numbers or ()) for file in self.files)

    @property
    def pages_done(self) -> int:
        return sum(file.done for file in self.files)

    @property
    def pages_failed(self) -> int:
        return sum(file.failed for file in self.files)

    @property
    def pages_left(self) -> int:
        """What is left to do: pages, and files that are to be opened."""
        if self.has_ended:
            return 0
        return sum(len(file.tokens) - file.done if file.is_opened else 1 for file in self.files)

    @property
    def seconds_left(self) -> float | None:
        """Until all pages are read, by the pace of the last ones."""
        if self.has_ended or self.pages_total is None or self.pace_s is None:
            return None
        return self.pace_s * self.pages_left

    @property
    def due_at(self) -> float | None:
        """When something is to be done about it that is not reading: a call, a deletion."""
        if not self.has_ended:
            return self.expires_at
        if not self.holds_content:
            deletion = self.forget_at
        elif self.is_discarded:
            deletion = 0.0
        else:
            deletion = self.expires_at
        call = self.callback.next_at if self.callback else None
        return deletion if call is None else min(deletion, call)

    def summary(self) -> JobSummary:
        return JobSummary(
            id=self.id,
            owner=self.owner,
            priority=self.priority,
            created_at=self.created_at,
            is_open=not self.has_ended,
            pages_left=self.pages_left,
            waiting=self.pages_left - len(self.leases),
            leased=len(self.leases),
            next_lease_end=min((lease.until for lease in self.leases), default=None),
            paused_until=self.paused_until,
            size=(sum(file.size for file in self.files) + self.result_size) if self.holds_content else 0,
            due_at=self.due_at,
        )

    def changed(self, **changes: Any) -> Job:  # noqa: ANN401 - the fields of a job
        return self.model_copy(update=changes)

    def as_version_after(self, earlier: Job) -> Job:
        """The same as what comes after `earlier` in a store."""
        return self.model_copy(update={"version": earlier.version + 1})

    def with_file(self, number: int, **changes: Any) -> Job:  # noqa: ANN401 - the fields of a file
        files = list(self.files)
        files[number] = files[number].model_copy(update=changes)
        return self.model_copy(update={"files": tuple(files)})


Change = Callable[[Job], "Job | None"]
"""A change of a job; None where it does not apply any more."""


def lease_pages(job: Job, reader: str, most: int, now: float, lease_s: float) -> tuple[Job, tuple[Lease, ...]]:
    """The job with up to `most` pages leased to `reader`, and those. They are pages of one file, one after another as
    far as they are free, so that its reader opens it once. Pages whose reader was not heard of in time are free.
    """
    if job.has_ended or job.paused_until > now or job.expires_at <= now:
        return job, ()
    held = [lease for lease in job.leases if lease.until > now]
    attempts = dict(job.attempts)
    for lease in job.leases:
        if lease.until <= now:
            attempts[_key(lease.file, lease.index)] = lease.attempt
    taken = {(lease.file, lease.index) for lease in held}
    free = _free_places(job, taken, most)
    if not free:
        return job, ()
    leases = tuple(
        Lease(
            file=file,
            index=index,
            token=job.next_token + offset,
            reader=reader,
            until=now + lease_s,
            attempt=attempts.get(_key(file, index), 0) + 1,
        )
        for offset, (file, index) in enumerate(free)
    )
    leased = job.changed(
        leases=(*held, *leases),
        attempts=attempts,
        next_token=job.next_token + len(leases),
        started_at=now if job.started_at is None else job.started_at,
    )
    return leased, leases


def _free_places(job: Job, taken: set[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """The first pages of the first file that has any which nobody has read or reads."""
    for number, file in enumerate(job.files):
        if not file.is_opened:
            if (number, OPENING) not in taken:
                return [(number, OPENING)]
            continue
        free = [
            (number, index)
            for index, token in enumerate(file.tokens)
            if token == UNREAD and (number, index) not in taken
        ]
        if free:
            return free[:most]
    return []


def _key(file: int, index: int) -> str:
    return f"{file}.{index}"


def is_held(job: Job, lease: Lease) -> bool:
    """Whether nobody has taken the page over: a lease that ran out counts until somebody does."""
    return any(held.token == lease.token for held in job.leases)


def renewed(job: Job, tokens: Sequence[int], until: float) -> Job | None:
    """The job with these leases going on until then; None where none of them is held any more."""
    chosen = set(tokens)
    if not any(lease.token in chosen for lease in job.leases):
        return None
    leases = tuple(
        lease.model_copy(update={"until": until}) if lease.token in chosen else lease for lease in job.leases
    )
    return job.changed(leases=leases)


def given_back(job: Job, tokens: Sequence[int], paused_until: float = 0.0, *, counts: bool = False) -> Job | None:
    """The job with these pages free for others, from `paused_until` on. With `counts` it was an attempt at each."""
    chosen = set(tokens)
    back = [lease for lease in job.leases if lease.token in chosen]
    if not back:
        return None
    attempts = dict(job.attempts)
    if counts:
        attempts |= {_key(lease.file, lease.index): lease.attempt for lease in back}
    return job.changed(
        leases=tuple(lease for lease in job.leases if lease.token not in chosen),
        attempts=attempts,
        paused_until=max(job.paused_until, paused_until),
    )


def file_opened(job: Job, lease: Lease, page_count: int, page_numbers: Sequence[int], now: float) -> Job | None:
    """The job with the pages of a file known; None where the lease is lost."""
    if not is_held(job, lease):
        return None
    opened = job.with_file(
        lease.file, page_numbers=tuple(page_numbers), page_count=page_count, tokens=(UNREAD,) * len(page_numbers)
    )
    return _ended_if_done(_without(opened, lease), now)


def file_refused(job: Job, lease: Lease, problem: Problem, now: float) -> Job | None:
    """The job with a file of which nothing can be read; None where the lease is lost."""
    if not is_held(job, lease):
        return None
    return _ended_if_done(_without(job.with_file(lease.file, problem=problem), lease), now)


def page_read(job: Job, lease: Lease, size: int, problem: Problem | None, now: float) -> Job | None:
    """The job with a page read, or failed with a problem; None where the lease is lost. `size` is of its result."""
    if not is_held(job, lease):
        return None
    file = job.files[lease.file]
    tokens = list(file.tokens)
    tokens[lease.index] = lease.token
    failures = job.failures
    if problem is not None and len(failures) < _LISTED_ERRORS:
        failure = PageFailure(file=lease.file, page=file.page_number(lease.index), problem=problem)
        failures = (*failures, failure)
    read = job.with_file(lease.file, tokens=tuple(tokens), failed=file.failed + (problem is not None))
    attempts = {key: count for key, count in job.attempts.items() if key != _key(lease.file, lease.index)}
    read = read.model_copy(
        update={
            "failures": failures,
            "attempts": attempts,
            "result_size": job.result_size + size,
            "last_read_at": now,
            "pace_s": _pace_s(job, now),
        }
    )
    return _ended_if_done(_without(read, lease), now)


def was_read(job: Job, lease: Lease) -> bool:
    """Whether what was read under this very lease is what is kept."""
    tokens = job.files[lease.file].tokens
    return lease.index != OPENING and lease.index < len(tokens) and tokens[lease.index] == lease.token


def _pace_s(job: Job, now: float) -> float:
    """Seconds from page to page, of late."""
    since = job.last_read_at if job.last_read_at is not None else job.started_at
    pause_s = min(_LONGEST_PAUSE_S, max(0.0, now - (now if since is None else since)))
    return pause_s if job.pace_s is None else _NEWEST * pause_s + (1.0 - _NEWEST) * job.pace_s


def _without(job: Job, lease: Lease) -> Job:
    return job.changed(leases=tuple(held for held in job.leases if held.token != lease.token))


def _ended_if_done(job: Job, now: float) -> Job:
    if job.pages_left:
        return job
    refused = sum(file.problem is not None for file in job.files)
    good = job.pages_done - job.pages_failed
    state: JobState = "failed" if good == 0 else "partly" if job.pages_failed or refused else "succeeded"
    return ended(job, state, now)


def ended(job: Job, state: JobState, now: float) -> Job:
    """The job with nothing more to read. Whoever reads one of its pages loses the lease."""
    callback = job.callback
    if callback is not None and not job.has_ended:
        callback = callback.model_copy(update={"next_at": now})
    return job.changed(
        ended_as=state,
        finished_at=job.finished_at if job.finished_at is not None else now,
        leases=(),
        attempts={},
        callback=callback,
    )


def without_content(job: Job, now: float, remembered_s: float) -> Job:
    """The job when its files and results are deleted. The names of its files and its options go with them."""
    files = tuple(
        file.model_copy(update={"name": f"file {number}", "path": ""}) for number, file in enumerate(job.files)
    )
    return job.changed(
        files=files,
        options={},
        failures=(),
        holds_content=False,
        result_size=0,
        forget_at=now + remembered_s,
        review=None,
    )


def reviewed(job: Job, review: Review | None, keep_until: float) -> Job:
    """The job with a review as it is now; it is not deleted before `keep_until`."""
    if review is None:
        return job.changed(review=None)
    later = max(0.0, keep_until - job.expires_at)
    return job.changed(review=review, expires_at=job.expires_at + later, forget_at=job.forget_at + later)


def call_begun(job: Job, until: float) -> Job | None:
    """The job whose callback somebody calls now: nobody else does until then."""
    if job.callback is None or job.callback.next_at is None:
        return None
    return job.changed(callback=job.callback.model_copy(update={"next_at": until}))


def called(job: Job, call: CallbackCall, next_at: float | None) -> Job | None:
    """The job with one more call of its callback, and when the next is to be made."""
    if job.callback is None:
        return None
    changes: dict[str, Any] = {"calls": (*job.callback.calls, call), "next_at": next_at}
    if next_at is None:  # nothing more is to be signed
        changes["secret"] = ""
    return job.changed(callback=job.callback.model_copy(update=changes))
