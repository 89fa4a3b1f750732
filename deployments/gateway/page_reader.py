"""Reads the pages of one request through the ensemble, some of them at the same time, each within its time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TypeVar

from deployments.config.deployment_names import GATEWAY, ROUTER
from deployments.gateway import rendering
from deployments.gateway.formats import PdfPageText
from deployments.messages.capabilities import Capabilities
from deployments.messages.reading_service import ReadingService
from ocr import StepTimer
from ocr.contract import CharacterAnswer, DocumentOptions, TextAnswer

TimedAnswer = TypeVar("TimedAnswer", CharacterAnswer, TextAnswer)


class PageReader:
    """One request, and the configuration that it began under."""

    def __init__(self, service: ReadingService, capabilities: Capabilities, options: DocumentOptions) -> None:
        now = time.time()
        self.options = options
        self.limits = capabilities.config.limits
        self.request = capabilities.text_request(options, now)
        self._engines = tuple(capabilities.scopes)
        self._service = service
        self._page_timeout_s = self.request.deadline - now
        self._end = now + self.limits.batch_timeout_s
        self._started = time.perf_counter()
        # The engines' queues are fair between requests; this keeps one large request from filling them.
        self._slots = asyncio.Semaphore(self.limits.batch_workers)

    @property
    def max_started(self) -> int:
        """How many pages may be begun before the answer to an earlier one is sent."""
        return 2 * self.limits.batch_workers

    @property
    def age_ms(self) -> float:
        return elapsed_ms(self._started)

    async def read(self, image: bytes, timer: StepTimer | None = None) -> TextAnswer:
        """The answer to an image, or to one page. `timer` runs since the request came; without one, it starts now."""
        timer = timer or StepTimer(GATEWAY)
        timer.end_step("check")
        async with self._slots:
            started = time.perf_counter()
            timer.end_step("turn")
            # The time of a page begins when it is its turn, so that the last pages of a document have as much.
            request = replace(self.request, deadline=min(time.time() + self._page_timeout_s, self._end))
            page = await self._service.read_page(image, request)
            timer.end_call("ensemble", ROUTER, page.timings)
            pictures = None
            if self.options.pictures:
                pictures = await self._service.pictures(image, request)
                timer.end_step("pictures")
        # Beside the event loop, as all that is made of a page: the densest take seconds.
        answer = await asyncio.to_thread(rendering.text_answer, page, request, elapsed_ms(started), pictures)
        return timed_answer(answer, timer) if request.explain else answer

    def from_text(self, text: PdfPageText, width: int, height: int) -> TextAnswer:
        """The answer to a page of so many pixels that says by itself what is on it."""
        return rendering.existing_text_answer(text, (width, height), self.request, self._engines)


def timed_answer(answer: TimedAnswer, timer: StepTimer) -> TimedAnswer:
    """The answer with its timings; the last step was to render it."""
    timer.add_to_step("render")
    return answer.model_copy(update={"timings": rendering.timings_answer(timer.timings)})


def elapsed_ms(started: float) -> float:
    """Milliseconds since `started`, a time of `time.perf_counter`."""
    return (time.perf_counter() - started) * 1000.0
