"""Ways of asking that users report (docs/reported-files.md), over real HTTP against a real local cluster."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pyarrow.parquet as parquet
import pytest
import typer
from typer.testing import CliRunner

from ocr.errors import TooLarge
from quorum.cli import batch, jobs, read
from quorum.client import Client, Retries
from tests.fakes.files import add_text_page, image_file, saved

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

QUICK = Path(__file__).parents[3] / "examples" / "quick.png"
PAGES = 101

app = typer.Typer()
for command in (read, batch, jobs):
    command.register(app)


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1})


def quorum(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of one page more than a request may have, each of real text."""
    path = tmp_path_factory.mktemp("books") / "book.pdf"
    with pikepdf.new() as pdf:
        for number in range(1, PAGES + 1):
            add_text_page(pdf, [sentence(number)], 16, (420, 160))
        path.write_bytes(saved(pdf))
    return path


def sentence(number: int) -> str:
    return f"This is page {number} of the book."


def test_a_document_beyond_the_limit_is_read_whole(url: str, book: Path) -> None:
    result = quorum("read", book, "--url", url)
    assert result.exit_code == 0, result.output
    assert [line for line in result.stdout.splitlines() if line] == [sentence(n) for n in range(1, PAGES + 1)]


def test_a_batch_has_a_row_for_every_page_of_a_document_beyond_the_limit(url: str, book: Path, tmp_path: Path) -> None:
    result = quorum("batch", book, "--out", tmp_path / "table.parquet", "--url", url)
    assert result.exit_code == 0, result.output
    rows = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert [(row["page"], row["text"]) for row in rows] == [(n, sentence(n)) for n in range(1, PAGES + 1)]


def test_a_folder_with_a_name_that_is_not_utf_8_is_read_and_so_is_the_file_alone(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    odd = folder / os.fsdecode(b"facture_\xe9t\xe9.png")
    for path in (folder / "a.png", odd, folder / "z.png"):
        path.write_bytes(QUICK.read_bytes())
    result = quorum("batch", folder, "--out", tmp_path / "table.parquet", "--url", url)
    assert result.exit_code == 0, result.output
    rows = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert [(row["success"], Path(os.fsdecode(row["path_bytes"])).name) for row in rows] == [
        (True, "a.png"),
        (True, odd.name),
        (True, "z.png"),
    ]
    for words in (["read"], ["read", "--format", "hocr"], ["jobs", "submit", "--wait"]):
        result = quorum(*words, odd, "--url", url)
        assert result.exit_code == 0, (words, result.output)


def test_whoever_sends_everything_first_reads_why_it_is_too_large(url: str) -> None:
    large = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(60_000_000)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{url}/predict_text", data=large, method="POST"), timeout=60)
    with refused.value as answer:
        assert (answer.code, json.loads(answer.read())["error"]["code"]) == (413, "too_large")
    with Client(url, retries=Retries(times=0)) as client, pytest.raises(TooLarge):
        client.read(large)


@pytest.mark.parametrize("path", ["/health", "/ready", "/"])
def test_head_has_the_status_of_get_and_no_body(url: str, path: str) -> None:
    head = httpx.head(f"{url}{path}")
    assert (head.status_code, head.content) == (httpx.get(f"{url}{path}").status_code, b"")


def test_a_slash_at_the_end_is_answered_and_redirects_nobody(url: str) -> None:
    headers = {"x-forwarded-proto": "https"}
    response = httpx.post(f"{url}/predict_text/", content=image_file("PNG"), headers=headers, timeout=60)
    assert response.status_code == 200, response.text
