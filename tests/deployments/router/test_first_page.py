"""What a Router must have read before the service counts as ready."""

import asyncio
import io

import numpy as np
import PIL.Image

from deployments.router.first_page import LINES, FirstPage, ordinary_page
from ocr import Image
from ocr.errors import DeadlineExceeded
from segmentation.detection.projection import ProjectionDetector
from segmentation.segmenter import TextSegmenter
from tests.fakes.hand_clock import HandClock


class _Engines:
    """Warm after so many polls; a page fails so many times and takes four seconds."""

    def __init__(self, clock: HandClock, cold_polls: int = 0, failures: int = 0) -> None:
        self.clock = clock
        self.cold_polls = cold_polls
        self.failures = failures
        self.pages: list[bytes] = []

    def is_warm(self) -> bool:
        self.cold_polls -= 1
        return self.cold_polls < 0

    async def read(self, page: bytes) -> None:
        self.pages.append(page)
        self.clock.now += 4.0
        if len(self.pages) <= self.failures:
            raise DeadlineExceeded("no engine answered in time", "give more time", 1.0)


def _first_page(engines: _Engines) -> FirstPage:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    return FirstPage(engines.is_warm, engines.read, engines.clock, sleep)


async def test_the_page_is_read_once_when_the_engines_are_warm() -> None:
    engines = _Engines(HandClock(), cold_polls=3)
    page = _first_page(engines)
    assert page.seconds is None
    await page.run()
    assert (page.seconds, page.problem, len(engines.pages)) == (4.0, "", 1)


async def test_a_page_that_was_not_answered_is_read_again() -> None:
    engines = _Engines(HandClock(), failures=2)
    page = _first_page(engines)
    running = asyncio.create_task(page.run())
    while len(engines.pages) < 2:
        await asyncio.sleep(0)
    assert (page.seconds, page.problem) == (None, "no engine answered in time")
    await running
    assert (page.seconds, page.problem, len(engines.pages)) == (4.0, "", 3)


def test_it_is_an_ordinary_page_with_forty_lines_the_same_every_time() -> None:
    first = ordinary_page()
    assert first == ordinary_page()
    page = np.asarray(PIL.Image.open(io.BytesIO(first)).convert("RGB"))
    assert len(TextSegmenter(ProjectionDetector()).segment(Image(page)).layout.regions) == LINES
