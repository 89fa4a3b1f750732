"""The rows of a table of many files, and how files are read into them over HTTP.

A file that cannot be read is a row with its error, not the end of the run. How files are read is a `ReadFiles`; one
over HTTP is here, ray_data.py has one through Ray Data. Times are milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import cast

from ocr.contract import CharacterAnswer, DocumentAnswer, FailedItem, FailedPage, PageAnswer
from ocr.errors import QuorumError, Unreachable
from ocr.file_kinds import pdf_start
from quorum.batch.storage import Source
from quorum.client import Client, DocumentKeywords, HandleClient, JobKeywords


@dataclass(frozen=True, slots=True)
class Row:
    """One page of one file. `path` is as os.fsdecode gives it, so that a name that is not UTF-8 is exact. `page` counts
    from 1; it is 0 where the file as a whole could not be read.
    """

    path: str
    page: int
    success: bool
    text: str = ""
    confidence: float = 0.0
    band: str = ""
    needs_review: bool = True
    lines: int = 0
    profile: str = ""
    method: str = ""
    processing_time_ms: float = 0.0
    error: str = ""
    answer: str = ""
    """The whole answer as JSON, where it was asked for."""


ReadFiles = Callable[[Sequence[Source]], Iterable[tuple[Source, list[Row]]]]
"""Reads files and gives the rows of each as it is done, in any order. Raises Unreachable when nobody answers."""


def rows_of(path: Source, answer: DocumentAnswer, *, whole: bool) -> list[Row]:
    """A row per page; `whole` adds the answer itself."""
    return [_row_of(path, page, whole=whole) for page in answer.pages]


def _row_of(path: Source, page: PageAnswer | FailedPage, *, whole: bool) -> Row:
    if isinstance(page, FailedPage):
        return Row(str(path), page.page, success=False, error=f"{page.error.message} ({page.error.hint})")
    return Row(
        str(path),
        page.page,
        success=True,
        text=page.text,
        confidence=page.confidence,
        band=page.band,
        needs_review=page.needs_review,
        lines=len(page.lines),
        profile=page.profile,
        method=page.method,
        processing_time_ms=page.processing_time_ms,
        answer=page.model_dump_json() if whole else "",
    )


def read_file(client: Client | HandleClient, path: Source, options: DocumentKeywords, *, whole: bool) -> list[Row]:
    """The rows of one file, or the row that says why there are none. `dpi` is for PDFs, and no other file is asked for
    it. Raises Unreachable.
    """
    try:
        content = path.read_bytes()
        asked = options if pdf_start(content) is not None else _without_dpi(options)
        return rows_of(path, client.read_document(content, **asked), whole=whole)
    except Unreachable:
        raise
    except (QuorumError, OSError) as error:
        return [Row(str(path), 0, success=False, error=str(error))]


def _without_dpi(options: DocumentKeywords) -> DocumentKeywords:
    others = options.copy()
    others.pop("dpi", None)
    return others


def read_as_job(client: Client, path: Source, options: DocumentKeywords, *, whole: bool) -> list[Row]:
    """The same as a job of the service's, which goes on when this program stops: the same file with the same options
    joins it. Its content is deleted there when its rows are here.
    """
    try:
        content = path.read_bytes()
        key = hashlib.sha256(content + json.dumps(options, sort_keys=True, default=list).encode()).hexdigest()
        job = client.submit(content, key=key, **cast("JobKeywords", options))
        rows = [_row_of_job(path, page.answer, whole=whole) for page in job]
        job.cancel()
    except Unreachable:
        raise
    except (QuorumError, OSError) as error:
        return [Row(str(path), 0, success=False, error=str(error))]
    return rows


def _row_of_job(path: Source, answer: PageAnswer | FailedPage | CharacterAnswer | FailedItem, *, whole: bool) -> Row:
    if isinstance(answer, PageAnswer | FailedPage):
        return _row_of(path, answer, whole=whole)
    said = f"{answer.error.message} ({answer.error.hint})" if isinstance(answer, FailedItem) else "it is no page"
    return Row(str(path), 0, success=False, error=said)


ReadOne = Callable[..., list[Row]]


def over_http(
    client: Client, options: DocumentKeywords, *, at_once: int, whole: bool, read_one: ReadOne = read_file
) -> ReadFiles:
    """Reads with `at_once` requests or jobs under way."""

    def read(paths: Sequence[Source]) -> Iterator[tuple[Source, list[Row]]]:
        waiting = iter(paths)
        with ThreadPoolExecutor(at_once) as pool:

            def start(count: int) -> dict[Future[list[Row]], Source]:
                chosen = islice(waiting, count)
                return {pool.submit(read_one, client, path, options, whole=whole): path for path in chosen}

            under_way = start(at_once)
            while under_way:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                finished = [(under_way.pop(future), future.result()) for future in done]
                under_way |= start(len(finished))
                yield from finished

    return read
