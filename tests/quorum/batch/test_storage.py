"""Files and tables in object stores: fsspec's own store in memory stands for all of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from ocr.errors import InvalidRequest
from quorum.batch.finding import find
from quorum.batch.journal import Journal
from quorum.batch.rows import Row
from quorum.batch.storage import StoredFile
from quorum.cli import batch, read
from tests.fakes.service import FakeService, document_answer, listening

PNG = b"\x89PNG\r\n\x1a\n"
TABLE = "memory://results/t.parquet"

APP = typer.Typer()
for command in (read, batch):
    command.register(APP)


def quorum(*arguments: str) -> Result:
    return CliRunner().invoke(APP, ["batch", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    memory = fsspec.filesystem("memory")
    for name, content in {
        "scans/1.png": PNG + b"1",
        "scans/below/2 b.pdf": b"%PDF-1.7",
        "scans/empty.png": b"",
        "scans/notes.txt": b"not an image",
    }.items():
        memory.pipe_file(f"/{name}", content)
    yield memory
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def table_of(url: str) -> list[dict[str, object]]:
    return pq.read_table(io.BytesIO(StoredFile(url).read_bytes())).to_pylist()


def test_folders_patterns_and_files_of_a_store_are_found_each_once_by_their_first_bytes() -> None:
    found = find(["memory://scans", "memory://scans/**/*.pdf", "memory://scans/1.png"])
    assert [file.name for file in found.files] == ["1.png", "2 b.pdf"]
    assert {one.path.name: one.reason for one in found.left_out} == {
        "empty.png": "empty",
        "notes.txt": "no image and no PDF",
    }
    named = find(["memory://scans/notes.txt"])  # the service says what is wrong with it
    assert [file.name for file in named.files] == ["notes.txt"]


@pytest.mark.parametrize(
    ("place", "says"), [("memory://nowhere", "nothing to read"), ("nosuch://bucket/x", "cannot be reached")]
)
def test_a_place_that_is_none_is_told(place: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as told:
        find([place])
    assert told.value.hint


def test_files_are_read_from_a_store_into_a_table_in_a_store_and_only_once(tmp_path: Path) -> None:
    service = FakeService({"/predict_text": document_answer("one page")})
    with listening(service) as url:
        first = quorum("memory://scans", "--out", TABLE, "--url", url)
        again = quorum("memory://scans/", "--out", TABLE, "--url", url)
    assert "left out, empty: memory://scans/empty.png" in " ".join(
        first.stderr.replace("memory:///", "memory://").split()
    )
    assert "2 of 2 files are done already" in again.stdout
    assert sorted(request.content for request in service.asked) == [b"%PDF-1.7", PNG + b"1"]
    assert [row["page"] for row in table_of(TABLE)] == [1, 2, 1, 2]
    assert list(tmp_path.rglob("*.journal")) == []


def test_the_journal_of_a_table_in_a_store_is_on_this_machine_and_is_gone_on_with(tmp_path: Path) -> None:
    file = StoredFile("memory://scans/1.png")
    with Journal(StoredFile(TABLE)) as journal:
        journal.add(file, [Row(str(file), 1, success=True, text="kept")])
    assert [path.parent for path in tmp_path.rglob("*.journal")] == [tmp_path / "quorum" / "batch"]
    with Journal(StoredFile(TABLE)) as journal:
        assert journal.missing([file, StoredFile("memory://scans/3.png")], failed_again=False) == [
            StoredFile("memory://scans/3.png")
        ]
        journal.write_table()
    assert [row["text"] for row in table_of(TABLE)] == ["kept"]


def test_a_file_that_is_gone_when_its_turn_comes_is_a_row_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: StoredFile) -> bytes:
        raise FileNotFoundError(2, "No such file", self.url)

    monkeypatch.setattr(StoredFile, "read_bytes", gone)
    with listening(FakeService({})) as url:
        result = quorum("memory://scans/1.png", "--out", TABLE, "--url", url)
    assert result.exit_code == 1
    monkeypatch.undo()
    [row] = table_of(TABLE)
    assert (row["page"], row["success"]) == (0, False)
    assert "No such file" in str(row["error"])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 that listens on this machine."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="archive")
    for name, content in {"1 ü.png": PNG + b"1", "below/2.pdf": b"%PDF-1.7", "nothing.png": b"", "x.txt": b"x"}.items():
        client.put_object(Bucket="archive", Key=f"scans/{name}", Body=content)
    client.close()
    yield "s3://archive"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.processes
def test_files_of_an_s3_are_read_into_a_table_there(bucket: str) -> None:
    service, table = FakeService({"/predict_text": document_answer("one page")}), f"{bucket}/results/t.parquet"
    with listening(service) as url:
        first = quorum(f"{bucket}/scans/", "--out", table, "--url", url)
        again = quorum(f"{bucket}/scans/**/*.pdf", f"{bucket}/scans/1 ü.png", "--out", table, "--url", url)
    assert "left out, empty: s3://archive/scans/nothing.png" in " ".join(first.stderr.split())
    assert "2 of 2 files are done already" in again.stdout
    assert sorted(request.content for request in service.asked) == [b"%PDF-1.7", PNG + b"1"]
    assert {row["path"] for row in table_of(table)} == {f"{bucket}/scans/1 ü.png", f"{bucket}/scans/below/2.pdf"}


@pytest.mark.processes
@pytest.mark.parametrize("place", ["s3://nobodys/scans", "s3://archive/nowhere/"])
def test_a_bucket_or_a_folder_that_is_not_there_is_told(bucket: str, place: str) -> None:
    result = quorum(place, "--out", f"{bucket}/t.parquet")
    assert result.exit_code == 1
    assert result.stderr.strip()
