"""Many files read into one table, so that a stop in the middle loses nothing and reads nothing twice.

Every file that has been read is written to a journal beside the table; the table, a Parquet file, is made of the
journal at the end. Run again, the same command reads what is missing. A file that cannot be read is a row with its
error, not the end of the run. How a file is read is a `Reading`; one over HTTP is here, quorum/bulk_on_cluster.py has
one through Ray Data. Times are milliseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ocr.contract import DocumentAnswer, FailedPage, PageAnswer
from ocr.errors import InvalidRequest, QuorumError, Unreachable
from quorum.client import Client, DocumentKeywords, HandleClient

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".pdf"})


@dataclass(frozen=True, slots=True)
class Row:
    """One page of one file. `page` counts from 1; it is 0 where the file as a whole could not be read."""

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


Reading = Callable[[Sequence[Path]], Iterable[tuple[Path, list[Row]]]]
"""Reads files and gives the rows of each as it is done, in any order. Raises Unreachable when nobody answers."""


def files_of(places: Iterable[str]) -> list[Path]:
    """The files that folders (all below, by their endings), patterns and paths name, each once, in order.

    Raises InvalidRequest for a place with nothing to read.
    """
    found: dict[Path, None] = {}
    for place in places:
        here = _below(Path(place)) if Path(place).is_dir() else _matching(Path(place))
        if not here:
            raise InvalidRequest(
                f"nothing to read at {place}",
                f"give a folder, a pattern or files ending in {', '.join(sorted(SUFFIXES))}",
            )
        found |= dict.fromkeys(here)
    return list(found)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _matching(pattern: Path) -> list[Path]:
    """The file of this name, or those that match it as a pattern with *, ** and ?."""
    if pattern.is_file():
        return [pattern]
    return sorted(
        path for path in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))) if path.is_file()
    )


def rows_of(path: Path, answer: DocumentAnswer, *, whole: bool) -> list[Row]:
    """A row per page; `whole` adds the answer itself."""
    return [_row_of(path, page, whole=whole) for page in answer.pages]


def _row_of(path: Path, page: PageAnswer | FailedPage, *, whole: bool) -> Row:
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


def read_file(client: Client | HandleClient, path: Path, options: DocumentKeywords, *, whole: bool) -> list[Row]:
    """The rows of one file, or the row that says why there are none. Raises Unreachable."""
    try:
        return rows_of(path, client.read_document(path, **options), whole=whole)
    except Unreachable:
        raise
    except (QuorumError, OSError) as error:
        return [Row(str(path), 0, success=False, error=str(error))]


def over_http(client: Client, options: DocumentKeywords, *, at_once: int, whole: bool) -> Reading:
    """Reads with `at_once` requests under way."""

    def read(paths: Sequence[Path]) -> Iterator[tuple[Path, list[Row]]]:
        waiting = iter(paths)
        with ThreadPoolExecutor(at_once) as pool:

            def start(count: int) -> dict[Future[list[Row]], Path]:
                chosen = islice(waiting, count)
                return {pool.submit(read_file, client, path, options, whole=whole): path for path in chosen}

            under_way = start(at_once)
            while under_way:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                finished = [(under_way.pop(future), future.result()) for future in done]
                under_way |= start(len(finished))
                yield from finished

    return read


class Journal:
    """What has been read for one table, safe against being killed. One process at a time.

    The table is `out`; the journal beside it has a line for each file, written through to the disk.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.with_name(f"{out.name}.journal")
        self._file: IO[str] | None = None
        self._rows: dict[str, list[Row]] = {}

    def __enter__(self) -> Self:
        """Open or go on with the journal. Raises InvalidRequest when another process has it."""
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InvalidRequest(
                f"another process is writing {self.out}", "wait for it, or choose another --out"
            ) from error
        self._rows = self._of_table() | self._of_journal()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def missing(self, paths: Iterable[Path], *, failed_again: bool) -> list[Path]:
        """Those of `paths` that are not done; with `failed_again` also those of which something failed."""
        return [path for path in paths if not self._is_done(str(path), failed_again=failed_again)]

    def add(self, path: Path, rows: list[Row]) -> None:
        """Note a file as done; when this returns it is on the disk."""
        assert self._file is not None, "the journal is not open"
        self._rows[str(path)] = rows
        self._file.write(json.dumps([asdict(row) for row in rows]) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def rows(self) -> list[Row]:
        """All rows, by path and page."""
        return sorted((row for rows in self._rows.values() for row in rows), key=lambda row: (row.path, row.page))

    def write_table(self) -> None:
        """Make the table of all rows and drop the journal."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        partial = self.out.with_name(f"{self.out.name}.partial")
        pq.write_table(pa.Table.from_pylist([asdict(row) for row in self.rows()], _schema()), partial)
        partial.replace(self.out)
        self.path.unlink()

    def _is_done(self, path: str, *, failed_again: bool) -> bool:
        rows = self._rows.get(path)
        return rows is not None and not (failed_again and not all(row.success for row in rows))

    def _of_table(self) -> dict[str, list[Row]]:
        if not self.out.is_file():
            return {}
        import pyarrow.parquet as pq

        return _by_path(Row(**row) for row in pq.read_table(self.out).to_pylist())

    def _of_journal(self) -> dict[str, list[Row]]:
        """The rows of every whole line; a line that a kill has torn is cut off, and its file read again."""
        assert self._file is not None
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind("\n") + 1]
        self._file.truncate(len(whole.encode()))
        return _by_path(Row(**row) for line in whole.splitlines() for row in json.loads(line))


def _by_path(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(row.path, {})[row.page] = row
    return {path: list(pages.values()) for path, pages in found.items()}


def _schema() -> Any:  # noqa: ANN401 - pyarrow is not typed here
    import pyarrow as pa

    kinds = {"str": pa.string(), "int": pa.int32(), "bool": pa.bool_(), "float": pa.float64()}
    return pa.schema([(name, kinds[str(kind)]) for name, kind in Row.__annotations__.items()])


def read_all(paths: Sequence[Path], journal: Journal, reading: Reading, progress: Callable[[Path], None]) -> None:
    """Read `paths` into the open journal; `progress` is told of each file. Raises what the reading raises: the journal
    then has what was read before.
    """
    for path, rows in reading(paths):
        journal.add(path, rows)
        progress(path)
