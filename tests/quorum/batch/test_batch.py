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
from quorum.batch.finding import find
from quorum.batch.journal import Journal
from quorum.batch.rows import Row
from quorum.cli import batch, read
from quorum.client.retrying import Retries
from tests.fakes.book_service import BookService
from tests.fakes.service import FakeService, document_answer, listening

PNG = b"\x89PNG\r\n\x1a\n"

APP = typer.Typer()
for command in (read, batch):
    command.register(APP)


def quorum(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, ["batch", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "below").mkdir(parents=True)
    for name, head in (("1.png", PNG), ("2.JPG", b"\xff\xd8\xff"), ("below/3.pdf", b"%PDF-1.7")):
        (folder / name).write_bytes(head + name.encode())
    (folder / "notes.txt").write_text("not an image")
    return folder


def reads() -> FakeService:
    """A service that reads one page and fails on a second one of every file."""
    return FakeService({"/predict_text": document_answer("one page")})


def table_of(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()


def test_folders_patterns_and_names_are_found_each_once_in_order(scans: Path) -> None:
    everything = [scans / "1.png", scans / "2.JPG", scans / "below" / "3.pdf"]
    assert list(find([str(scans)]).files) == everything
    found = find([f"{scans}/**/*.pdf", str(scans / "1.png"), str(scans)])
    assert list(found.files) == [everything[2], *everything[:2]]
    with pytest.raises(InvalidRequest, match="nothing to read"):
        find([str(scans / "*.gif")])


def test_a_folder_that_is_named_twice_is_read_once(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(scans)
    monkeypatch.chdir(tmp_path)
    found = find(["scans", "./scans/", str(scans), "scans/below/../1.png", "link"])
    assert [str(path) for path in found.files] == ["scans/1.png", "scans/2.JPG", "scans/below/3.pdf"]


def test_a_second_run_knows_the_files_by_another_name(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = reads()
    monkeypatch.chdir(tmp_path)
    with listening(service) as url:
        quorum("scans", "--out", "t.parquet", "--url", url)
        quorum(scans, "--out", "t.parquet", "--url", url)
    assert len(service.asked) == 3


def test_what_a_file_is_its_first_bytes_say_and_what_is_left_out_is_said(scans: Path, tmp_path: Path) -> None:
    for name, content in {
        "photo.jfif": b"\xff\xd8\xff\xe0",
        "scan": PNG,
        "phone.heic": b"\0\0\0\x1cftypheic",
        "._1.png": b"\0\5\x16\7\0\2",
        "table.png": b"PK\3\4",
        "moving.gif": b"GIF89a",
        "nothing.png": b"",
        "letter.pdf": b"\xef\xbb\xbf%PDF-1.7",
    }.items():
        (scans / name).write_bytes(content)
    (scans / "elsewhere").symlink_to(tmp_path)
    found = find([str(scans)])
    read = {path.name for path in found.files}
    assert read == {"1.png", "2.JPG", "3.pdf", "photo.jfif", "scan", "phone.heic", "letter.pdf"}
    assert {one.path.name: one.reason for one in found.left_out} == {
        "._1.png": "what macOS notes about another file",
        "table.png": "a ZIP archive or an office document is not read",
        "notes.txt": "no image and no PDF",
        "moving.gif": "GIF is not read",
        "nothing.png": "empty",
        "elsewhere": "a link to a folder",
    }
    with listening(reads()) as url:
        result = quorum(scans, "--out", tmp_path / "t.parquet", "--url", url)
    said = " ".join(result.stderr.split())
    assert "left out, GIF is not read: " in said
    assert "moving.gif" in said
    assert len({row["path"] for row in table_of(tmp_path / "t.parquet")}) == 7


LATIN_1 = os.fsdecode(b"facture_\xe9t\xe9.png")


def test_a_name_that_is_not_utf_8_is_read_kept_exactly_and_not_read_again(scans: Path, tmp_path: Path) -> None:
    odd = scans / LATIN_1
    odd.write_bytes(PNG)
    out, service = tmp_path / "t.parquet", reads()
    with listening(service) as url:
        result = quorum(scans, "--out", out, "--url", url)
        assert "facture_\\xe9t\\xe9.png, page 2: no" in result.stderr
        assert len(service.asked) == 4
        quorum(scans, "--out", out, "--url", url)
        assert len(service.asked) == 4
    rows = [row for row in table_of(out) if b"facture" in bytes(row["path_bytes"])]  # type: ignore[arg-type]
    assert [row["path_bytes"] for row in rows] == [os.fsencode(odd)] * 2
    assert rows[0]["path"] == f"{scans}/facture_\\xe9t\\xe9.png"


def test_a_file_that_cannot_be_opened_is_a_row_even_where_its_name_is_not_utf_8(tmp_path: Path) -> None:
    odd = tmp_path / LATIN_1
    odd.write_bytes(PNG)
    out = tmp_path / "t.parquet"
    with Journal(out) as journal:
        journal.add(odd, [Row(str(odd), 0, success=False, error=f"cannot open {odd}")])
    with Journal(out) as journal:
        assert journal.missing([odd], failed_again=False) == []
        journal.write_table()
    [row] = table_of(out)
    assert str(row["error"]).endswith("facture_\\udce9t\\udce9.png")


def test_a_table_from_before_names_were_bytes_is_gone_on_with(scans: Path, tmp_path: Path) -> None:
    out, service = tmp_path / "t.parquet", reads()
    with listening(service) as url:
        quorum(scans, "--out", out, "--url", url)
        pq.write_table(pq.read_table(out).drop_columns(["path_bytes"]), out)
        quorum(scans, "--out", out, "--url", url)
    assert len(service.asked) == 3
    assert len(table_of(out)) == 6


def test_every_option_of_a_request_is_passed_on_and_dpi_only_for_pdf(scans: Path, tmp_path: Path) -> None:
    service = reads()
    with listening(service) as url:
        words = [
            "--dpi",
            "300",
            "--lang",
            "de",
            "--preprocess",
            "denoise,deskew",
            "--policy",
            "cascade",
            "--pages",
            "1",
        ]
        quorum(scans, "--out", tmp_path / "t.parquet", "--url", url, "--at-once", 1, *words)
    asked = [dict(request.url.params) for request in service.asked]
    common = {"lang": "de", "preprocess": "denoise,deskew", "policy": "cascade", "pages": "1", "timeout_s": "600.0"}
    assert asked == [common, common, {**common, "dpi": "300"}]


def test_a_document_that_is_too_long_for_one_request_is_read_in_parts(scans: Path, tmp_path: Path) -> None:
    service = BookService(pages=11, max_pages=4)
    with listening(service) as url:
        quorum(scans / "below" / "3.pdf", "--out", tmp_path / "t.parquet", "--url", url)
    rows = table_of(tmp_path / "t.parquet")
    assert [(row["page"], row["text"]) for row in rows] == [(number, f"page {number}") for number in range(1, 12)]


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
        (scans / "4.png").write_bytes(PNG + b"new")
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
        (folder / f"{number:03}.png").write_bytes(PNG + b"%d" % number)
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
    again = Counter(int(request.content.removeprefix(PNG)) for request in service.asked[asked_before:])
    assert not {f"{number:03}.png" for number in again} & kept
    assert len({row["path"] for row in table_of(out)}) == 60
    assert len(table_of(out)) == 120


def test_unreachable_is_said_with_the_remedy(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_IN_NO_HURRY", Retries(first_pause_s=0.01))
    result = quorum(scans, "--out", tmp_path / "t.parquet", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "quorum up" in result.stderr
    assert Unreachable.code == "unreachable"
