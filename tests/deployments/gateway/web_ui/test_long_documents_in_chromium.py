"""The whole application behind the page, with a worker beside it: a document that is too long for one request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.job_worker import with_a_worker
from tests.fakes.served import over_http
from tests.fakes.sized_pages import SizedPages, sized_pdf

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PAGES = 6


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with with_a_worker(SizedPages(), tmp_path, max_pages=2) as whole, over_http(whole.app()) as url:
        yield url


def test_a_long_pdf_is_read_and_each_page_is_shown_when_it_is_read(chromium: Browser, url: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.wait_for_selector(".engine")
        book = {"name": "book.pdf", "mimeType": "application/pdf", "buffer": sized_pdf(PAGES)}
        page.set_input_files("#file", book)
        page.get_by_text(f"{PAGES} pages were read.").wait_for(timeout=60_000)
        assert page.locator("#pages button").all_text_contents() == [str(number) for number in range(1, PAGES + 1)]
        for number in range(1, PAGES + 1):
            page.get_by_role("button", name=f"Page {number}", exact=True).click()
            assert page.locator("#image").get_attribute("alt") == f"Page {number} of book.pdf"
            assert page.locator("#text .word").text_content() == "word"
        with page.expect_download() as download:
            page.get_by_role("button", name="Download PDF").click()
        assert download.value.path().read_bytes().startswith(b"%PDF")
        page.set_input_files("#file", {**book, "buffer": sized_pdf(1), "name": "letter.pdf"})
        page.locator("#image[alt='Page 1 of letter.pdf']").wait_for()
        assert page.request.get(f"{url}/jobs").json()["jobs"] == []  # the long one is deleted
        assert not complaints
