"""Markdown (CommonMark): headings by size, lists, paragraphs, in reading order; an HTML comment between pages.

Every character of the text stays: what Markdown would take for its own signs is escaped, and lines are not joined, so a
word that is cut at the end of a line stays cut. Tables are not made: cells come as they are read, one line a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, pairwise
from statistics import median

from deployments.gateway.formats.output_format import DocumentHead, OutputFormat, OutputPage, PageByPage
from ocr.contract import DocumentAnswer, LineAnswer
from ocr.geometry import weighted_median

HEADING_SIZES = ((1.4, "###"), (1.8, "##"), (2.4, "#"))
"""From how many times the height of the page's text on a line is a heading, and which."""
HEADING_CHARACTERS = 120
"""A line with more is text, however tall: its box may have caught a neighbour."""
PARAGRAPH_GAP = 1.7
"""A step from line to line of so many times the block's usual one begins a paragraph."""

_BULLET = re.compile(r"[-*+\u2022\u25aa\u25cf\u25e6\u2023\u2043\u2013\u00b7]\s+(?=\S)")
_NUMBER = re.compile(r"(\d{1,9})([.)])\s+(?=\S)")
_SIGNS = re.compile(r"([\\`*\[\]<>~|])|(?<![^\W_])(_)|(_)(?![^\W_])|(&)(?=#?\w+;)|(!)(?=\[)")
_FIRST_SIGNS = re.compile(r"(#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=]+\s*$|(?<=\d)[.)](?=\s|$))")


class Kind(Enum):
    """What a line is."""

    TEXT = "text"
    ITEM = "item"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class _Line:
    kind: Kind
    text: str
    """As Markdown, without the signs of a heading."""
    sign: str
    top: float
    height: float


def _file_parts(head: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    """Pages as one file; those of a document are told apart."""
    before = ""
    for page in pages:
        number = f"<!-- page {page.number} -->" if isinstance(head.answer, DocumentAnswer) else ""
        for part in (number, markdown_of(page)):
            if part:
                yield f"{before}{part}".encode("utf-8", "replace")
                before = "\n\n"
    yield b"\n"


def markdown_of(page: OutputPage) -> str:
    """One page as Markdown, "" when it has no text."""
    blocks = list(page.text_blocks())
    # Of most of the page's characters.
    usual = weighted_median((_height(line), len(line.text)) for lines in blocks for line in lines)
    return "\n\n".join(part for lines in blocks for part in _parts(lines, usual))


def _parts(lines: Sequence[LineAnswer], usual: float) -> Iterator[str]:
    """Headings, lists and paragraphs of one block."""
    for (kind, sign), run in groupby((_seen(line, usual) for line in lines), key=_together):
        together = list(run)
        if kind is Kind.HEADING:
            yield f"{sign} {' '.join(line.text for line in together)}"
        elif kind is Kind.ITEM:
            yield "\n".join(f"{line.sign} {line.text}" for line in together)
        else:
            for paragraph in _paragraphs(together):
                yield "\n".join(line.text for line in paragraph)


def _together(line: _Line) -> tuple[Kind, str]:
    """Neighbours of the same are one heading, one list or text."""
    return line.kind, line.sign if line.kind is Kind.HEADING else ""


def _seen(line: LineAnswer, usual: float) -> _Line:
    text, height, top = line.text, _height(line), min(y for _, y in line.polygon)
    sign = next((sign for size, sign in reversed(HEADING_SIZES) if height >= size * usual), "")
    if sign and len(text) <= HEADING_CHARACTERS:
        return _Line(Kind.HEADING, escaped(text), sign, top, height)
    if bullet := _BULLET.match(text):
        return _Line(Kind.ITEM, escaped(text[bullet.end() :]), "-", top, height)
    if number := _NUMBER.match(text):
        return _Line(Kind.ITEM, escaped(text[number.end() :]), number[1] + number[2], top, height)
    return _Line(Kind.TEXT, escaped(text), "", top, height)


def _paragraphs(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """Runs of lines without a gap between them that is larger than usual."""
    steps = [later.top - line.top for line, later in pairwise(lines)]
    usual = median(steps) if steps else 0.0
    paragraph: list[_Line] = []
    for line, step in zip(lines, [0.0, *steps], strict=True):
        if paragraph and step > PARAGRAPH_GAP * max(usual, line.height):
            yield paragraph
            paragraph = []
        paragraph.append(line)
    if paragraph:
        yield paragraph


def escaped(text: str) -> str:
    """One line of text, so that Markdown shows it as it is."""
    inner = _SIGNS.sub(lambda found: "\\" + found[0], text.strip())
    number = re.match(r"\d{1,9}", inner)
    start = number.end() if number else 0
    sign = _FIRST_SIGNS.match(inner, start)
    return f"{inner[:start]}\\{inner[start:]}" if sign else inner


def _height(line: LineAnswer) -> float:
    """How tall a line is across its direction of reading, in pixels."""
    return math.dist(line.polygon[0], line.polygon[-1])


_BY_PAGE = PageByPage("text/markdown; charset=utf-8", _file_parts)
FORMAT = OutputFormat("markdown", "text/markdown", _BY_PAGE.whole, by_page=_BY_PAGE)
