"""What was read of a document as Azure's Document Intelligence tells it: lines and words with their places, and where
each stands in `content`, the text of all pages.

Written a page at a time: a document may have more pages than memory has room for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Literal

import regex

from deployments.gateway.error_responses import azure_error
from deployments.gateway.formats import OutputPage
from deployments.gateway.formats.output_format import Points, word_places
from ocr.contract import FailedPage, LineAnswer

StringIndex = Literal["textElements", "unicodeCodePoint", "utf16CodeUnit"]
"""What places in a text are counted in: what a reader takes for one character, code points, or UTF-16."""

Pages = Callable[[], AsyncIterator[OutputPage | FailedPage]]

_CLUSTERS = regex.compile(r"\X")
_FIRST_OF_UTF16_PAIRS = 0x10000


async def analysis(beside: dict[str, Any], pages: Pages, index: StringIndex) -> AsyncIterator[bytes]:
    """The JSON object `analyzeResult`, in pieces. `beside` is what else stands in it; `pages` is gone through twice."""
    yield json.dumps({**beside, "stringIndexType": index}).encode()[:-1] + b', "pages": ['
    failed: list[FailedPage] = []
    offset = 0
    before = b""
    async for page in pages():
        if isinstance(page, FailedPage):
            failed.append(page)
            continue
        # Beside the event loop: a dense page takes tens of milliseconds.
        told, length = await asyncio.to_thread(_told, page, offset, index)
        yield before + told
        offset, before = offset + length + 1, b", "
    yield b'], "content": "'
    before = b""
    async for page in pages():
        if isinstance(page, OutputPage):
            yield before + json.dumps(content_of(page)).encode()[1:-1]
            before = b"\\n"
    yield b'", "warnings": ' + json.dumps([_warning(page) for page in failed]).encode() + b"}"


def _told(page: OutputPage, offset: int, index: StringIndex) -> tuple[bytes, int]:
    told, length = page_of(page, offset, index)
    return json.dumps(told).encode(), length


def content_of(page: OutputPage) -> str:
    """The text of a page: its lines in reading order, without those that nobody can read."""
    return "\n".join(_text(page, line) for line in _lines(page))


def page_of(page: OutputPage, offset: int, index: StringIndex) -> tuple[dict[str, Any], int]:
    """The page, whose text begins at `offset` of the content, and how long its text is."""
    content = content_of(page)
    places = _indices(content, index)

    def span(start: int, end: int) -> dict[str, int]:
        return {"offset": offset + places[start], "length": places[end] - places[start]}

    lines, words, at = [], [], 0
    scale = _inches_a_pixel(page)
    for line in _lines(page):
        text = _text(page, line)
        lines.append(
            {"content": text, "polygon": _polygon(line.polygon, scale), "spans": [span(at, at + len(text))]},
        )
        for word, place in zip(page.words_of(line), word_places(line), strict=True):
            end = at + len(word.text)
            words.append(
                {
                    "content": word.text,
                    "polygon": _polygon(place, scale),
                    "confidence": word.confidence,
                    "span": span(at, end),
                }
            )
            at = end + 1
    told = {
        "pageNumber": page.number,
        "width": _scaled(page.answer.width, scale[0]),
        "height": _scaled(page.answer.height, scale[1]),
        "unit": "pixel" if page.pdf is None else "inch",
        "words": words,
        "lines": lines,
        "spans": [span(0, len(content))],
    }
    return told, places[len(content)]


def _lines(page: OutputPage) -> Iterator[LineAnswer]:
    for block in page.text_blocks():
        yield from block


def _text(page: OutputPage, line: LineAnswer) -> str:
    return " ".join(word.text for word in page.words_of(line))


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
