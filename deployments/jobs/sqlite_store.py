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
from deployments.jobs.job_store import Quota, away

Result = TypeVar("Result")

_WAIT_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    folder TEXT NOT NULL,
    created_at REAL NOT NULL,
    is_open INTEGER NOT NULL,
    due_at REAL,
    version INTEGER NOT NULL,
    summary TEXT NOT NULL,
    job TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_of_owner ON jobs (owner, created_at);
CREATE INDEX IF NOT EXISTS open_jobs ON jobs (id) WHERE is_open;
CREATE INDEX IF NOT EXISTS due_jobs ON jobs (due_at) WHERE due_at IS NOT NULL;
"""


class SqliteJobStore:
    """A JobStore in one file, which is made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")

    async def add(self, job: Job, quota: Quota) -> Job:
        def run(connection: sqlite3.Connection) -> Job:
            found = _job(connection.execute("SELECT job FROM jobs WHERE id = ?", (job.id,)).fetchone())
            if found is not None:
                return found
            rows = connection.execute("SELECT summary FROM jobs WHERE owner = ?", (job.owner,))
            quota.require_room([JobSummary.model_validate_json(text) for (text,) in rows], job.summary().size)
            connection.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(job))
            return job

        return await self._run(run, writes=True)

    async def get(self, job_id: str) -> Job | None:
        return await self._run(
            lambda connection: _job(connection.execute("SELECT job FROM jobs WHERE id = ?", (job_id,)).fetchone())
        )

    async def replace(self, job: Job) -> bool:
        def run(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute(
                "UPDATE jobs SET id = ?, owner = ?, folder = ?, created_at = ?, is_open = ?, due_at = ?, version = ?, "
                "summary = ?, job = ? WHERE id = ? AND version = ?",
                (*_row(job), job.id, job.version - 1),
            )
            return cursor.rowcount == 1

        return await self._run(run, writes=True)

    async def remove(self, job: Job) -> None:
        await self._run(lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,)), writes=True)

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        query = "SELECT job FROM jobs WHERE owner = ? AND created_at < ? ORDER BY created_at DESC LIMIT ?"
        return await self._run(
            lambda connection: [
                Job.model_validate_json(text) for (text,) in connection.execute(query, (owner, before, most))
            ]
        )

    async def open_jobs(self) -> list[JobSummary]:
        return await self._run(
            lambda connection: [
                JobSummary.model_validate_json(text)
                for (text,) in connection.execute("SELECT summary FROM jobs WHERE is_open")
            ]
        )

    async def due(self, now: float, most: int) -> list[str]:
        query = "SELECT id FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?"
        return await self._run(lambda connection: [row[0] for row in connection.execute(query, (now, most))])

    async def folders(self) -> set[str]:
        return await self._run(lambda connection: {row[0] for row in connection.execute("SELECT folder FROM jobs")})

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
        job.model_dump_json(),
    )


def _job(row: tuple[str] | None) -> Job | None:
    return None if row is None else Job.model_validate_json(row[0])
