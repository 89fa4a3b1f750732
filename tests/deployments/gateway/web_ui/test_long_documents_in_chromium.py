"""The whole application behind the page, with a worker beside it: a document that is too long for one request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.job_worker import with_a_worker
from tests.fakes.served import over_http
from tests.fakes.sized_pages import SizedPages, sized_pdf, width_of

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
        words = []
        for number in range(1, PAGES + 1):
            page.get_by_role("button", name=f"Page {number}", exact=True).click()
            words.append(page.locator("#text .word").text_content())
        # Drawn as large as its text wants: wider pages are wider.
        widths = [int(str(word)[1:]) for word in words]
        assert widths == sorted(set(widths))
        assert len(widths) == len([width_of(number) for number in range(1, PAGES + 1)])
        with page.expect_download() as download:
            page.get_by_role("button", name="Download PDF").click()
        assert download.value.path().read_bytes().startswith(b"%PDF")
        page.set_input_files("#file", {**book, "buffer": sized_pdf(1), "name": "letter.pdf"})
        page.wait_for_function("document.querySelectorAll('#pages button').length === 1")
        assert page.request.get(f"{url}/jobs").json()["jobs"] == []  # the long one is deleted
        assert not complaints
