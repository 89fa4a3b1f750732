"""Jobs in a SQLite file of this machine. Several processes may use it at once; all of them run on this machine.

Every change is on the disk before it is acknowledged (WAL with synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from deployments.jobs.job import Job, JobSummary
from deployments.jobs.job_parts import Changes, changes, job_of, parts_of
from deployments.jobs.job_store import Quota, away

Result = TypeVar("Result")

_WAIT_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job_heads (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    folder TEXT NOT NULL,
    created_at REAL NOT NULL,
    is_open INTEGER NOT NULL,
    due_at REAL,
    version INTEGER NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS heads_of_owner ON job_heads (owner, created_at);
CREATE INDEX IF NOT EXISTS open_heads ON job_heads (id) WHERE is_open;
CREATE INDEX IF NOT EXISTS due_heads ON job_heads (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS job_parts (
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
"""


class SqliteJobStore:
    """A JobStore in one file, which is made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")

    async def add(self, job: Job, quota: Quota) -> Job:
        def run(connection: sqlite3.Connection) -> Job:
            found = _job(connection, job.id)
            if found is not None:
                return found
            rows = connection.execute("SELECT summary FROM job_heads WHERE owner = ?", (job.owner,))
            quota.require_room([JobSummary.model_validate_json(text) for (text,) in rows], job.summary().size)
            connection.execute("INSERT INTO job_heads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(job))
            _write(connection, job.id, parts_of(job))
            return job

        return await self._run(run, writes=True)

    async def get(self, job_id: str) -> Job | None:
        return await self._run(lambda connection: _job(connection, job_id))

    async def version(self, job_id: str) -> int | None:
        def run(connection: sqlite3.Connection) -> int | None:
            row = connection.execute("SELECT version FROM job_heads WHERE id = ?", (job_id,)).fetchone()
            return None if row is None else int(row[0])

        return await self._run(run)

    async def replace(self, job: Job, earlier: Job) -> bool:
        def run(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute(
                "UPDATE job_heads SET id = ?, owner = ?, folder = ?, created_at = ?, is_open = ?, due_at = ?, "
                "version = ?, summary = ? WHERE id = ? AND version = ?",
                (*_row(job), job.id, earlier.version),
            )
            if cursor.rowcount != 1:
                return False
            _write(connection, job.id, changes(job, earlier))
            return True

        return await self._run(run, writes=True)

    async def remove(self, job: Job) -> None:
        def run(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM job_heads WHERE id = ?", (job.id,))
            connection.execute("DELETE FROM job_parts WHERE job = ?", (job.id,))

        await self._run(run, writes=True)

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        query = "SELECT id FROM job_heads WHERE owner = ? AND created_at < ? ORDER BY created_at DESC LIMIT ?"

        def run(connection: sqlite3.Connection) -> list[Job]:
            found = [_job(connection, job_id) for (job_id,) in connection.execute(query, (owner, before, most))]
            return [job for job in found if job is not None]

        return await self._run(run)

    async def open_jobs(self) -> list[JobSummary]:
        return await self._run(
            lambda connection: [
                JobSummary.model_validate_json(text)
                for (text,) in connection.execute("SELECT summary FROM job_heads WHERE is_open")
            ]
        )

    async def due(self, now: float, most: int) -> list[str]:
        query = "SELECT id FROM job_heads WHERE due_at <= ? ORDER BY due_at LIMIT ?"
        return await self._run(lambda connection: [row[0] for row in connection.execute(query, (now, most))])

    async def folders(self) -> set[str]:
        return await self._run(
            lambda connection: {row[0] for row in connection.execute("SELECT folder FROM job_heads")}
        )

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], Result], *, writes: bool = False) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work, writes)

    def _transaction(self, work: Callable[[sqlite3.Connection], Result], writes: bool) -> Result:
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._disconnect()  # whatever it was: the next one begins anew
            raise away(error) from error
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
            try:
                self._path.chmod(0o600)  # it holds secrets of callbacks
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _row(job: Job) -> tuple[object, ...]:
    summary = job.summary()
    return (
        job.id,
        job.owner,
        job.folder,
        job.created_at,
        summary.is_open,
        summary.due_at,
        job.version,
        summary.model_dump_json(),
    )


def _job(connection: sqlite3.Connection, job_id: str) -> Job | None:
    parts = dict(connection.execute("SELECT name, content FROM job_parts WHERE job = ?", (job_id,)))
    return job_of(parts) if parts else None


def _write(connection: sqlite3.Connection, job_id: str, changed: Changes) -> None:
    kept = [(job_id, name, content) for name, content in changed.items() if content is not None]
    gone = [(job_id, name) for name, content in changed.items() if content is None]
    connection.executemany("INSERT OR REPLACE INTO job_parts VALUES (?, ?, ?)", kept)
    connection.executemany("DELETE FROM job_parts WHERE job = ? AND name = ?", gone)
