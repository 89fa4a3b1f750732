"""Many files into one table: nothing lost, nothing read twice, whatever stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from ocr.errors import InvalidRequest, NotAnImage, Unreachable
from quorum.batch.journal import Journal
from quorum.batch.rows import Row, files_of
from quorum.cli import batch, read
from quorum.client.retrying import Retries
from tests.fakes.service import FakeService, document_answer, listening

APP = typer.Typer()
for command in (read, batch):
    command.register(APP)


def quorum(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, ["batch", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "below").mkdir(parents=True)
    for name in ("1.png", "2.JPG", "below/3.pdf"):
        (folder / name).write_bytes(name.encode())
    (folder / "notes.txt").write_text("not an image")
    return folder


def reads() -> FakeService:
    """A service that reads one page and fails on a second one of every file."""
    return FakeService({"/predict_text": document_answer("one page")})


def table_of(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()


def test_folders_patterns_and_names_are_found_each_once_in_order(scans: Path) -> None:
    everything = [scans / "1.png", scans / "2.JPG", scans / "below" / "3.pdf"]
    assert files_of([str(scans)]) == everything
    assert files_of([f"{scans}/**/*.pdf", str(scans / "1.png"), str(scans)]) == [everything[2], *everything[:2]]
    with pytest.raises(InvalidRequest, match="nothing to read"):
        files_of([str(scans / "*.gif")])


def test_the_table_has_a_row_for_every_page_and_lists_what_failed(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.parquet"
    with listening(reads()) as url:
        result = quorum(scans, "--out", out, "--url", url)
    rows = table_of(out)
    assert [(Path(str(row["path"])).name, row["page"], row["success"]) for row in rows] == [
        (name, page, page == 1) for name in ("1.png", "2.JPG", "3.pdf") for page in (1, 2)
    ]
    assert result.exit_code == 1
    assert "6 pages, 3 not read" in result.stdout
    assert "1.png, page 2: no" in result.stderr
    assert not list(tmp_path.glob("*.journal"))


def test_a_second_run_reads_only_what_is_new_or_failed_when_asked(scans: Path, tmp_path: Path) -> None:
    out, service = tmp_path / "results.parquet", reads()
    with listening(service) as url:
        quorum(scans, "--out", out, "--url", url)
        (scans / "4.png").write_bytes(b"new")
        quorum(scans, "--out", out, "--url", url)
        assert len(service.asked) == 4
        quorum(scans, "--out", out, "--url", url, "--failed-again")
    assert len(service.asked) == 8
    assert len(table_of(out)) == 8


def test_a_file_that_is_refused_is_a_row_with_the_reason(scans: Path, tmp_path: Path) -> None:
    service = FakeService({"/predict_text": NotAnImage("not an image", "send a PNG")})
    with listening(service) as url:
        quorum(scans / "1.png", "--out", tmp_path / "t.parquet", "--url", url)
    [row] = table_of(tmp_path / "t.parquet")
    assert (row["page"], row["success"], row["error"]) == (0, False, "not an image (send a PNG)")


def test_a_service_that_is_gone_stops_the_run_and_keeps_what_was_read(scans: Path, tmp_path: Path) -> None:
    service = reads()

    def once(request: httpx.Request) -> httpx.Response:
        return service(request) if not service.asked else httpx.Response(200, content=b"somebody else")

    out = tmp_path / "t.parquet"
    with listening(once) as url:
        result = quorum(scans, "--out", out, "--url", url, "--at-once", 1)
    assert result.exit_code == 1
    assert "the same command goes on from there" in " ".join(result.stderr.split())
    with Journal(out) as journal:
        assert {row.path for row in journal.rows()} == {str(scans / "1.png")}


def test_a_line_that_a_kill_has_torn_is_read_again(tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    with Journal(out) as journal:
        journal.add(Path("a"), [Row("a", 1, success=True)])
        journal.add(Path("b"), [Row("b", 1, success=True)])
    torn = journal.path.read_text()[:-9]
    journal.path.write_text(torn)
    with Journal(out) as journal:
        assert journal.missing([Path("a"), Path("b")], failed_again=False) == [Path("b")]
        journal.add(Path("b"), [Row("b", 1, success=True, text="again")])
        journal.write_table()
    assert [row["text"] for row in table_of(out)] == ["", "again"]


def test_two_processes_cannot_write_one_table(tmp_path: Path) -> None:
    with Journal(tmp_path / "t.parquet"), pytest.raises(InvalidRequest, match="another process"):
        Journal(tmp_path / "t.parquet").__enter__()


@pytest.mark.processes
def test_killed_half_way_and_started_again_nothing_is_lost_and_nothing_that_was_kept_is_read_twice(
    tmp_path: Path,
) -> None:
    folder, out = tmp_path / "scans", tmp_path / "t.parquet"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03}.png").write_bytes(b"%d" % number)
    service, half_way = reads(), threading.Event()

    def slowly(request: httpx.Request) -> httpx.Response:
        time.sleep(0.01)
        if len(service.asked) >= 30:
            half_way.set()
        return service(request)

    with listening(slowly) as url:
        command = [sys.executable, "-m", "quorum", "batch", str(folder), "--out", str(out), "--url", url]
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
        assert half_way.wait(300)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        with Journal(out) as journal:
            kept = {Path(row.path).name for row in journal.rows()}
        assert 0 < len(kept) < 60
        asked_before = len(service.asked)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1, second.stderr  # the second page of every file fails in this service
    again = Counter(int(request.content) for request in service.asked[asked_before:])
    assert not {f"{number:03}.png" for number in again} & kept
    assert len({row["path"] for row in table_of(out)}) == 60
    assert len(table_of(out)) == 120


def test_unreachable_is_said_with_the_remedy(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_IN_NO_HURRY", Retries(first_pause_s=0.01))
    result = quorum(scans, "--out", tmp_path / "t.parquet", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "quorum up" in result.stderr
    assert Unreachable.code == "unreachable"
