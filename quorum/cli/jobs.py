"""`quorum jobs submit|list|show|fetch|cancel`: documents of any length, read while nobody waits.

    quorum jobs submit minutes.pdf --wait
    quorum jobs list
    quorum jobs show 4f0c2b6e
    quorum jobs fetch 4f0c2b6e --format pdf --out searchable.pdf
    quorum jobs cancel 4f0c2b6e

The beginning of an id is enough where it is that of one job. `show --follow` and `submit --wait` draw how far the pages
are until the job has ended. `fetch` waits in the same way for a job that runs, and then writes the result; with
`--format ndjson` it writes each page as soon as it is read.

Exit codes: 0 done; 1 the service refused, no job has that id, or pages or files of the job failed; 2 the command was
not understood; 130 stopped by Ctrl-C (the job goes on).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ocr.errors import NotFound
from ocr.job_contract import JobAnswer
from quorum.cli.read import TIMEOUT_S, ApiKey, Url
from quorum.client import DEFAULT_URL, Client, DocumentKeywords, Job, JobKeywords, Retries
from quorum.terminal.output import FAILED, INTERRUPTED, complain, errors_speak, out, readable_name, table
from quorum.terminal.request_options import with_request_options

group = typer.Typer(no_args_is_help=True, help="Documents of any length: submit, list, show, fetch, cancel.")

_IN_NO_HURRY = Retries(times=4, longest_pause_s=60.0)
_SHORT_ID = 8
_FULL_ID = 32
_LISTED_ERRORS = 20

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job, or the beginning of its id.")]
Format = Annotated[
    Literal["ndjson", "json", "text", "markdown", "hocr", "alto", "page", "pdf"],
    typer.Option(help="How the result is written down."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="jobs")


def submit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Images and documents; one job for all.")],
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    priority: Annotated[Literal["batch", "interactive"], typer.Option(help="Whether somebody waits for it.")] = "batch",
    expires_s: Annotated[float | None, typer.Option(help="Delete it after so many seconds.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how far it is until it has ended.")] = False,
    *,
    options: DocumentKeywords,
) -> None:
    """Hand over files; the id of the job goes to stdout."""
    asked = cast("JobKeywords", {**options, "priority": priority})
    if expires_s is not None:
        asked["expires_s"] = expires_s
    with errors_speak(), patient_client(url, api_key) as client:
        job = client.submit(list(files), **asked)
        typer.echo(job.id)
        if wait:
            _exit_as(followed(job))


group.command()(with_request_options(submit))


@group.command(name="list")
def list_jobs(
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    most: Annotated[int, typer.Option(min=1, help="Show so many, the newest.")] = 20,
) -> None:
    """Your jobs, the newest first."""
    with errors_speak(), patient_client(url, api_key) as client:
        shown = [job.state for _, job in zip(range(most), client.jobs(), strict=False)]
    _print_table(shown)


@group.command()
def show(
    job: JobId,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show how far it is until it has ended.")] = False,
) -> None:
    """How far a job is, and what failed."""
    with errors_speak(), patient_client(url, api_key) as client:
        found = found_job(client, job)
        state = followed(found) if follow else found.state
    _show(state)
    if follow:
        _exit_as(state)


@group.command()
def fetch(
    job: JobId,
    path: Annotated[Path | None, typer.Option("--out", help="A file to write; stdout by default.")] = None,
    format: Format = "text",
    file: Annotated[int | None, typer.Option(min=0, help="Which file, counted from 0.")] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
) -> None:
    """What was read; waits until the job has ended."""
    with errors_speak(), patient_client(url, api_key) as client:
        found = found_job(client, job)
        with _written_to(path) as write:
            if format == "ndjson":
                for page in found:
                    write(page.model_dump_json().encode() + b"\n")
                state = found.look()
            else:
                state = followed(found)
                write(found.fetch(format, file))
    _exit_as(state)


@group.command()
def cancel(job: JobId, url: Url = DEFAULT_URL, api_key: ApiKey = None) -> None:
    """Stop a job, and delete its files and all that was read. One that has ended is forgotten."""
    with errors_speak(), patient_client(url, api_key) as client:
        state = found_job(client, job).cancel()
    out().print(f"{state.id}: {'cancelled' if state.state == 'cancelled' else f'was {state.state}, and is deleted'}")


def patient_client(url: str, api_key: str | None) -> Client:
    """A client that waits for a service that is busy for a while."""
    return Client(url, api_key, TIMEOUT_S, retries=_IN_NO_HURRY)


def found_job(client: Client, job_id: str) -> Job:
    """The job of that id, or the only one whose id begins so. Raises NotFound."""
    if len(job_id) == _FULL_ID:
        return client.job(job_id)
    found = [job for job in client.jobs() if job.id.startswith(job_id)]
    if len(found) != 1:
        raise NotFound(f"{len(found)} jobs of yours begin with {job_id!r}", "`quorum jobs list` shows them")
    return found[0]


def followed(job: Job) -> JobAnswer:
    """How the job is when it has ended; a bar shows how far its pages are."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(f"{job.id[:_SHORT_ID]} {job.state.state}", total=None)

        def progress(state: JobAnswer) -> None:
            described = f"{state.id[:_SHORT_ID]} {state.state}"
            bars.update(bar, description=described, completed=state.pages_done, total=state.pages_total)

        try:
            return job.wait(progress)
        except KeyboardInterrupt:
            complain("no longer waiting; the job goes on", f"quorum jobs show {job.id} --follow")
            raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _written_to(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
    else:
        with path.open("wb") as file:
            yield file.write


def _print_table(states: Sequence[JobAnswer]) -> None:
    rows = map(_row, states)
    out().print(table("id", "state", "pages", "failed", "submitted", "files", rows=rows, right=("pages",)))


def _row(state: JobAnswer) -> tuple[str, ...]:
    total = "?" if state.pages_total is None else str(state.pages_total)
    named = readable_name(state.files[0].name) if state.files else ""
    others = f" and {len(state.files) - 1} more" if len(state.files) > 1 else ""
    failed = str(state.pages_failed or "")
    submitted = f"{state.created_at.astimezone():%Y-%m-%d %H:%M}"
    return state.id, state.state, f"{state.pages_done} of {total}", failed, submitted, f"{named}{others}"


def _show(state: JobAnswer) -> None:
    _print_table([state])
    if state.seconds_left is not None:
        out().print(f"about {state.seconds_left:.0f} s left")
    out().print(f"deleted at {state.expires_at.astimezone():%Y-%m-%d %H:%M}")
    for file in state.files:
        if file.error is not None:
            complain(f"{readable_name(file.name)}: {file.error.message}", file.error.hint)
    for error in state.errors[:_LISTED_ERRORS]:
        complain(f"{readable_name(state.files[error.file].name)}, page {error.page}: {error.error.message}")
    if state.pages_failed > _LISTED_ERRORS:
        complain(f"{state.pages_failed} pages failed; the result has a line for each")
    if state.callback is not None:
        tries = "; ".join(call.problem or f"answered {call.status}" for call in state.callback.tries)
        out().print(f"callback {state.callback.state}{f': {tries}' if tries else ''}")


def _exit_as(state: JobAnswer) -> None:
    if state.state != "succeeded":
        complain(f"the job {state.state}: {state.pages_failed} pages failed", f"quorum jobs show {state.id}")
        raise typer.Exit(FAILED)
