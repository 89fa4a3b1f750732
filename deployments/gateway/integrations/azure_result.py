"""What was read of a document as Azure's Document Intelligence tells it: lines and words with their places, and where
each stands in `content`, the text of all pages.

Written a page at a time: a document may have more pages than memory has room for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import accumulate
from typing import Any, Literal

import regex

from deployments.gateway.error_responses import azure_error
from deployments.gateway.formats import OutputPage
from deployments.gateway.formats.markdown import PlacedLine, placed_markdown_of
from deployments.gateway.formats.output_format import Points, word_places
from ocr.contract import FailedPage

StringIndex = Literal["textElements", "unicodeCodePoint", "utf16CodeUnit"]
"""What places in a text are counted in: what a reader takes for one character, code points, or UTF-16."""

ContentFormat = Literal["text", "markdown"]
"""What `content` is written in."""

BETWEEN_PAGES = {"text": "\n", "markdown": "\n\n<!-- PageBreak -->\n\n"}
"""What stands in `content` between two pages."""

Pages = Callable[[], AsyncIterator[OutputPage | FailedPage]]

_CLUSTERS = regex.compile(r"\X")
_FIRST_OF_UTF16_PAIRS = 0x10000


async def analysis(
    beside: dict[str, Any], pages: Pages, index: StringIndex, form: ContentFormat = "text"
) -> AsyncIterator[bytes]:
    """The JSON object `analyzeResult`, in pieces. `beside` is what else stands in it; `pages` is gone through twice."""
    told = {**beside, "contentFormat": form, "stringIndexType": index}
    yield json.dumps(told).encode()[:-1] + b', "pages": ['
    failed: list[FailedPage] = []
    offset = 0
    before = b""
    async for page in pages():
        if isinstance(page, FailedPage):
            failed.append(page)
            continue
        # Beside the event loop: a dense page takes tens of milliseconds.
        one, length = await asyncio.to_thread(_told, page, offset, index, form)
        yield before + one
        offset, before = offset + length + len(BETWEEN_PAGES[form]), b", "
    yield b'], "content": "'
    between = ""
    async for page in pages():
        if isinstance(page, OutputPage):
            content, _ = await asyncio.to_thread(content_of, page, form)
            yield json.dumps(between + content).encode()[1:-1]
            between = BETWEEN_PAGES[form]
    yield b'", "warnings": ' + json.dumps([_warning(page) for page in failed]).encode() + b"}"


def _told(page: OutputPage, offset: int, index: StringIndex, form: ContentFormat) -> tuple[bytes, int]:
    told, length = page_of(page, offset, index, form)
    return json.dumps(told).encode(), length


def content_of(page: OutputPage, form: ContentFormat = "text") -> tuple[str, list[PlacedLine]]:
    """The text of a page, its lines in reading order without those that nobody can read; and where they stand in it."""
    if form == "markdown":
        return placed_markdown_of(page)
    placed, end = [], 0
    for lines in page.text_blocks():
        for line in lines:
            text = " ".join(word.text for word in line.words)
            places = range(end, end + len(text) + 1)
            placed.append(PlacedLine(line.model_copy(update={"text": text}), places))
            end += len(text) + 1
    return "\n".join(each.line.text for each in placed), placed


def page_of(
    page: OutputPage, offset: int, index: StringIndex, form: ContentFormat = "text"
) -> tuple[dict[str, Any], int]:
    """The page, whose text begins at `offset` of the content, and how long its text is."""
    content, placed = content_of(page, form)
    units = _indices(content, index)

    def span(start: int, end: int) -> dict[str, int]:
        return {"offset": offset + units[start], "length": units[end] - units[start]}

    lines, words = [], []
    scale = _inches_a_pixel(page)
    for each in placed:
        text, places = each.line.text, each.places
        polygon = _polygon(each.line.polygon, scale)
        lines.append({"content": text, "polygon": polygon, "spans": [span(places[0], places[-1])]})
        at = 0
        for word, place in zip(each.line.words, word_places(each.line), strict=True):
            start = text.index(word.text, at)  # before it stand spaces at most
            at = start + len(word.text)
            words.append(
                {
                    "content": word.text,
                    "polygon": _polygon(place, scale),
                    "confidence": word.confidence,
                    "span": span(places[start], places[at - 1] + 1),
                }
            )
    told = {
        "pageNumber": page.number,
        "width": _scaled(page.answer.width, scale[0]),
        "height": _scaled(page.answer.height, scale[1]),
        "unit": "pixel" if page.pdf is None else "inch",
        "words": words,
        "lines": lines,
        "spans": [span(0, len(content))],
    }
    return told, units[len(content)]


def _inches_a_pixel(page: OutputPage) -> tuple[float, float]:
    """Across and down: pages of a PDF are measured in inches, images in pixels."""
    return (1.0, 1.0) if page.pdf is None or page.dpi is None else (1.0 / page.dpi[0], 1.0 / page.dpi[1])


def _polygon(points: Points, scale: tuple[float, float]) -> list[float]:
    return [_scaled(value, scale[axis]) for point in points for axis, value in enumerate(point)]


def _scaled(value: float, scale: float) -> float:
    return round(value * scale, 4)


def _indices(text: str, index: StringIndex) -> Sequence[int]:
    """For each code point of a text, and its end, how many units of the index stand before it."""
    if index == "unicodeCodePoint" or text.isascii():
        return range(len(text) + 1)
    if index == "utf16CodeUnit":
        return list(accumulate((1 + (ord(character) >= _FIRST_OF_UTF16_PAIRS) for character in text), initial=0))
    places = [number for number, found in enumerate(_CLUSTERS.finditer(text)) for _ in found[0]]
    return [*places, places[-1] + 1]


def _warning(page: FailedPage) -> dict[str, str]:
    return {**azure_error(page.error), "target": f"#/pages/{page.page}"}
