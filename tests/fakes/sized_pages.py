"""Pages that can be told apart by how wide they are, and a service that answers each with a line that says so."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pikepdf
import PIL.Image

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_PRIORITY
from deployments.gateway.documents.page_drawing import DrawnPage, RefusedPage
from deployments.messages.request import ReadRequest
from ocr import Box, Character, Hypothesis, Line, Page, Reading, Vote, Word
from ocr.contract import DocumentOptions
from ocr.errors import NotAnImage, QuorumError
from segmentation.files.rendered_page import RefusedFile, chosen_pages
from tests.fakes.files import add_text_page
from tests.fakes.plain_service import REPORTS, TIMINGS, PlainService

NARROWEST = 60
HEIGHT = 40


def width_of(number: int) -> int:
    """Pixels across page `number`, drawn at 72 dots an inch."""
    return NARROWEST + number


def sized_pdf(pages: int) -> bytes:
    """Each page wider than the one before it, with a word on it; drawn at 72 dots an inch, a unit is a pixel."""
    with pikepdf.new() as document:
        for number in range(1, pages + 1):
            add_text_page(document, ["word"], 9.0, (width_of(number), HEIGHT))
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


class SizedPages(PlainService):
    """Answers each page with its width. `failures` are raised in place of an answer, by width, one after another."""

    def forget(self) -> None:
        super().forget()
        self.read: Counter[int] = Counter()
        self.failures: dict[int, list[QuorumError]] = {}
        self.asked_by: set[tuple[str, str]] = set()
        self.before_answer: Callable[[int], Any] = lambda _: None

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
        waited = self.before_answer(width)
        if asyncio.iscoroutine(waited):
            await waited
        self.asked_by.add((CURRENT_CALLER.get(), CURRENT_PRIORITY.get()))
        self.read[width] += 1
        if self.failures.get(width):
            raise self.failures[width].pop(0)
        place = Box(2, 2, 50, 20).polygon()
        text = f"w{width}"
        characters = tuple(
            Character(letter, 0.9, (Vote("a", letter, 1.0, 0.9),), place.slice(at / len(text), (at + 1) / len(text)))
            for at, letter in enumerate(text)
        )
        reading = {"a": Reading.of(Hypothesis.of_text(text, 0.9))}
        line = Line(characters, (Word(characters, 0.9, place, {"a": text}),), 0.9, place, 0, reading)
        return Page(width, height, (line,), REPORTS, str(request.method), request.profile.name, TIMINGS)


def written_document(pages: int, **broken: str) -> bytes:
    """A file that `WrittenDocuments` opens: so many pages; `p3="..."` is a page that cannot be drawn, and why."""
    return json.dumps({"pages": pages, "broken": {int(page[1:]): why for page, why in broken.items()}}).encode()


class WrittenDocuments:
    """In place of the program that draws pages: files say what is on them."""

    def __init__(self) -> None:
        self.opened_files = 0
        self.refusal: QuorumError | None = None

    @asynccontextmanager
    async def opened(
        self, file: Path, options: DocumentOptions, limits: LimitsConfig, wait_s: float, **_: bool
    ) -> AsyncIterator[_Opened]:
        self.opened_files += 1
        if self.refusal is not None:
            raise self.refusal
        try:
            told = json.loads(file.read_bytes())
            chosen = chosen_pages(options.pages, told["pages"], limits.max_pages)
        except (ValueError, RefusedFile) as error:
            raise NotAnImage(f"the document cannot be opened: {error}", "send another") from error
        yield _Opened(told["pages"], tuple(chosen), told["broken"])


class _Opened:
    def __init__(self, page_count: int, chosen: tuple[int, ...], broken: Mapping[str, str]) -> None:
        self.page_count = page_count
        self.chosen = chosen
        self._broken = broken

    async def pages(self) -> AsyncIterator[DrawnPage | RefusedPage]:
        for number in self.chosen:
            if str(number) in self._broken:
                yield RefusedPage(number, NotAnImage(f"page {number}: {self._broken[str(number)]}", "mend it"))
                continue
            picture = io.BytesIO()
            PIL.Image.new("L", (width_of(number), HEIGHT)).save(picture, "PNG")
            yield DrawnPage(number, picture.getvalue(), None, width_of(number), HEIGHT, (72.0, 72.0), None)
