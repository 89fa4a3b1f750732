"""`quorum jobs` and the client behind it, against the application over real HTTP and a worker beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
import typer
from typer.testing import CliRunner

from ocr.contract import DocumentAnswer, PageAnswer
from ocr.errors import NotFound
from ocr.job_contract import JobAnswer, JobPage
from quorum.cli import batch, jobs
from quorum.client import AsyncClient, Client
from tests.fakes.job_worker import with_a_worker
from tests.fakes.served import over_http
from tests.fakes.sized_pages import SizedPages, sized_pdf, width_of

pytestmark = pytest.mark.processes

app = typer.Typer()
jobs.register(app)

PAGES = 7
ALL = [width_of(number) for number in range(1, PAGES + 1)]
DRAWN = {"dpi": 72, "existing_text": "redo"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("jobs")
    with with_a_worker(SizedPages(), folder, max_pages=3) as whole, over_http(whole.app()) as url:
        yield url


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "book.pdf"
    path.write_bytes(sized_pdf(PAGES))
    return path


def widths(pages: list[JobPage]) -> list[int]:
    return [page.answer.width for page in pages if isinstance(page.answer, PageAnswer)]


def quorum(url: str, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["jobs", *arguments, "--url", url])
    return result.exit_code, result.stdout


def test_a_document_is_submitted_waited_for_and_fetched(url: str, book: Path) -> None:
    seen: list[JobAnswer] = []
    with Client(url) as client:
        job = client.submit(book, formats=["markdown"], **DRAWN)
        state = job.wait(seen.append)
        assert (state.state, state.pages_done, state.files[0].name) == ("succeeded", PAGES, "book.pdf")
        assert seen[-1] == state
        assert widths(list(job)) == ALL
        document = DocumentAnswer.model_validate_json(job.fetch("json"))  # in three requests
        assert [page.page for page in document.pages] == list(range(1, PAGES + 1))
        assert job.fetch("text").decode().split() == [f"w{width}" for width in ALL]
        assert job.fetch("pdf").startswith(b"%PDF")
        assert client.job(job.id).id == job.id
        assert job.id in [each.id for each in client.jobs()]


async def test_pages_come_as_they_are_read(url: str, book: Path) -> None:
    async with AsyncClient(url) as client:
        job = await client.submit([book, book.read_bytes()], **DRAWN)
        pages = [page async for page in job]
        assert widths(pages) == [*ALL, *ALL]
        assert [page.file for page in pages] == [0] * PAGES + [1] * PAGES
        assert (await job.wait()).state == "succeeded"
        rest = [page async for page in job.pages(resume=pages[-2].resume)]
        assert widths(rest) == ALL[-1:]
        assert len(DocumentAnswer.model_validate_json(await job.fetch("json", file=1)).pages) == PAGES
        assert (await job.cancel()).state == "succeeded"
        with pytest.raises(NotFound):
            await client.job(job.id)


def test_the_command_line_submits_shows_fetches_and_deletes(url: str, book: Path, tmp_path: Path) -> None:
    code, said = quorum(url, "submit", str(book), "--wait", "--dpi", "72", "--existing-text", "redo")
    job = said.split()[0]
    assert code == 0
    assert quorum(url, "show", job[:12])[1].count(f"{PAGES} of {PAGES}") == 1
    assert job in quorum(url, "list")[1]
    out = tmp_path / "pages.ndjson"
    assert quorum(url, "fetch", job, "--format", "ndjson", "--out", str(out))[0] == 0
    assert [json.loads(line)["answer"]["width"] for line in out.read_text().splitlines()] == ALL
    code, text = quorum(url, "fetch", job)
    assert (code, text.split()) == (0, [f"w{width}" for width in ALL])
    assert quorum(url, "cancel", job)[0] == 0
    assert quorum(url, "show", job)[0] == 1


def test_a_file_whose_name_is_not_utf_8_is_submitted_and_named(url: str, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xe9t\xe9.pdf")
    odd.write_bytes(sized_pdf(1))
    code, said = quorum(url, "submit", str(odd), "--wait", "--dpi", "72", "--existing-text", "redo")
    assert code == 0
    assert "\\xe9t\\xe9.pdf" in quorum(url, "show", said.split()[0])[1]


def test_a_batch_goes_through_jobs_and_a_file_that_cannot_be_read_is_a_row(
    url: str, book: Path, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "book.pdf").write_bytes(book.read_bytes())
    (tmp_path / "scans" / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    before = quorum(url, "list")[1]
    batches, table = typer.Typer(), tmp_path / "table.parquet"
    batch.register(batches)
    asked = ["--through", "jobs", "--dpi", "72", "--existing-text", "redo", "--url", url, "--out", str(table)]
    result = CliRunner().invoke(batches, [str(tmp_path / "scans"), *asked])
    assert result.exit_code == 1, result.output
    rows = parquet.read_table(table).to_pylist()
    assert [(row["page"], row["text"]) for row in rows if row["success"]] == [
        (number, f"w{width}") for number, width in enumerate(ALL, 1)
    ]
    assert [(row["path"].endswith("broken.pdf"), row["page"]) for row in rows if not row["success"]] == [(True, 0)]
    assert quorum(url, "list")[1] == before  # what is in the table is deleted there


def test_what_failed_is_told_and_the_exit_code_says_so(url: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and nothing more")
    result = CliRunner().invoke(app, ["jobs", "submit", str(broken), "--wait", "--url", url])
    assert result.exit_code == 1
    assert "the job failed" in result.stderr
    shown = CliRunner().invoke(app, ["jobs", "show", result.stdout.split()[0], "--url", url])
    assert "broken.pdf: " in shown.stderr
