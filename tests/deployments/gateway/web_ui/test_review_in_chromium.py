"""Review on the page at `/` as a person does it, in a real browser: by keyboard, on a phone, with others."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe

from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import PlainService, Whole, plain_config
from tests.fakes.reviewed_jobs import agreed, disputed, finished_job, page_saying
from tests.fakes.served import over_http

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.deployments.gateway.web_ui.conftest import Script

Answer = TypeVar("Answer")

pytestmark = [pytest.mark.browser, pytest.mark.processes]

WORDS = [f"w{number}rd" for number in range(100)]
"""What the vote read; of every ten words seven are right, two are as one engine read them, one nobody read."""


def true_text(number: int) -> str:
    return {7: f"wOrd{number}", 8: f"wOrd{number}", 9: f"ward{number}"}.get(number % 10, WORDS[number])


def _pages() -> list[Any]:
    said = [disputed(text, f"wOrd{number}", 0.2 + number / 500) for number, text in enumerate(WORDS)]
    rows = [[*said[first : first + 5], agreed("sure")] for first in range(0, 100, 5)]
    return [page_saying(*rows[:10], page=1), page_saying(*rows[10:], page=2)]


def beside(work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run it in a thread: Playwright has the event loop of this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


class Service:
    """The whole application over a job that was read, behind a real port."""

    def __init__(self, folder: Path) -> None:
        config = plain_config()
        self.queue = JobQueue(MemoryJobStore(), JobFiles(str(folder)), lambda: config.jobs)
        self.whole = Whole(PlainService(), config, jobs=self.queue)
        beside(lambda: finished_job(self.queue, *_pages(), owner="address 127.0.0.1", job_id="longjob"))

    def decided(self) -> dict[int, tuple[str, str]]:
        """What is kept: kind and text by the number of the word."""
        job = beside(lambda: self.queue.store.get("longjob"))
        assert job is not None
        assert job.review is not None
        return {number: (decision.kind, decision.text) for number, decision in job.review.decided.items()}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    with over_http(service.whole.app()) as url:
        yield url


@pytest.fixture
def reviewing(chromium: Browser, url: str) -> Iterator[Page]:
    """The owner's browser with the review open. Anything that the browser complains about fails the test."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        made = page.request.post(f"{url}/jobs/longjob/review", data={"sure_share": 0})
        assert made.status == 201
        page.goto(f"{url}/?review=longjob")
        page.wait_for_selector("#crop image[href^=blob]")
        yield page
        assert not complaints


def shown(page: Page) -> str:
    return str(page.locator("#review-line mark").inner_text())


def saved(page: Page, count: int) -> None:
    """Wait until so many decisions are kept by the service."""
    page.wait_for_selector("#review[data-unsent='0']")
    page.get_by_text(f"{count} of 100 words").wait_for()


_IS_ANOTHER_WORD = """before => {
    const word = document.getElementById("review-word");
    return word.hidden || word.dataset.number !== before;
}"""


def test_a_hundred_words_take_a_key_each_beyond_what_is_typed(reviewing: Page, service: Service) -> None:
    keys = typed = 0
    for _ in range(100):
        before = reviewing.locator("#review-word").get_attribute("data-number")
        number = WORDS.index(shown(reviewing))
        truth = true_text(number)
        readings = reviewing.locator(".reading-choice .said").all_inner_texts()
        if truth == WORDS[number]:
            reviewing.keyboard.press("Enter")
        elif truth in readings:
            reviewing.keyboard.press(str(readings.index(truth) + 1))
        else:
            reviewing.keyboard.type(truth)
            reviewing.keyboard.press("Enter")
            typed += len(truth)
            keys += len(truth)
        keys += 1
        reviewing.wait_for_function(_IS_ANOTHER_WORD, arg=before)
    assert keys - typed <= 1.2 * 100
    assert reviewing.locator("#review-end").inner_text() == "All words that were asked are reviewed."
    saved(reviewing, 100)
    kept = service.decided()
    texts = {WORDS[number]: true_text(number) for number in range(100)}
    assert sorted(text for _, text in kept.values()) == sorted(texts.values())
    assert {kind for kind, _ in kept.values()} == {"taken", "typed"}


def test_the_most_doubtful_word_comes_first_large_in_its_line_with_all_readings(reviewing: Page) -> None:
    assert shown(reviewing) == "w0rd"
    assert reviewing.locator("#review-line").inner_text() == "w0rd w1rd w2rd w3rd w4rd sure"
    first = reviewing.locator(".reading-choice").all_inner_texts()[0]
    assert first.split() == ["1", "w0rd", "tesseract,", "trocr"]
    box = reviewing.locator("#crop polygon").bounding_box()
    assert box is not None
    assert box["width"] > 160  # the word is 80 pixels wide on its page
    assert reviewing.evaluate("document.activeElement.id") == "word"


