"""The pages of the whole application, under its own headers, in a browser that reaches nobody else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.fakes.files import pdf
from tests.fakes.plain_service import PlainService, Whole, plain_config
from tests.fakes.served import over_http

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with over_http(Whole(PlainService(), plain_config(limits={"draw_timeout_s": 60.0})).app()) as url:
        yield url


@pytest.fixture
def alone(chromium: Browser, service: str) -> Iterator[Page]:
    """A window that reaches the service only. Whatever is asked of somebody else, or refused by the policy, fails."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        asked_elsewhere: list[str] = []
        complaints: list[str] = []
        context.route(
            lambda url: not url.startswith((service, "blob:", "data:")),
            lambda route: (asked_elsewhere.append(route.request.url), route.abort())[1],
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert (asked_elsewhere, complaints) == ([], [])


def test_every_route_is_shown_and_can_be_tried(alone: Page, service: str) -> None:
    alone.goto(f"{service}/docs")
    alone.wait_for_selector(".opblock")
    described = alone.request.get(f"{service}/openapi.json").json()["paths"]
    shown = {path.replace("​", "") for path in alone.locator(".opblock-summary-path").all_inner_texts()}
    assert shown == set(described)
    health = alone.locator(".opblock", has=alone.locator("[data-path='/health']"))
    health.locator(".opblock-summary").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    answer = health.locator(".live-responses-table .response-col_status").last
    answer.wait_for()
    assert answer.inner_text().startswith("200")


def test_a_pdf_that_is_dropped_on_the_page_is_drawn_and_read_page_by_page(alone: Page, service: str) -> None:
    alone.goto(service)
    alone.wait_for_selector(".engine")
    alone.evaluate(
        """(content) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "two.pdf", { type: "application/pdf" }));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
        }""",
        base64.b64encode(pdf(2)).decode(),
    )
    alone.wait_for_selector(".word")
    assert alone.locator("#pages button").all_inner_texts() == ["1", "2"]
    first = alone.locator("#image").get_attribute("src")
    alone.get_by_role("button", name="Page 2").click()
    assert alone.locator("#image").get_attribute("alt") == "Page 2 of two.pdf"
    assert alone.locator("#image").get_attribute("src") != first
    alone.wait_for_function("document.getElementById('image').naturalWidth > 0")
    assert alone.locator(".word").all_inner_texts() == ["Hi"]
