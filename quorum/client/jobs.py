"""Documents of any length: handed over, and fetched when they are read, page by page or as a whole. Only over HTTP.

    job = client.submit("minutes.pdf", formats=["pdf"])
    job.wait(progress=lambda state: print(state.pages_done, "of", state.pages_total))
    Path("searchable.pdf").write_bytes(job.fetch("pdf"))

    async for page in await async_client.submit("minutes.pdf"):   # each as soon as it is read
        print(page.answer.page, page.answer.text)

What was submitted stays submitted: a `Job` is only a name for it, and `client.job(id)` finds it again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import httpx

from ocr.errors import ConnectionBroken, NotFinished
from ocr.job_contract import JobAnswer, JobPage, JobPause
from quorum.client.calls import DocumentKeywords, Readable, plain

_WAIT_S = 20.0
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.3, 5.0
_AGAIN_S = 1.0

Progress = Callable[[JobAnswer], None]
"""Told how far a job is, whenever that is known anew."""

Files: TypeAlias = "Readable | list[Readable] | tuple[Readable, ...]"


class JobKeywords(DocumentKeywords, total=False):
    """Options of a job; see ocr.job_contract.JobOptions."""

    task: Literal["character", "text"]
    classes: str
    priority: Literal["interactive", "batch"]
    formats: Sequence[str]
    callback: Mapping[str, str]
    expires_s: float


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One request about jobs. `files` are read anew on each try, from the disk where they are paths."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Readable] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    body: Mapping[str, Any] | Sequence[Any] | None = None
    """Sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)


class AskJobs(Protocol):
    """Carries requests about jobs. Raises the errors of ocr.errors."""

    def answer(self, request: JobRequest) -> httpx.Response:
        """The whole answer; tried again as other questions are."""

    def lines(self, request: JobRequest) -> AbstractContextManager[Iterator[str]]:
        """An answer line by line, as it comes; not tried again."""


class AskJobsAsync(Protocol):
    """The same for a caller with an event loop."""

    async def answer(self, request: JobRequest) -> httpx.Response: ...

    def lines(self, request: JobRequest) -> AbstractAsyncContextManager[AsyncIterator[str]]: ...


class Job:
    """A job of the service's. `state` is what was last heard of it."""

    def __init__(self, ask: AskJobs, state: JobAnswer, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ask = ask
        self._sleep = sleep
        self.state = state

    @property
    def id(self) -> str:
        return self.state.id

    def look(self) -> JobAnswer:
        """How far it is now. Raises NotFound where it is forgotten."""
        self.state = job_of(self._ask.answer(show_request(self.id)))
        return self.state

    def wait(self, progress: Progress | None = None, timeout_s: float | None = None) -> JobAnswer:
        """How it is when it has ended; after `timeout_s`, how far it is. A job that failed raises nothing here."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            state = self.look()
            if progress is not None:
                progress(state)
            if state.finished_at is not None or (until is not None and time.monotonic() >= until):
                return state
            self._sleep(pause_s(state))

    def __iter__(self) -> Iterator[JobPage]:
        return self.pages()

    def pages(self, resume: str = "") -> Iterator[JobPage]:
        """Each page of each file in order, as soon as it is read, from behind `resume` on. Goes on by itself where the
        connection breaks. Raises Expired where the results are deleted.
        """
        while True:
            try:
                with self._ask.lines(lines_request(self.id, resume)) as lines:
                    for line in lines:
                        told = told_in(line)
                        resume = told.resume
                        if isinstance(told, JobPause):
                            if told.end:
                                return
                        else:
                            yield told
            except (NotFinished, ConnectionBroken):
                self._sleep(_AGAIN_S)

    def fetch(self, format: str, file: int | None = None) -> bytes:
        """What was read of one file, written down by the service. Raises NotFinished while the job runs."""
        return self._ask.answer(fetch_request(self.id, format, file)).content

    def cancel(self) -> JobAnswer:
        """Stop it, and have all that it holds deleted. One that has ended is forgotten."""
        self.state = job_of(self._ask.answer(JobRequest("DELETE", f"/jobs/{self.id}")))
        return self.state


class AsyncJob:
    """The same for a caller with an event loop."""

    def __init__(self, ask: AskJobsAsync, state: JobAnswer) -> None:
        self._ask = ask
        self.state = state

    @property
    def id(self) -> str:
        return self.state.id

    async def look(self) -> JobAnswer:
        """How far it is now; see Job.look."""
        self.state = job_of(await self._ask.answer(show_request(self.id)))
        return self.state

    async def wait(self, progress: Progress | None = None, timeout_s: float | None = None) -> JobAnswer:
        """How it is when it has ended; see Job.wait."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            state = await self.look()
            if progress is not None:
                progress(state)
            if state.finished_at is not None or (until is not None and time.monotonic() >= until):
                return state
            await asyncio.sleep(pause_s(state))

    def __aiter__(self) -> AsyncIterator[JobPage]:
        return self.pages()

    async def pages(self, resume: str = "") -> AsyncIterator[JobPage]:
        """Each page in order, as soon as it is read; see Job.pages."""
        while True:
            try:
                async with self._ask.lines(lines_request(self.id, resume)) as lines:
                    async for line in lines:
                        told = told_in(line)
                        resume = told.resume
                        if isinstance(told, JobPause):
                            if told.end:
                                return
                        else:
                            yield told
            except (NotFinished, ConnectionBroken):
                await asyncio.sleep(_AGAIN_S)

    async def fetch(self, format: str, file: int | None = None) -> bytes:
        """What was read of one file, written down by the service; see Job.fetch."""
        return (await self._ask.answer(fetch_request(self.id, format, file))).content

    async def cancel(self) -> JobAnswer:
        """Stop it, and have all that it holds deleted; see Job.cancel."""
        self.state = job_of(await self._ask.answer(JobRequest("DELETE", f"/jobs/{self.id}")))
        return self.state


def fetch_request(job_id: str, form: str, file: int | None) -> JobRequest:
    """What was read of one file, in a format."""
    params = {"format": form} if file is None else {"format": form, "file": str(file)}
    return JobRequest("GET", f"/jobs/{job_id}/result", params)


def submit_request(files: Files, options: JobKeywords, key: str) -> JobRequest:
    """One file or several, and what is asked of them."""
    chosen: Sequence[Readable] = files if isinstance(files, list | tuple) else [files]
    return JobRequest("POST", "/jobs", files=chosen, options=plain(options), key=key)


def show_request(job_id: str) -> JobRequest:
    return JobRequest("GET", f"/jobs/{job_id}")


def list_request(before: str | None) -> JobRequest:
    return JobRequest("GET", "/jobs", {} if before is None else {"before": before})


def lines_request(job_id: str, resume: str) -> JobRequest:
    params = {"format": "ndjson", "wait_s": f"{_WAIT_S:g}", **({"resume": resume} if resume else {})}
    return JobRequest("GET", f"/jobs/{job_id}/result", params)


def job_of(response: httpx.Response) -> JobAnswer:
    return JobAnswer.model_validate_json(response.content)


def told_in(line: str) -> JobPage | JobPause:
    """What one line of a result says."""
    return (JobPause if "end" in json.loads(line) else JobPage).model_validate_json(line)


def pause_s(state: JobAnswer) -> float:
    """How long to wait before the next look: the longer, the longer it still takes."""
    expected_s = _LONGEST_PAUSE_S if state.seconds_left is None else state.seconds_left
    return min(_LONGEST_PAUSE_S, max(_LEAST_PAUSE_S, expected_s / 20.0))
