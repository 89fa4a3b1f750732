"""The files of jobs, in a folder and in an S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.jobs.job_files import JobFiles, made_at, new_folder
from ocr.errors import NotReady


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, Any]]:
    """Where an S3 listens, and how it is asked."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    asked = {"endpoint_url": f"http://{host}:{port}", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("s3", region_name="us-east-1", **asked)
    client.create_bucket(Bucket="scans")
    client.close()
    yield asked
    server.stop()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.processes)])
async def files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[JobFiles]:
    if request.param == "folder":
        yield JobFiles(str(tmp_path / "files"))
        return
    asked = request.getfixturevalue("s3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", asked["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    in_s3 = JobFiles(f"s3://scans/{tmp_path.name}")
    yield in_s3
    in_s3.close()


async def upload(files: JobFiles, path: str, *pieces: bytes) -> None:
    async with files.writing(path) as writer:
        for piece in pieces:
            await writer.write(piece)
        assert writer.size == sum(map(len, pieces))


async def test_an_upload_comes_in_pieces_and_is_there_as_one_file(files: JobFiles) -> None:
    pieces = [bytes([number]) * 3_000_000 for number in range(4)]
    await upload(files, "one/0", *pieces)
    async with files.on_disk("one/0") as path:
        assert path.read_bytes() == b"".join(pieces)
    async with files.on_disk("one/0") as again:
        assert again == path  # opened again and again, copied once


async def test_an_upload_that_breaks_off_leaves_nothing(files: JobFiles) -> None:
    async def break_off() -> None:
        async with files.writing("one/0") as writer:
            await writer.write(b"half")
            raise RuntimeError("the caller is gone")

    with pytest.raises(RuntimeError, match="the caller is gone"):
        await break_off()
    with pytest.raises(FileNotFoundError):
        async with files.on_disk("one/0") as path:
            path.read_bytes()


async def test_what_was_read_is_kept_smaller_than_it_is(files: JobFiles) -> None:
    content = b'{"text": "so it is"}' * 1000
    assert await files.write("one/pages/0-1-7.json.gz", content) < len(content) / 10
    assert await files.read("one/pages/0-1-7.json.gz") == content


async def test_a_job_is_deleted_with_all_that_it_has_and_nothing_else(files: JobFiles) -> None:
    await upload(files, "one/0", b"a")
    await files.write("one/pages/0-1-7.json.gz", b"b")
    await upload(files, "two/0", b"c")
    assert sorted(await files.folders()) == ["one", "two"]
    await files.remove("one")
    await files.remove("one")  # as good as deleted
    assert await files.folders() == ["two"]
    with pytest.raises(FileNotFoundError):
        await files.read("one/pages/0-1-7.json.gz")


async def test_while_the_storage_is_away_callers_are_told_to_come_back(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file, where a folder should be")
    files = JobFiles(str(tmp_path / "files"))
    with pytest.raises(NotReady) as away:
        await upload(files, "one/0", b"a")
    assert away.value.retry_after_s
    (tmp_path / "files").unlink()
    await upload(files, "one/0", b"a")


async def test_there_are_no_folders_before_the_first_job(tmp_path: Path) -> None:
    assert await JobFiles(str(tmp_path / "none")).folders() == []


def test_a_folder_says_when_it_was_made_and_one_of_somebody_else_is_never_old() -> None:
    assert made_at(new_folder(1_700_000_000.5)) == 1_700_000_000
    assert made_at("somebody's") > 1_700_000_000


async def test_the_folder_of_uploads_is_for_nobody_else_on_this_machine(tmp_path: Path) -> None:
    await upload(JobFiles(str(tmp_path / "state" / "files")), "a/0", b"scan")
    assert (tmp_path / "state" / "files").stat().st_mode & 0o077 == 0
    (tmp_path / "shared").mkdir(mode=0o755)
    await upload(JobFiles(str(tmp_path / "shared")), "a/0", b"scan")
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755  # whoever made it decides who may read it
