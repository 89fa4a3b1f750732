"""The store and the files of jobs on a disk that is full. Mounting a small disk needs root."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_store import Quota
from deployments.jobs.sqlite_store import SqliteJobStore
from ocr.errors import NotReady
from tests.deployments.jobs.test_job import job_of

pytestmark = pytest.mark.processes

_PLENTY = Quota(100, 100_000, 1e9, 1000)
_MB = 1_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"NOT RUN: no disk can be mounted here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - it is how the loop ends
    return ballast


async def test_a_file_that_does_not_fit_is_refused_with_the_reason_and_leaves_nothing(disk: Path) -> None:
    files = JobFiles(str(disk / "files"))
    await files.write("job/kept", b"kept before")
    ballast = fill(disk)
    with pytest.raises(NotReady, match="no room left") as refused:
        async with files.writing("job/scan") as writer:
            await writer.write(bytes(_MB))
    assert "free room" in refused.value.hint
    assert not (disk / "files" / "job" / "scan").exists()
    assert await files.read("job/kept") == b"kept before"
    ballast.unlink()
    await files.write("job/scan", b"after")
    assert await files.read("job/scan") == b"after"


async def test_a_job_that_cannot_be_kept_is_refused_with_the_reason_and_the_others_stay(disk: Path) -> None:
    store = SqliteJobStore(disk / "jobs.sqlite3")
    kept = await store.add(job_of(3, id="kept"), _PLENTY)
    ballast = fill(disk)

    async def add_many() -> None:
        for number in range(200):  # the last page of the file takes some
            await store.add(job_of(3, id=f"refused {number}"), _PLENTY)

    with pytest.raises(NotReady, match="no room left"):
        await add_many()
    assert await store.get(kept.id) == kept
    ballast.unlink()
    later = await store.add(job_of(3, id="later"), _PLENTY)
    assert await store.get(later.id) == later
    await store.close()
