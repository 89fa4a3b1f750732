"""Reading files: one character, a page, a document, a batch. Takes bytes and options, so that HTTP and Serve handles
share it; knows neither.

A request holds one version of the configuration from its beginning to its end. The time that it allows is for each of
its pages, from when it is the page's turn; the whole has `limits.batch_timeout_s`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias, TypeVar, TypeVarTuple

from deployments.config.deployment_names import GATEWAY, ROUTER
from deployments.config.schema import LimitsConfig
from deployments.gateway import rendering
from deployments.gateway.documents.documents import (
    Documents,
    PageOutcome,
    ReadPage,
    has_pages,
    is_pdf,
    output_pages_of,
    read_pages,
)
from deployments.gateway.documents.ordered_gather import ordered_gather
from deployments.gateway.documents.page_drawing import PageDrawer
from deployments.gateway.documents.text_layers import TextLayerWriter
from deployments.gateway.error_responses import internal_failure
from deployments.gateway.formats import OutputFile, OutputFormat, OutputPage, TextLayers
from deployments.gateway.page_reader import PageReader, elapsed_ms, timed_answer
from deployments.gateway.requests.options import Options, parse
from deployments.messages.answers import CharacterReading
from deployments.messages.capabilities import Capabilities
from deployments.messages.reading_service import ReadingService
from deployments.messages.request import Asker, ReadRequest
from deployments.replica.fair_turns import FairTurns
from deployments.replica.processor_turns import ProcessorTurns
from ocr import StepTimer
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
from segmentation.files.image_pages import resolution_of
from segmentation.files.images.decoding import DecodingLimits, inspect, require_one_page

log = logging.getLogger("quorum.gateway")

_HEADER_THREADS = 2

BatchResult: TypeAlias = CharacterAnswer | TextAnswer | DocumentAnswer | FailedItem
PageStreamItem: TypeAlias = PageAnswer | FailedPage | StreamEnd
Looked = TypeVarTuple("Looked")
Seen = TypeVar("Seen")
StreamItem = TypeVar("StreamItem", bound=BatchResult | PageAnswer | FailedPage)


class ReadingApi:
    """All ways to read files. `current` gives what the cluster can do at the moment, `caller` for whom it is asked."""

    def __init__(
        self,
        service: ReadingService,
        current: Callable[[], Capabilities],
        caller: Callable[[], str] = lambda: "",
        processors: ProcessorTurns | None = None,
    ) -> None:
        self._service = service
        self._current = current
        limits = current().config.limits
        # Beside the event loop: a header takes some milliseconds, and a batch holds hundreds.
        self._headers = ThreadPoolExecutor(_HEADER_THREADS, thread_name_prefix="headers")
        self._turns_at_headers = FairTurns(_HEADER_THREADS)
        self._caller = caller
        self.processors = processors or ProcessorTurns()
        drawer = PageDrawer(
            limits.documents_at_once,
            limits.pages_drawn_at_once,
            limits.draw_timeout_s,
            self.asker,
            share=limits.caller_share,
            processors=self.processors,
        )
        layers = TextLayerWriter(limits.pages_drawn_at_once, self.asker, processors=self.processors)
        self.documents = Documents(drawer, layers)

    def asker(self) -> Asker:
        """For whom the work of this moment is done."""
        return self.asker_named(self._caller())

    def asker_named(self, caller: str) -> Asker:
        """The same for work of this caller's that somebody waits for."""
        return Asker(caller, share=self.limits.share_of(caller))

    @property
    def limits(self) -> LimitsConfig:
        return self._current().config.limits

    @property
    def max_bytes(self) -> int:
        return self.limits.max_bytes

    async def predict(self, image: bytes, options: CharacterOptions, timer: StepTimer | None = None) -> CharacterAnswer:
        """The answer to an image of one character. `timer` runs since the request came; without one, it starts now."""
        timer = timer or StepTimer(GATEWAY)
        started = time.perf_counter()
        capabilities = self._current()
        request = capabilities.character_request(options, time.time())
        await self._look(_require_image, image, DecodingLimits.of(capabilities.config.limits))
        [outcome] = await self._read_characters([image], request, timer)
        if isinstance(outcome, QuorumError):
            raise outcome
        answer = rendering.character_answer(outcome, request, elapsed_ms(started))
        return timed_answer(answer, timer) if request.explain else answer

    def check_character(self, options: CharacterOptions) -> None:
        """Raises what is not allowed about the options."""
        self._current().character_request(options, time.time())

    def check_batch(self, images: Sized) -> None:
        """Raises OutOfRange when they are more than one request may hold."""
        if len(images) > self.limits.max_batch:
            raise OutOfRange(
                f"the batch has {len(images)} images; the limit is {self.limits.max_batch}",
                "split it into several requests",
            )

    def check_text(self, options: TextOptions) -> None:
        """Raises what is not allowed about the options."""
        self.text_request(options)

    def text_request(self, options: TextOptions) -> ReadRequest:
        """What the ensemble would be asked now. Raises what is not allowed about the options."""
        return self._current().text_request(options, time.time())

    async def read_image(self, image: bytes, options: TextOptions) -> TextAnswer:
        """The answer to an image of one page."""
        reader = PageReader(self._service, self._current(), DocumentOptions(**dict(options)))
        await self._look(_require_image, image, DecodingLimits.of(reader.limits))
        return await reader.read(image)

    async def predict_text(self, file: bytes, options: DocumentOptions) -> TextAnswer | DocumentAnswer:
        """The answer to an image, or to a document with an outcome for each page."""
        reader = self._reader(file, options)
        return await self._answer(file, reader, reader.limits.timeout_s)

    async def read_as(
        self,
        file: bytes,
        options: DocumentOptions,
        output_format: OutputFormat,
        timer: StepTimer | None = None,
        *,
        file_name: str = "",
    ) -> OutputFile:
        """The same in one of the output formats, which name the file by `file_name`. One that cannot hold a failed page
        raises its error. `timer` runs since the request came; without one, it starts now.
        """
        reader = self._reader(file, options)
        if output_format.answer_parts is not None:
            whole = await self._answer(file, reader, reader.limits.timeout_s, timer)
            written = await asyncio.to_thread(output_format.write, whole, [])
            return replace(written, illegible_lines=whole.illegible_lines)
        answer: TextAnswer | DocumentAnswer
        if await self._look(has_pages, file, options, reader.limits):
            if output_format.text_layers is not None and is_pdf(file):
                return await self._with_text_layers(file, reader, output_format.text_layers, output_format.media_type)
            outcomes, page_count = await self._outcomes(
                file, reader, reader.limits.timeout_s, pictures=output_format.needs_picture
            )
            pages = output_pages_of(outcomes)
            answer = await _document_answer(outcomes, page_count, reader)
        else:
            answer = await reader.read(file)
            picture = await self.documents.picture_of(file, reader.limits) if output_format.needs_picture else None
            dpi = None
            if output_format.needs_dpi:
                dpi = await self._look(resolution_of, file, DecodingLimits.of(reader.limits))
            pages = [OutputPage(1, answer, picture, dpi=dpi)]
        pages = [replace(page, illegible=options.illegible, file_name=file_name) for page in pages]
        output = await asyncio.to_thread(output_format.write, answer, pages)
        return replace(output, illegible_lines=answer.illegible_lines)

    async def _with_text_layers(
        self, pdf: bytes, reader: PageReader, layers_of: Callable[[Sequence[OutputPage]], TextLayers], media_type: str
    ) -> OutputFile:
        """The PDF that was sent, with what was read of its pages added."""
        outcomes, _ = await self._outcomes(pdf, reader, reader.limits.timeout_s, pictures=False)
        pages = [replace(page, illegible=reader.options.illegible) for page in output_pages_of(outcomes)]
        layers = await asyncio.to_thread(layers_of, pages)
        content = await self.documents.with_text_layers(pdf, layers, reader.limits)
        return OutputFile(content, media_type, sum(page.answer.illegible_lines for page in pages))

    async def stream_pages(self, file: bytes, options: DocumentOptions) -> AsyncGenerator[PageStreamItem | None, None]:
        """An item for each page of any file, in order, as soon as it is read. The first is None, once the file is open:
        what is wrong with all of it is raised before.
        """
        reader = self._reader(file, options)
        await self._look(has_pages, file, options, reader.limits)  # refuses an image by its header
        end = _EndOfStream()
        async with self.documents.opened(file, options, reader.limits, reader.limits.timeout_s) as document:
            yield None
            async with aclosing(read_pages(document, reader)) as outcomes:
                async for outcome in outcomes:
                    yield end.count(rendering.page_answer(outcome))
        yield end.answer()

    async def batch_predict(self, images: Sequence[bytes | QuorumError], body: BatchBody) -> BatchAnswer:
        """A result for each file, in order."""
        results: list[BatchResult] = []
        async with aclosing(self.stream_batch(images, body)) as lines:
            async for line in lines:
                if isinstance(line, StreamEnd):
                    return BatchAnswer(results=results, **line.model_dump(exclude={"end"}))
                if line is not None:
                    results.append(line)
        raise InternalFailure("the batch ended early", "try again; the log has the details")

    async def stream_batch(
        self, images: Sequence[bytes | QuorumError], body: BatchBody
    ) -> AsyncGenerator[BatchResult | StreamEnd | None, None]:
        """The same as a stream, in order, each as soon as it is read. The first is None, once the request is found to
        be allowed.
        """
        capabilities = self._current()
        self.check_batch(images)
        end = _EndOfStream()
        read = self._batch_of_characters if body.task == "character" else self._batch_of_files
        async with aclosing(read(images, body, capabilities)) as results:
            async for result in results:
                yield None if result is None else end.count(result)
        yield end.answer()

    async def _batch_of_characters(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, capabilities: Capabilities
    ) -> AsyncGenerator[CharacterAnswer | FailedItem | None, None]:
        timer = StepTimer(GATEWAY)
        started = time.perf_counter()
        request = capabilities.character_request(_options_of(body, CharacterOptions), time.time())
        yield None
        decoding = DecodingLimits.of(capabilities.config.limits)
        checked = [await self._look(_checked, image, decoding) for image in images]
        readings = await self._read_characters([image for image in checked if isinstance(image, bytes)], request, timer)
        outcomes = iter(readings)
        for image in checked:
            outcome = image if isinstance(image, QuorumError) else next(outcomes)
            if isinstance(outcome, QuorumError):
                yield rendering.failed_item(outcome)
            else:
                answer = rendering.character_answer(outcome, request, elapsed_ms(started))
                yield timed_answer(answer, timer) if request.explain else answer

    async def _read_characters(
        self, images: Sequence[bytes], request: ReadRequest, timer: StepTimer
    ) -> list[CharacterReading | QuorumError]:
        timer.end_step("check")
        readings = await self._service.read_characters(images, request)
        read = [reading.timings for reading in readings if isinstance(reading, CharacterReading)]
        timer.end_call("ensemble", ROUTER, max(read, key=len, default=()))  # none of those from the cache
        return readings

    async def _batch_of_files(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, capabilities: Capabilities
    ) -> AsyncGenerator[TextAnswer | DocumentAnswer | FailedItem | None, None]:
        options = _options_of(body, DocumentOptions)
        reader = PageReader(self._service, capabilities, options)
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
                return rendering.failed_item(internal_failure())

        async with aclosing(ordered_gather(_async_iterator(images), result, reader.max_started)) as results:
            async for one in results:
                yield one

    async def _look(self, look: Callable[[*Looked], Seen], *at: *Looked) -> Seen:
        """What a look at the header of a file says. Callers take turns, whoever has hundreds of files."""
        async with self._turns_at_headers.turn(self._caller()):
            return await asyncio.get_running_loop().run_in_executor(self._headers, look, *at)

    def _reader(self, file: bytes, options: DocumentOptions) -> PageReader:
        """Raises OutOfRange for an option that does not fit the file."""
        if options.dpi is not None and not is_pdf(file):
            raise OutOfRange("dpi is only for PDF; an image is read at its own resolution", "leave dpi out")
        return PageReader(self._service, self._current(), options)

    async def _answer(
        self, file: bytes, reader: PageReader, wait_s: float, timer: StepTimer | None = None
    ) -> TextAnswer | DocumentAnswer:
        if not await self._look(has_pages, file, reader.options, reader.limits):
            return await reader.read(file, timer)
        outcomes, page_count = await self._outcomes(file, reader, wait_s, pictures=False)
        return await _document_answer(outcomes, page_count, reader)

    async def _outcomes(
        self, file: bytes, reader: PageReader, wait_s: float, *, pictures: bool
    ) -> tuple[list[PageOutcome], int]:
        """The outcome of each page, and how many pages the document has. Raises when not one page could be read."""
        opened = self.documents.opened(file, reader.options, reader.limits, wait_s, pictures=pictures)
        async with opened as document, aclosing(read_pages(document, reader)) as pages:
            outcomes = [outcome async for outcome in pages]
        if not any(isinstance(outcome, ReadPage) for outcome in outcomes):
            output_pages_of(outcomes)
        return outcomes, document.page_count


