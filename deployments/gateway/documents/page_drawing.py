"""The pages of a document, taken out of it by a process of its own (segmentation/files/page_renderer.py), one after
another.

What strangers wrote is opened there and not here: a file that makes the process die, hang or grow costs that process
and nothing else, and its caller is told. Few pages are drawn at the same time, and callers take turns page by page.
Documents stay in memory and go through pipes. Knows no HTTP and no Serve.
"""

from __future__ import annotations

import asyncio
import json
import math
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deployments.gateway.documents.isolated_program import (
    ProcessorTime,
    command_of,
    ended,
    processor_s,
    refusal,
    started,
)
from deployments.gateway.formats import PagePicture, PdfPageText
from deployments.messages.request import NOBODY, Asker
from deployments.replica.fair_turns import FairTurns
from deployments.replica.processor_turns import ProcessorTurns
from ocr.errors import NotAnImage, Overloaded, QuorumError, TooLarge
from segmentation.files import page_renderer
from segmentation.files.rendered_page import RenderRequest

_COMMAND = command_of(page_renderer)
# A process that was given less than this part of its time is not slow: the machine is busy, and the file is innocent.
_OWN_FAULT = 0.5


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page of so many pixels as an image file, and as a picture to lay text over; each is empty or None unless it was
    asked for. `text` is what a page of a PDF says by itself; one that is answered from it is not drawn. `dpi` are its
    pixels an inch, across and down.
    """

    number: int
    file: bytes
    picture: PagePicture | None
    width: int
    height: int
    dpi: tuple[float, float]
    text: PdfPageText | None


@dataclass(frozen=True, slots=True)
class RefusedPage:
    """A page that cannot be drawn, and why."""

    number: int
    error: QuorumError


class OpenDocument:
    """A document whose pages are drawn as they are taken: `chosen` are the numbers of those that were asked for, in
    order.
    """

    def __init__(
        self,
        process: Process,
        turn: Callable[[], AbstractAsyncContextManager[None]],
        limits: _DrawingLimits,
        page_count: int,
        chosen: Sequence[int],
    ) -> None:
        self._process = process
        self._turn = turn
        self._limits = limits
        self._spent_s = 0.0
        self.page_count = page_count
        self.chosen = tuple(chosen)

    async def pages(self) -> AsyncIterator[DrawnPage | RefusedPage]:
        """The pages that were asked for, drawn or refused, each when it is the caller's turn."""
        for index, number in enumerate(self.chosen):
            try:
                async with self._turn():
                    page = await self._drawn(number)
            except (TimeoutError, asyncio.IncompleteReadError) as error:
                for lost, refusal in await self._lost(index, hung=isinstance(error, TimeoutError)):
                    yield RefusedPage(lost, refusal)
                return
            yield page

    async def _drawn(self, number: int) -> DrawnPage | RefusedPage:
        self._spent_s = processor_s(self._process)
        async with asyncio.timeout(self._limits.patience_s):
            return await self._next(number)

    async def _next(self, number: int) -> DrawnPage | RefusedPage:
        await _write(self._process, b"\n")
        head = await _head(self._process)
        if "error" in head:
            return RefusedPage(number, refusal(head["error"], f"page {number}: "))
        assert self._process.stdout is not None
        file = await self._process.stdout.readexactly(head["file"])
        shown = await self._process.stdout.readexactly(head["picture"])
        across, down = head["dpi"]
        size, dpi = (head["width"], head["height"]), (across, down)
        picture = PagePicture(shown, head["kind"], head["mode"], *size, dpi) if shown else None
        told = await self._process.stdout.readexactly(head["text"])
        # Beside the event loop: a page may have a hundred thousand letters.
        text = await asyncio.to_thread(_page_text, told) if told else None
        return DrawnPage(number, file, picture, *size, dpi, text)

    async def _lost(self, index: int, *, hung: bool) -> list[tuple[int, QuorumError]]:
        """End the drawing; what to say of the page that stopped it, and of those that were to come after it."""
        number, *later = self.chosen[index:]
        spent_s = processor_s(self._process) - self._spent_s
        status = await ended(self._process)
        if hung and spent_s < _OWN_FAULT * self._limits.patience_s:
            return [(n, _busy(f"page {n} was not drawn")) for n in (number, *later)]
        if not hung and status == -signal.SIGXCPU:
            return [(n, self._limits.exhausted(n, number)) for n in (number, *later)]
        patience = f"takes longer than {self._limits.patience_s:g} s to draw"
        how = patience if hung else "cannot be drawn: the drawing broke off"
        hint = f"ask for those after it with pages={number + 1}-" if later else "save the document anew"
        first = (number, NotAnImage(f"page {number} {how}", hint))
        return [first, *((n, NotAnImage(f"page {n} was not drawn: page {number} {how}", hint)) for n in later)]


