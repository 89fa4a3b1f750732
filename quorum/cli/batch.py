"""`quorum batch DIR|GLOB|FILE|URL... --out results.parquet`: read many files into one table.

    quorum batch scans/ --out results.parquet
    quorum batch s3://archive/scans/ --out s3://archive/results.parquet
    quorum batch 'scans/**/*.png' --out results.parquet --through cluster

A folder is read with all that is below it, each file once. What is an image or a PDF is told by its first bytes, not by
its name; what is left out is said on stderr, with the reason. A long document is read in parts. Every option of a
request is an option here; --help lists them.

The table has a row for each page, with path, page, text, confidence, band and so on; `path_bytes` is the path as the
system has it, since names need not be UTF-8. With --answers it also has the whole answer as JSON. A file that cannot be
read has a row with its error; --failed-again reads such files once more.

With --through jobs each file is a job of the service's (`quorum jobs`): it may have any number of pages, gives way to
whoever waits for an answer, and goes on when this command is stopped; the same command finds it again.

You can stop at any time. What has been read is in a journal beside the table, and the same command continues from it.
Files and the table may lie in an object store, named by a URL that fsspec knows (s3:// needs the extra `s3`); the
journal is then on this machine, in ~/.local/state/quorum/batch.

Exit codes: 0 every file was read; 1 some were not (they are listed), or no service answers; 2 the command was not
understood; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ocr.errors import QuorumError
from quorum.batch.finding import LeftOut, find
from quorum.batch.journal import Journal, read_all
from quorum.batch.rows import ReadFiles, Row, over_http, read_as_job, read_file
from quorum.batch.storage import Source, source_of
from quorum.cli.read import ApiKey, Url
from quorum.client import DEFAULT_URL, Client, DocumentKeywords, Retries
from quorum.terminal.output import FAILED, INTERRUPTED, complain, errors_speak, readable_name
from quorum.terminal.output import out as stdout
from quorum.terminal.request_options import with_request_options

_TIMEOUT_S = 600.0
# A busy service says when to come back; a file of a batch waits for its turn.
_IN_NO_HURRY = Retries(times=4, longest_pause_s=60.0)
_LISTED = 20
_NAMED = 5


def register(app: typer.Typer) -> None:
    app.command()(with_request_options(batch))


def batch(
    places: Annotated[list[str], typer.Argument(metavar="DIR|GLOB|FILE|URL...", help="What to read.")],
    out: Annotated[str, typer.Option(help="The table, a Parquet file or its URL.", metavar="FILE|URL")],
    through: Annotated[
        Literal["http", "jobs", "cluster"],
        typer.Option(help="Over HTTP, as jobs that give way to other requests, or by Ray Data on the cluster."),
    ] = "http",
    url: Url = DEFAULT_URL,
    address: Annotated[str, typer.Option(help="The Ray cluster, for --through cluster.")] = "auto",
    at_once: Annotated[int, typer.Option(min=1, help="How many files are under way at once.")] = 4,
    answers: Annotated[bool, typer.Option("--answers", help="Keep the whole answers too.")] = False,
    failed_again: Annotated[bool, typer.Option("--failed-again", help="Read again what could not be read.")] = False,
    api_key: ApiKey = None,
    *,
    options: DocumentKeywords,
) -> None:
    """Read many files into one table; go on where a stop left off."""
    options.setdefault("timeout_s", _TIMEOUT_S)
    with errors_speak():
        found = find(places)
    _say_left_out(found.left_out)
    paths = list(found.files)
    with errors_speak(), Journal(source_of(out)) as journal:
        missing = journal.missing(paths, failed_again=failed_again)
        if len(missing) < len(paths):
            stdout().print(f"{len(paths) - len(missing)} of {len(paths)} files are done already")
        if missing:
            if through == "cluster":
                from quorum.batch.ray_data import over_ray_data

                _read(missing, journal, over_ray_data(options, address=address, at_once=at_once, whole=answers))
            else:
                with Client(url, api_key, _TIMEOUT_S, retries=_IN_NO_HURRY) as client:
                    read_one = read_as_job if through == "jobs" else read_file
                    read = over_http(client, options, at_once=at_once, whole=answers, read_one=read_one)
                    _read(missing, journal, read)
        journal.write_table()
        failed = _report(journal.rows(), readable_name(out))
    if failed:
        raise typer.Exit(FAILED)


def _read(paths: list[Source], journal: Journal, read: ReadFiles) -> None:
    """Read with a progress bar. A stop says how to go on."""
    kept = journal.path.name if isinstance(journal.out, Path) else journal.path
    again = f"what was read is in {kept}; the same command goes on from there"
    columns = (
        TextColumn("reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=len(paths))
        try:
            read_all(
                paths,
                journal,
                read,
                lambda path: bars.update(task, advance=1, description=escape(readable_name(path.name))),
            )
        except KeyboardInterrupt:
            complain("stopped", again)
            raise typer.Exit(INTERRUPTED) from None
        except QuorumError:
            complain("not everything was read", again)
            raise


def _say_left_out(left_out: Sequence[LeftOut]) -> None:
    """Name what is not read, the first of each reason, so that nothing is left out without a word."""
    reasons: dict[str, list[LeftOut]] = {}
    for one in left_out:
        reasons.setdefault(one.reason, []).append(one)
    for reason, those in reasons.items():
        named = ", ".join(readable_name(one.path) for one in those[:_NAMED])
        more = f" and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
        complain(f"left out, {reason}: {named}{more}")


def _report(rows: Iterable[Row], out: str) -> int:
    """Say what is in the table, and name what failed. Returns how many pages failed."""
    rows = list(rows)
    failed = [row for row in rows if not row.success]
    review = sum(row.success and row.needs_review for row in rows)
    stdout().print(f"{out}: {len(rows)} pages, {len(failed)} not read, {review} for a person to look at")
    for row in failed[:_LISTED]:
        complain(f"{readable_name(row.path)}{f', page {row.page}' if row.page else ''}: {row.error}")
    if len(failed) > _LISTED:
        complain(f"and {len(failed) - _LISTED} more; each has a row with success = false in {out}")
    return len(failed)
