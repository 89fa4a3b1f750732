"""What can be asked of files: one character, a page, a document, a batch. On bytes and options, so that HTTP and Serve
handles share it; knows neither.

A request holds one version of the configuration from its beginning to its end. The time that it allows is for each of
its pages, from when it is the page's turn; the whole has `limits.batch_timeout_s`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence, Sized
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias, TypeVar

from deployments.config.deployment_names import GATEWAY, ROUTER
from deployments.config.schema import LimitsConfig
from deployments.gateway import rendering
from deployments.gateway.documents.documents import (
    Documents,
    PageOutcome,
    ReadPage,
    has_pages,
    is_pdf,
    read_pages,
    sheets_of,
)
from deployments.gateway.documents.ordered_gather import in_order
from deployments.gateway.documents.page_drawing import Drawer
from deployments.gateway.error_responses import fault
from deployments.gateway.formats import Format, Sheet, Written
from deployments.gateway.requests.options import Options, parse
from deployments.messages.answers import CharacterReading
from deployments.messages.capabilities import Catalogue
from deployments.messages.request import Ask
from deployments.messages.service import Service
from ocr import Laps
from ocr.contract import (
    BatchAnswer,
    BatchBody,
    CharacterAnswer,
    CharacterOptions,
    DocumentAnswer,
    DocumentOptions,
    FailedItem,
    FailedPage,
    PageAnswer,
    StreamEnd,
    TextAnswer,
    TextOptions,
)
from ocr.errors import InternalFailure, InvalidRequest, OutOfRange, QuorumError
from segmentation.files.decoding import inspect, require_one_page

log = logging.getLogger("quorum.gateway")

BatchResult: TypeAlias = CharacterAnswer | TextAnswer | DocumentAnswer | FailedItem
PageLine: TypeAlias = PageAnswer | FailedPage | StreamEnd
TimedAnswer = TypeVar("TimedAnswer", CharacterAnswer, TextAnswer)
CountedLine = TypeVar("CountedLine", bound=BatchResult | PageAnswer | FailedPage)


class Readings:
    """Every way to have files read. `current` gives what the cluster can do at this moment."""

    def __init__(self, service: Service, current: Callable[[], Catalogue]) -> None:
        self._service = service
        self._current = current
        limits = current().config.limits
        self._documents = Documents(Drawer(limits.documents_at_once, limits.draw_timeout_s))

    @property
    def limits(self) -> LimitsConfig:
        return self._current().config.limits

    @property
    def max_bytes(self) -> int:
        return self.limits.max_bytes

    async def predict(self, image: bytes, options: CharacterOptions, laps: Laps | None = None) -> CharacterAnswer:
        """The answer to an image of one character. `laps` has measured since the request came; else they begin now."""
        laps = laps or Laps(GATEWAY)
        started = time.perf_counter()
        catalogue = self._current()
        ask = catalogue.ask_character(options, time.time())
        _require_image(image, catalogue.config.limits.max_pixels)
        [outcome] = await self._read_characters([image], ask, laps)
        if isinstance(outcome, QuorumError):
            raise outcome
        answer = rendering.character_answer(outcome, ask, since_ms(started))
        return _timed(answer, laps) if ask.explain else answer

    def check_character(self, options: CharacterOptions) -> None:
        """Raises what is not allowed about the options."""
        self._current().ask_character(options, time.time())

    def check_batch(self, images: Sized) -> None:
        """Raises OutOfRange when they are more than one request may hold."""
        if len(images) > self.limits.max_batch:
            raise OutOfRange(
                f"the batch has {len(images)} images; the limit is {self.limits.max_batch}",
                "split it into several requests",
            )

    def check_text(self, options: TextOptions) -> None:
        """Raises what is not allowed about the options."""
        self._current().ask_text(options, time.time())

    async def read_image(self, image: bytes, options: TextOptions) -> TextAnswer:
        """The answer to an image of one page."""
        reader = _PageReader(self._service, self._current(), DocumentOptions(**dict(options)))
        _require_image(image, reader.limits.max_pixels)
        return await reader.read(image)

    async def predict_text(self, file: bytes, options: DocumentOptions) -> TextAnswer | DocumentAnswer:
        """The answer to an image, or to a document with an outcome for each page."""
        reader = self._reader(file, options)
        return await self._answer(file, reader, reader.limits.timeout_s)

    async def written(self, file: bytes, options: DocumentOptions, form: Format, laps: Laps | None = None) -> Written:
        """The same in one of the formats. In one that cannot tell of a page that failed, its error is raised. `laps`
        has measured since the request came; else they begin now.
        """
        reader = self._reader(file, options)
        if form.tells_failures:
            return form.write(await self._answer(file, reader, reader.limits.timeout_s, laps), [])
        answer: TextAnswer | DocumentAnswer
        if has_pages(file, options, reader.limits):
            outcomes, page_count = await self._outcomes(
                file, reader, reader.limits.timeout_s, pictures=form.needs_picture
            )
            sheets = sheets_of(outcomes)
            answer = rendering.document_answer(outcomes, page_count, reader.ask, reader.age_ms)
        else:
            answer = await reader.read(file)
            picture = await self._documents.picture_of(file, reader.limits) if form.needs_picture else None
            sheets = [Sheet(1, answer, picture)]
        return await asyncio.to_thread(form.write, answer, sheets)

    async def page_lines(self, file: bytes, options: DocumentOptions) -> AsyncGenerator[PageLine | None, None]:
        """A line for each page of any file as soon as it is its turn. The first is None, once the file is open: what
        is wrong with all of it is raised before.
        """
        reader = self._reader(file, options)
        has_pages(file, options, reader.limits)  # refuses an image by its header
        end = _End()
        async with self._documents.opened(file, options, reader.limits, reader.limits.timeout_s) as document:
            yield None
            async with aclosing(read_pages(document, reader.read, reader.ahead)) as outcomes:
                async for outcome in outcomes:
                    yield end.counting(rendering.page_line(outcome))
        yield end.line()

    async def batch_predict(self, images: Sequence[bytes | QuorumError], body: BatchBody) -> BatchAnswer:
        """A result for each file, in order."""
        results: list[BatchResult] = []
        async with aclosing(self.batch_lines(images, body)) as lines:
            async for line in lines:
                if isinstance(line, StreamEnd):
                    return BatchAnswer(results=results, **line.model_dump(exclude={"end"}))
                if line is not None:
                    results.append(line)
        raise InternalFailure("the batch broke off", "try again; the log has the details")

    async def batch_lines(
        self, images: Sequence[bytes | QuorumError], body: BatchBody
    ) -> AsyncGenerator[BatchResult | StreamEnd | None, None]:
        """The same line by line, as soon as it is the turn of each. The first is None, once the request is found to
        be allowed.
        """
        catalogue = self._current()
        self.check_batch(images)
        end = _End()
        read = self._batch_of_characters if body.task == "character" else self._batch_of_files
        async with aclosing(read(images, body, catalogue)) as results:
            async for result in results:
                yield None if result is None else end.counting(result)
        yield end.line()

    async def _batch_of_characters(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, catalogue: Catalogue
    ) -> AsyncGenerator[CharacterAnswer | FailedItem | None, None]:
        laps = Laps(GATEWAY)
        started = time.perf_counter()
        ask = catalogue.ask_character(_options_of(body, CharacterOptions), time.time())
        yield None
        checked = [_checked(image, catalogue.config.limits.max_pixels) for image in images]
        readings = await self._read_characters([image for image in checked if isinstance(image, bytes)], ask, laps)
        outcomes = iter(readings)
        for image in checked:
            outcome = image if isinstance(image, QuorumError) else next(outcomes)
            if isinstance(outcome, QuorumError):
                yield rendering.failed_item(outcome)
            else:
                answer = rendering.character_answer(outcome, ask, since_ms(started))
                yield _timed(answer, laps) if ask.explain else answer

    async def _read_characters(
        self, images: Sequence[bytes], ask: Ask, laps: Laps
    ) -> list[CharacterReading | QuorumError]:
        laps.lap("check")
        readings = await self._service.read_characters(images, ask)
        read = [reading.spent for reading in readings if isinstance(reading, CharacterReading)]
        laps.call("ensemble", ROUTER, max(read, key=len, default=()))  # none of those that were remembered
        return readings

    async def _batch_of_files(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, catalogue: Catalogue
    ) -> AsyncGenerator[TextAnswer | DocumentAnswer | FailedItem | None, None]:
        options = _options_of(body, DocumentOptions)
        reader = _PageReader(self._service, catalogue, options)
        yield None

        async def result(file: bytes | QuorumError) -> TextAnswer | DocumentAnswer | FailedItem:
            try:
                if isinstance(file, QuorumError):
                    raise file
                return await self._answer(file, reader, reader.limits.batch_timeout_s)
            except QuorumError as error:
                return rendering.failed_item(error)
            except Exception:  # a fault of ours on one file costs the others nothing
                log.exception("a file of a batch failed")
                return rendering.failed_item(fault())

        async with aclosing(in_order(_each(images), result, reader.ahead)) as results:
            async for one in results:
                yield one

    def _reader(self, file: bytes, options: DocumentOptions) -> _PageReader:
        """Raises OutOfRange for an option that does not fit the file."""
        if options.dpi is not None and not is_pdf(file):
            raise OutOfRange("dpi is for PDF: the resolution of an image is what it is", "leave dpi out")
        return _PageReader(self._service, self._current(), options)

    async def _answer(
        self, file: bytes, reader: _PageReader, wait_s: float, laps: Laps | None = None
    ) -> TextAnswer | DocumentAnswer:
        if not has_pages(file, reader.options, reader.limits):
            return await reader.read(file, laps)
        outcomes, page_count = await self._outcomes(file, reader, wait_s, pictures=False)
        return rendering.document_answer(outcomes, page_count, reader.ask, reader.age_ms)

    async def _outcomes(
        self, file: bytes, reader: _PageReader, wait_s: float, *, pictures: bool
    ) -> tuple[list[PageOutcome], int]:
        """The outcome of each page, and how many pages the document has. Raises when not one page could be read."""
        opened = self._documents.opened(file, reader.options, reader.limits, wait_s, pictures=pictures)
        async with opened as document, aclosing(read_pages(document, reader.read, reader.ahead)) as pages:
            outcomes = [outcome async for outcome in pages]
        if not any(isinstance(outcome, ReadPage) for outcome in outcomes):
            sheets_of(outcomes)
        return outcomes, document.page_count


class _PageReader:
    """Reads the pages of one request, some of them at the same time, each within its time."""

    def __init__(self, service: Service, catalogue: Catalogue, options: DocumentOptions) -> None:
        now = time.time()
        self.options = options
        self.limits = catalogue.config.limits
        self.ask = catalogue.ask_text(options, now)
        self._service = service
        self._time_a_page_s = self.ask.deadline - now
        self._end = now + self.limits.batch_timeout_s
        self._started = time.perf_counter()
        # The engines' queues are fair between requests; this keeps one large request from filling them.
        self._places = asyncio.Semaphore(self.limits.batch_workers)

    @property
    def ahead(self) -> int:
        """How many pages may be begun before the answer to an earlier one is sent."""
        return 2 * self.limits.batch_workers

    @property
    def age_ms(self) -> float:
        return since_ms(self._started)

    async def read(self, image: bytes, laps: Laps | None = None) -> TextAnswer:
        """The answer to an image, or to one page. `laps` has measured since the request came; else they begin now."""
        laps = laps or Laps(GATEWAY)
        laps.lap("check")
        async with self._places:
            started = time.perf_counter()
            laps.lap("turn")
            # The time of a page begins when it is its turn, so that the last pages of a document have as much.
            ask = replace(self.ask, deadline=min(time.time() + self._time_a_page_s, self._end))
            page = await self._service.read_page(image, ask)
            laps.call("ensemble", ROUTER, page.spent)
            pictures = None
            if self.options.pictures:
                pictures = await self._service.pictures(image, ask)
                laps.lap("pictures")
        answer = rendering.text_answer(page, ask, since_ms(started), pictures)
        return _timed(answer, laps) if ask.explain else answer


def _timed(answer: TimedAnswer, laps: Laps) -> TimedAnswer:
    """The answer with where its time went: what was done since the last lap is that it was rendered."""
    laps.more("render")
    return answer.model_copy(update={"timings": rendering.timings(laps.spent)})


class _End:
    """Counts the lines of an answer, for its last one."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._count = 0
        self._succeeded = 0

    def counting(self, line: CountedLine) -> CountedLine:
        self._count += 1
        self._succeeded += line.success
        return line

    def line(self) -> StreamEnd:
        return StreamEnd(count=self._count, succeeded=self._succeeded, processing_time_ms=since_ms(self._started))


async def _each(images: Sequence[bytes | QuorumError]) -> AsyncIterator[bytes | QuorumError]:
    for image in images:
        yield image


def _require_image(image: bytes, max_pixels: int) -> None:
    """Raises what is wrong with an image, seen in its header."""
    if not image:
        raise InvalidRequest("the image is empty", "send the bytes of an image file")
    require_one_page(inspect(image, max_pixels=max_pixels))


def _checked(image: bytes | QuorumError, max_pixels: int) -> bytes | QuorumError:
    if isinstance(image, QuorumError):
        return image
    try:
        _require_image(image, max_pixels)
    except QuorumError as error:
        return error
    return image


def _options_of(body: BatchBody, options: type[Options]) -> Options:
    return parse(options, body.model_dump(exclude={"images", "task"}, exclude_none=True))


def since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