def test_escape_says_that_nobody_can_read_a_word_and_ctrl_z_takes_back(reviewing: Page, service: Service) -> None:
    reviewing.keyboard.press("Escape")
    saved(reviewing, 1)
    assert list(service.decided().values()) == [("illegible", "w0rd")]
    assert shown(reviewing) == "w1rd"
    reviewing.keyboard.press("Control+z")
    assert shown(reviewing) == "w0rd"
    saved(reviewing, 0)
    assert service.decided() == {}
    reviewing.keyboard.press("Enter")
    saved(reviewing, 1)
    assert list(service.decided().values()) == [("taken", "w0rd")]


def test_an_arrow_key_first_lets_a_digit_be_typed(reviewing: Page, service: Service) -> None:
    reviewing.keyboard.press("End")
    reviewing.keyboard.type("12")
    reviewing.keyboard.press("Enter")
    saved(reviewing, 1)
    assert list(service.decided().values()) == [("typed", "w0rd12")]


def test_the_next_word_is_there_while_the_service_does_not_answer_and_nothing_that_was_said_is_lost(
    reviewing: Page, service: Service
) -> None:
    reviewing.route("**/review/decisions", lambda route: route.abort())
    for expected in ("w1rd", "w2rd", "w3rd"):
        reviewing.keyboard.press("Enter")
        assert shown(reviewing) == expected
    reviewing.get_by_text("kept in this browser until it can be sent").wait_for()
    assert service.decided() == {}
    reviewing.unroute("**/review/decisions")
    reviewing.reload()  # the person comes back
    saved(reviewing, 3)
    assert shown(reviewing) == "w3rd"
    assert len(service.decided()) == 3


def test_two_people_with_the_link_look_at_different_words(reviewing: Page, chromium: Browser, service: Service) -> None:
    link = reviewing.locator("#review-link").input_value()
    assert "#" in link
    with chromium.new_context() as context:
        other = context.new_page()
        other.goto(link)
        other.wait_for_selector("#crop image")
        assert shown(reviewing) == "w0rd"
        assert shown(other) not in WORDS[:20]
        other.locator("#reviewer").fill("Bob")
        other.locator("#word").focus()
        other.keyboard.press("Enter")
        other.wait_for_selector("#review[data-unsent='0']")
    assert len(service.decided()) == 1


def test_what_is_left_and_what_it_would_bring_are_told(reviewing: Page) -> None:
    assert reviewing.locator("#review-count").inner_text() == "0 of 100 words, 100 left"
    assert "is expected to bring the errors from" in reviewing.locator("#review-estimate").inner_text()
    reviewing.keyboard.press("Enter")
    reviewing.get_by_text("1 of 100 words, 99 left").wait_for()
    assert "w1rd, in the line: w0rd w1rd" in reviewing.locator("#review-status").inner_text()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_the_audit_finds_no_barrier(reviewing: Page, width: int, scheme: str) -> None:
    reviewing.set_viewport_size({"width": width, "height": 800})
    reviewing.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert reviewing.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(reviewing).response["violations"]
    assert [(barrier["id"], barrier["impact"]) for barrier in found] == []


def test_on_a_phone_a_tap_takes_a_reading(chromium: Browser, url: str, service: Service) -> None:
    with chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.request.post(f"{url}/jobs/longjob/review", data={"sure_share": 0})
        page.goto(f"{url}/?review=longjob")
        page.get_by_role("button", name="2: wOrd0").tap()
        page.get_by_role("button", name="Cannot be read").tap()
        page.wait_for_selector("#review[data-unsent='0']")
    assert list(service.decided().values()) == [("taken", "wOrd0"), ("illegible", "w1rd")]


def test_a_file_that_was_read_is_reviewed_and_its_result_is_the_corrected_one(screen: Page, script: Script) -> None:
    """Over the service that keeps no jobs: the review is in the browser, and is there after the page was left."""
    del script
    screen.route("**/jobs", lambda route: route.fulfill(status=503, content_type="application/json", body=_NO_JOBS))
    picture = {"name": "hello.png", "mimeType": "image/png", "buffer": _white()}
    screen.set_input_files("#file", picture)
    screen.get_by_role("button", name="Review doubtful words").click()
    screen.get_by_text("kept in this browser").wait_for()
    assert shown(screen) == "world"
    screen.keyboard.type("World!")
    screen.keyboard.press("Enter")
    screen.get_by_role("button", name="Stop").click()
    assert screen.locator("#text .word").all_inner_texts() == ["Hello,", "World!"]
    kept = "Object.keys(localStorage).filter(name => name.includes('hello.png')).map(name => localStorage[name])"
    assert "World!" in screen.evaluate(kept)[0]


_NO_JOBS = '{"error": {"code": "not_ready", "message": "jobs are kept on one node alone", "hint": "set REDIS_URL"}}'


def _white() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (200, 60), "white").save(file, "PNG")
    return file.getvalue()