async def _document_answer(outcomes: Sequence[PageOutcome], page_count: int, reader: PageReader) -> DocumentAnswer:
    """Made beside the event loop: a hundred dense pages take seconds."""
    return await asyncio.to_thread(rendering.document_answer, outcomes, page_count, reader.request, reader.age_ms)


class _EndOfStream:
    """Counts the items of a stream, for its last one."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._items = 0
        self._succeeded = 0

    def count(self, item: StreamItem) -> StreamItem:
        self._items += 1
        self._succeeded += item.success
        return item

    def answer(self) -> StreamEnd:
        return StreamEnd(count=self._items, succeeded=self._succeeded, processing_time_ms=elapsed_ms(self._started))


async def _async_iterator(images: Sequence[bytes | QuorumError]) -> AsyncIterator[bytes | QuorumError]:
    for image in images:
        yield image


def _require_image(image: bytes, limits: DecodingLimits) -> None:
    """Raises what is wrong with an image, seen in its header."""
    if not image:
        raise InvalidRequest("the image is empty", "send the bytes of an image file")
    require_one_page(inspect(image, limits))


def _checked(image: bytes | QuorumError, limits: DecodingLimits) -> bytes | QuorumError:
    if isinstance(image, QuorumError):
        return image
    try:
        _require_image(image, limits)
    except QuorumError as error:
        return error
    return image


def _options_of(body: BatchBody, options: type[Options]) -> Options:
    return parse(options, body.model_dump(exclude={"images", "task"}, exclude_none=True))