@dataclass(frozen=True, slots=True)
class _DrawingLimits:
    """What the pages of a document may take: each of the wall clock, all together of the processor."""

    patience_s: float
    max_processor_s: float

    def exhausted(self, number: int, first: int) -> TooLarge:
        """What to say of a page that was not drawn, of which `first` is the first."""
        return TooLarge(
            f"page {number} was not drawn: the document took {self.max_processor_s:g} s of a processor before "
            "(limits.max_document_processor_s)",
            f"go on with pages={first}- in a request of its own, at a lower dpi if that is the first page of one",
        )


class PageDrawer:
    """Opens `documents_at_once` and draws `pages_at_once`, each within `patience_s`. Callers take turns at both:
    `asker` says for whom the work of this moment is done. Each has at most `share` of the documents, in (0, 1]: a long
    one stays open for minutes. `processors` are those of the node, which engines use too.
    """

    def __init__(
        self,
        documents_at_once: int,
        pages_at_once: int,
        patience_s: float,
        asker: Callable[[], Asker] = lambda: NOBODY,
        command: Sequence[str] = _COMMAND,
        share: float = 1.0,
        processors: ProcessorTurns | None = None,
    ) -> None:
        self._documents = FairTurns(documents_at_once, math.ceil(share * documents_at_once))
        self._pages = FairTurns(pages_at_once)
        self._processors = processors or ProcessorTurns()
        self._patience_s = patience_s
        self._asker = asker
        self._command = tuple(command)

    @asynccontextmanager
    async def opened(self, file: bytes | Path, request: RenderRequest, wait_s: float) -> AsyncIterator[OpenDocument]:
        """The document in `file`, or in the file at that path, for as long as the context lasts.

        Raises NotAnImage, TooLarge or OutOfRange for what is wrong with it as a whole, and Overloaded when other
        documents are being drawn for longer than `wait_s`.
        """
        asker = self._asker()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(wait_s):
                    await stack.enter_async_context(self._documents.turn(asker.line))
            except TimeoutError as error:
                raise Overloaded("too many documents are being read", "send the document again later", 5.0) from error
            limits = _DrawingLimits(self._patience_s, request.max_processor_s)
            time = ProcessorTime()
            turn = partial(self._turn, asker, time)
            async with turn():  # to start a program takes a fifth of a second of a core
                time.process = process = await stack.enter_async_context(self._started(file, request))
                head = await self._head(process, limits)
            yield OpenDocument(process, turn, limits, head["page_count"], head["chosen"])

    @asynccontextmanager
    async def _turn(self, asker: Asker, time: ProcessorTime) -> AsyncIterator[None]:
        async with self._processors.turn(asker, time.spent_s), self._pages.turn(asker.line):
            yield

    @asynccontextmanager
    async def _started(self, file: bytes | Path, request: RenderRequest) -> AsyncIterator[Process]:
        content = file if isinstance(file, bytes) else b""
        place = {} if isinstance(file, bytes) else {"path": str(file)}
        told = json.dumps({**asdict(request), "file_bytes": len(content), **place}).encode() + b"\n"
        async with started(self._command) as process:
            feeding = asyncio.create_task(_write(process, told + content))
            try:
                yield process
            finally:
                feeding.cancel()

    async def _head(self, process: Process, limits: _DrawingLimits) -> dict[str, Any]:
        """What the process says of the document as a whole."""
        try:
            async with asyncio.timeout(limits.patience_s):
                head = await _head(process)
        except TimeoutError as error:
            if processor_s(process) < _OWN_FAULT * limits.patience_s:
                raise _busy("the document was not opened") from error
            raise NotAnImage(
                f"the document takes longer than {limits.patience_s:g} s to open", "save it again, or in parts"
            ) from error
        except asyncio.IncompleteReadError as error:
            raise NotAnImage("the document cannot be opened", "send a file that opens in a viewer") from error
        if "error" in head:
            raise refusal(head["error"])
        return head


def _busy(what: str) -> Overloaded:
    return Overloaded(f"{what}: this machine has no time for it", "send the document again later", 5.0)


async def _write(process: Process, content: bytes) -> None:
    assert process.stdin is not None
    with suppress(ConnectionError):  # it ended before it had read everything; its output says why
        process.stdin.write(content)
        await process.stdin.drain()


async def _head(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readuntil(b"\n")
    head: dict[str, Any] = json.loads(line)
    return head


def _page_text(told: bytes) -> PdfPageText:
    return PdfPageText(**json.loads(told))
