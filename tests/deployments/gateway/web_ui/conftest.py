"""The page behind a real port, answering from a script, and a headless Chromium to look at it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from deployments.gateway.web_ui import add_web_ui
from ocr.contract import CharacterPlace, LineAnswer, TextAnswer, TimedPart, Timings, VoteAnswer, WordAnswer
from tests.fakes.service import status_answer, text_answer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Chromium looks up hosts of its own at every start unless it is told not to.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


_PARTS = [
    TimedPart(name="engines", where="Router", depth=0, start_ms=0.0, duration_ms=90.0, critical=False),
    TimedPart(name="inference", where="tesseract", depth=1, start_ms=0.0, duration_ms=40.0, critical=False),
    TimedPart(name="inference", where="paddleocr", depth=1, start_ms=0.0, duration_ms=90.0, critical=True),
    TimedPart(name="render", where="Gateway", depth=0, start_ms=90.0, duration_ms=10.0, critical=True),
]


class Script:
    """What the service behind the page answers, and the forms that it was sent."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.formats: list[str] = []
        self.refusal: JSONResponse | None = None

    def answer(self, method: str) -> TextAnswer:
        """Two words; by majority the second one is read otherwise."""
        second = "w0rld" if method == "majority_voting" else "world"
        words = [_word("Hello,", 0.97, x=10), _word(second, 0.42, x=110)]
        line = LineAnswer(
            text=f"Hello, {second}", confidence=0.7, polygon=_corners(10, 190), block=0, words=words, readings={}
        )
        changed = {
            "text": line.text,
            "width": 200,
            "height": 60,
            "lines": [line],
            "characters": [_place(letter, word.confidence) for word in words for letter in word.text],
            "method": method or "confidence_weighted",
            "timings": Timings(wall_ms=100.0, parts=_PARTS),
        }
        return text_answer().model_copy(update=changed)


def _corners(left: float, right: float) -> tuple[tuple[float, float], ...]:
    return ((left, 20), (right, 20), (right, 44), (left, 44))


def _word(text: str, confidence: float, *, x: float) -> WordAnswer:
    votes = {"tesseract": text, "paddleocr": text.replace("o", "0")}
    return WordAnswer(text=text, confidence=confidence, polygon=_corners(x, x + 80), votes=votes)


def _place(letter: str, confidence: float) -> CharacterPlace:
    votes = {
        "tesseract": VoteAnswer(text=letter, weight=0.6, probability=confidence),
        "paddleocr": VoteAnswer(text=letter.replace("o", "0"), weight=0.4, probability=0.9),
    }
    return CharacterPlace(character=letter, confidence=confidence, bounding_box=None, votes=votes)


def _application(script: Script) -> FastAPI:
    app = FastAPI(docs_url=None)
    add_web_ui(app)

    @app.get("/status")
    async def status() -> JSONResponse:
        content = status_answer().model_dump(mode="json")
        return JSONResponse({**content, "methods": ["confidence_weighted", "majority_voting"]})

    @app.post("/predict_text")
    async def predict_text(request: Request, format: str = "json") -> Response:
        async with request.form() as form:
            script.forms.append({name: value for name, value in form.items() if isinstance(value, str)})
        script.formats.append(format)
        if script.refusal is not None:
            return script.refusal
        answer = script.answer(script.forms[-1].get("method", ""))
        return JSONResponse(answer.model_dump(mode="json")) if format == "json" else Response(f"as {format}")

    return app


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def address(script: Script) -> Iterator[str]:
    """Where the page is served."""
    server = uvicorn.Server(
        uvicorn.Config(_application(script), host="127.0.0.1", port=0, log_level="error", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    [port] = [socket.getsockname()[1] for listening in server.servers for socket in listening.sockets]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium: Playwright's own is a download that not every network lets in. Closed after each module,
    because no test with an event loop of its own can run while Playwright's is there.
    """
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not installed: apt-get install chromium, or run the tests by `make test`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def screen(chromium: Browser, address: str) -> Iterator[Page]:
    """The page in a window of its own. Anything that the browser complains about fails the test."""
    with chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(address)
        page.wait_for_selector(".engine")
        yield page
        assert not complaints
        assert all(url.startswith((address, "blob:", "data:")) for url in requested), "the page loads from elsewhere"
