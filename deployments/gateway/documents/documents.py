"""Documents: which files are one, and their pages read at the same time and answered in order.

A page that cannot be drawn or read is an outcome in its place, and costs the others nothing; nothing is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from deployments.config.schema import LimitsConfig
from deployments.gateway.documents.ordered_gather import ordered_gather
from deployments.gateway.documents.page_drawing import DrawnPage, OpenDocument, PageDrawer, RefusedPage
from deployments.gateway.documents.text_layers import TextLayerWriter
from deployments.gateway.formats import OutputPage, PagePicture, PdfPageText, TextLayers
from ocr.contract import DocumentOptions, PageAnswer, TextAnswer
from ocr.errors import InternalFailure, InvalidRequest, NotAnImage, QuorumError, TooManyPages
from ocr.file_kinds import late_pdf_start, pdf_start
from segmentation.files.images.decoding import DecodingLimits, inspect
from segmentation.files.images.tiff import tiff_pages
from segmentation.files.rendered_page import RenderRequest, in_parts

log = logging.getLogger("quorum.gateway")

EXISTING = "existing"


class ReadsPages(Protocol):
    """Answers the pages of one request."""

    @property
    def max_started(self) -> int:
        """How many pages may be begun before the answer to an earlier one is taken."""

    async def read(self, image: bytes) -> TextAnswer:
        """Read a page from its image file. Raises an error of the tree."""

    def from_text(self, text: PdfPageText, width: int, height: int) -> TextAnswer:
        """The answer to a page of so many pixels that says by itself what is on it."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page that was read, with its picture where one was asked for, and the pixels an inch that it has."""

    answer: PageAnswer
    picture: PagePicture | None
    dpi: tuple[float, float]
    pdf: PdfPageText | None = None

    @property
    def page(self) -> OutputPage:
        return OutputPage(self.answer.page, self.answer, self.picture, self.pdf, dpi=self.dpi)


PageOutcome: TypeAlias = ReadPage | RefusedPage


def is_pdf(file: bytes) -> bool:
    """What a file is, its first bytes say, not its name nor what else is in it."""
    return pdf_start(file) is not None


def without_prefix(file: bytes) -> bytes:
    """A PDF from where it begins: some programs put a byte-order mark or a MIME head before it. Any other file as it
    is. Offsets in such a PDF count from its head, or are found anew by whoever opens it.
    """
    return file[pdf_start(file) or 0 :]


def has_pages(file: bytes, options: DocumentOptions, limits: LimitsConfig) -> bool:
    """Whether the answer to the file has pages. Raises what is wrong with an image, seen in its header: too many pages
    too, where all of them are asked for.
    """
    if not file:
        raise InvalidRequest("the file is empty", "send the bytes of an image or a PDF")
    if is_pdf(file):
        return True
    late = late_pdf_start(file)
    if late is not None:
        raise NotAnImage(
            f"{late} bytes come before the %PDF of this file, the first are {file[:24]!r}", "send the file from %PDF on"
        )
    several = inspect(file, DecodingLimits.of(limits)).several_pages
    if several and options.pages is None:
        _require_few_pages(file, limits.max_pages)
    return several or options.pages is not None


def _require_few_pages(tiff: bytes, max_pages: int) -> None:
    """Raises TooManyPages. Looks at no more pages than are allowed and one."""
    try:
        count = len(tiff_pages(tiff, max_pages + 1))
    except ValueError as error:
        raise NotAnImage(f"the TIFF file is damaged: {error}", "save it again") from error
    if count > max_pages:
        message = f"the document has more than {max_pages} pages, the limit in one request"
        raise TooManyPages(message, in_parts(max_pages), max_pages)


class Documents:
    """Opens documents and reads their pages, and adds to PDFs what was read."""

    def __init__(self, drawer: PageDrawer, layers: TextLayerWriter) -> None:
        self._drawer = drawer
        self._layers = layers

    @asynccontextmanager
    async def opened(
        self,
        file: bytes | Path,
        options: DocumentOptions,
        limits: LimitsConfig,
        wait_s: float,
        *,
        files: bool = True,
        pictures: bool = False,
    ) -> AsyncIterator[OpenDocument]:
        """The document in `file`, or in the file at that path, with the pages that `options` choose: each as a file
        to read, as a picture, or both. Raises as `PageDrawer.opened` does.
        """
        request = _render_request(options, limits, files=files, pictures=pictures)
        content = without_prefix(file) if isinstance(file, bytes) else file
        async with self._drawer.opened(content, request, wait_s) as document:
            yield document

    async def picture_of(self, image: bytes, limits: LimitsConfig) -> PagePicture:
        """An image as a picture to lay text over. Raises NotAnImage."""
        request = _render_request(DocumentOptions(pages="1"), limits, files=False, pictures=True)
        async with self._drawer.opened(image, request, limits.timeout_s) as document:
            async for page in document.pages():
                if isinstance(page, RefusedPage):
                    raise page.error
                if page.picture is not None:
                    return page.picture
        raise InternalFailure("the image could not be drawn", "the log has the details")

    async def with_text_layers(self, pdf: bytes, layers: TextLayers, limits: LimitsConfig) -> bytes:
        """The PDF with layers of text added. Raises as `TextLayerWriter.added` does."""
        return await self._layers.added(without_prefix(pdf), layers, limits.max_document_processor_s)


def read_pages(document: OpenDocument, reader: ReadsPages) -> AsyncGenerator[PageOutcome, None]:
    """An outcome for each page that was asked for, in order, with `max_started` of them begun at most."""

    async def outcome(page: DrawnPage | RefusedPage) -> PageOutcome:
        if isinstance(page, RefusedPage):
            return page
        try:
            if page.text is not None and page.text.source == EXISTING:
                answer = await asyncio.to_thread(reader.from_text, page.text, page.width, page.height)
            else:
                answer = await reader.read(page.file)
        except QuorumError as error:
            return RefusedPage(page.number, _on_page(page.number, error))
        except Exception:  # a fault of ours on one page costs the others nothing
            log.exception("a page of a document failed")
            return RefusedPage(page.number, InternalFailure(f"page {page.number} failed", "the log has the details"))
        return ReadPage(PageAnswer(page=page.number, **dict(answer)), page.picture, page.dpi, page.text)

    return ordered_gather(document.pages(), outcome, reader.max_started)


def output_pages_of(outcomes: Sequence[PageOutcome]) -> list[OutputPage]:
    """The pages for a format that has no place for one that failed. Raises the error of the first that did."""
    pages: list[OutputPage] = []
    for outcome in outcomes:
        if isinstance(outcome, RefusedPage):
            raise outcome.error
        pages.append(outcome.page)
    return pages


def _on_page(number: int, error: QuorumError) -> QuorumError:
    copied = copy(error)
    copied.message = f"page {number}: {error.message}"
    return copied


def _render_request(options: DocumentOptions, limits: LimitsConfig, *, files: bool, pictures: bool) -> RenderRequest:
    return RenderRequest(
        pages=options.pages,
        dpi=options.dpi,
        existing_text=options.existing_text,
        max_pages=limits.max_pages,
        max_pixels=limits.max_pixels,
        files=files,
        pictures=pictures,
        max_processor_s=limits.max_document_processor_s,
        max_decoding_mb=limits.max_decoding_mb,
        max_decoding_s=limits.max_decoding_s,
    )
