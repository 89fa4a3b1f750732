"""What has been read into a table, so that a stop in the middle loses nothing and reads nothing twice.

Every file that has been read is written to a journal beside the table; the table, a Parquet file, is made of the
journal at the end. Run again, the same command reads what is missing. The journal of a table in an object store lies on
this machine, since such a store cannot add to a file.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ocr.errors import InvalidRequest
from quorum.batch.rows import ReadFiles, Row
from quorum.batch.storage import Source, StoredFile, identity
from quorum.terminal.output import readable_name


class Journal:
    """What has been read for one table, safe against being killed. One process at a time.

    The table is `out`; the journal, at `path`, has a line for each file, written through to the disk.
    """

    def __init__(self, out: Source) -> None:
        self.out = out
        self.path = _journal_of(out)
        self._file: IO[str] | None = None
        self._rows: dict[str, list[Row]] = {}

    def __enter__(self) -> Self:
        """Open or go on with the journal. Raises InvalidRequest when another process has it, OSError where the table
        cannot be reached.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
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

    def missing(self, paths: Iterable[Source], *, failed_again: bool) -> list[Source]:
        """Those of `paths` that are not done; with `failed_again` also those of which something failed."""
        done = {
            identity(path)  # the same file may be named in another way this time
            for path, rows in self._rows.items()
            if not (failed_again and not all(row.success for row in rows))
        }
        return [path for path in paths if identity(path) not in done]

    def add(self, path: Source, rows: list[Row]) -> None:
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

        table = pa.Table.from_pylist([_record(row) for row in self.rows()], _schema())
        if isinstance(self.out, StoredFile):
            file = io.BytesIO()
            pq.write_table(table, file)
            self.out.write_bytes(file.getvalue())
        else:
            partial = self.out.with_name(f"{self.out.name}.partial")
            pq.write_table(table, partial)
            partial.replace(self.out)
        self.path.unlink()

    def _of_table(self) -> dict[str, list[Row]]:
        if not self.out.is_file():
            return {}
        import pyarrow.parquet as pq

        table = io.BytesIO(self.out.read_bytes()) if isinstance(self.out, StoredFile) else self.out
        return _by_path(_row(record) for record in pq.read_table(table).to_pylist())

    def _of_journal(self) -> dict[str, list[Row]]:
        """The rows of every whole line; a line that a kill has torn is cut off, and its file read again."""
        assert self._file is not None
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind("\n") + 1]
        self._file.truncate(len(whole.encode()))
        return _by_path(Row(**row) for line in whole.splitlines() for row in json.loads(line))


def _journal_of(out: Source) -> Path:
    """Beside a table of this machine; of another, where programs keep their state, under the name of its URL."""
    if isinstance(out, Path):
        return out.with_name(f"{out.name}.journal")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "quorum" / "batch" / f"{out.name}-{hashlib.sha256(out.url.encode()).hexdigest()[:16]}.journal"


_NAME = "path_bytes"
"""A column beside those of `Row`: the path as the system has it. The names of files are bytes and need not be UTF-8,
which all texts of a table are.
"""


def _record(row: Row) -> dict[str, Any]:
    """A row of the table. What UTF-8 cannot hold is written with backslashes."""
    record = {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in asdict(row).items()
    }
    return {**record, "path": readable_name(row.path), _NAME: os.fsencode(row.path)}


def _row(record: dict[str, Any]) -> Row:
    """A row from the table, also from one that was written before it had the names as bytes."""
    name = record.pop(_NAME, None)
    return Row(**{**record, "path": record["path"] if name is None else os.fsdecode(name)})


def _by_path(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(row.path, {})[row.page] = row
    return {path: list(pages.values()) for path, pages in found.items()}


def _schema() -> Any:  # noqa: ANN401 - pyarrow is not typed here
    import pyarrow as pa

    kinds = {"str": pa.string(), "int": pa.int32(), "bool": pa.bool_(), "float": pa.float64()}
    columns = [(name, kinds[str(kind)]) for name, kind in Row.__annotations__.items()]
    return pa.schema([*columns, (_NAME, pa.binary())])


def read_all(paths: Sequence[Source], journal: Journal, reading: ReadFiles, progress: Callable[[Source], None]) -> None:
    """Read `paths` into the open journal; `progress` is told of each file. Raises what the reading raises: the journal
    then has what was read before.
    """
    for path, rows in reading(paths):
        journal.add(path, rows)
        progress(path)
