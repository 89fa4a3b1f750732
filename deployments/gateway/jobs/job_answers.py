"""From a job to what the contract says of it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from deployments.jobs.job import Callback, Job, JobFile
from ocr.job_contract import CallbackAnswer, CallbackTry, JobAnswer, JobFileAnswer, PageProblem


def job_answer(job: Job) -> JobAnswer:
    """The answer of `GET /jobs/{id}`."""
    return JobAnswer(
        id=job.id,
        state=job.state,
        task=job.task,
        priority=job.priority,
        formats=list(job.formats),
        created_at=_moment(job.created_at),
        started_at=None if job.started_at is None else _moment(job.started_at),
        finished_at=None if job.finished_at is None else _moment(job.finished_at),
        expires_at=_moment(job.expires_at),
        pages_total=job.pages_total,
        pages_done=job.pages_done,
        pages_failed=job.pages_failed,
        seconds_left=None if job.seconds_left is None else round(job.seconds_left, 1),
        files=[_file_answer(file) for file in job.files],
        errors=[PageProblem(file=failure.file, page=failure.page, error=failure.problem) for failure in job.failures],
        callback=None if job.callback is None else _callback_answer(job.callback),
        reviewed_words=None if job.review is None else len(job.review.decided),
    )


def _file_answer(file: JobFile) -> JobFileAnswer:
    return JobFileAnswer(
        name=file.name,
        bytes=file.size,
        pages=None if file.page_numbers is None else len(file.page_numbers),
        done=file.done,
        failed=file.failed,
        error=file.problem,
    )


def _callback_answer(callback: Callback) -> CallbackAnswer:
    is_over = bool(callback.calls) and callback.next_at is None
    return CallbackAnswer(
        url=callback.url,
        state="delivered" if callback.is_delivered else "failed" if is_over else "waiting",
        tries=[CallbackTry(at=_moment(call.at), status=call.status, problem=call.problem) for call in callback.calls],
        next_at=None if callback.next_at is None else _moment(callback.next_at),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
