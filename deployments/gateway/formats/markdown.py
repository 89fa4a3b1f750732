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
class PlacedLine:
    """A line of a page in a text: `places` says of each character of the line's own text, and of its end, how many
    characters of the page's text stand before it.
    """

    line: LineAnswer
    places: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Line:
    kind: Kind
    text: str
    """As Markdown, without the sign of a heading or of an item."""
    sign: str
    top: float
    height: float
    answer: LineAnswer
    after: int = 0
    """So many characters of the line's own text became the sign."""

    def placed(self, start: int) -> PlacedLine:
        """The line whose `text` begins at `start`."""
        sign_at = start - len(self.sign) - 1
        places = [sign_at + min(number, len(self.sign)) for number in range(self.after)]
        rest = self.answer.text[self.after :]
        places += [start] * (len(rest) - len(rest.lstrip()))
        at = 0
        for character in rest.strip():
            at = self.text.index(character, at)  # before it stand backslashes at most
            places.append(start + at)
            at += 1
        places += [start + len(self.text)] * (len(self.answer.text) + 1 - len(places))
        return PlacedLine(self.answer, places)


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
    return "".join(before + line.text for before, line in _pieces(page))


def placed_markdown_of(page: OutputPage) -> tuple[str, list[PlacedLine]]:
    """The same, and where each line stands in it."""
    parts, placed, end = [], [], 0
    for before, line in _pieces(page):
        placed.append(line.placed(end + len(before)))
        parts.append(before + line.text)
        end += len(parts[-1])
    return "".join(parts), placed


def _pieces(page: OutputPage) -> Iterator[tuple[str, _Line]]:
    """The lines of a page, each with what stands before it."""
    blocks = list(page.text_blocks())
    # Of most of the page's characters.
    usual = weighted_median((_height(line), len(line.text)) for lines in blocks for line in lines)
    between = ""
    for part in (part for lines in blocks for part in _parts(lines, usual)):
        for before, line in part:
            yield between + before, line
            between = ""
        between = "\n\n"


def _parts(lines: Sequence[LineAnswer], usual: float) -> Iterator[list[tuple[str, _Line]]]:
    """Headings, lists and paragraphs of one block: lines, each with what stands before it."""
    for (kind, sign), run in groupby((_seen(line, usual) for line in lines), key=_together):
        together = list(run)
        if kind is Kind.HEADING:
            yield _with_before(together, f"{sign} ", " ")
        elif kind is Kind.ITEM:
            yield [("\n" * (number > 0) + f"{line.sign} ", line) for number, line in enumerate(together)]
        else:
            for paragraph in _paragraphs(together):
                yield _with_before(paragraph, "", "\n")


def _with_before(lines: Sequence[_Line], first: str, others: str) -> list[tuple[str, _Line]]:
    return [(others if number else first, line) for number, line in enumerate(lines)]


def _together(line: _Line) -> tuple[Kind, str]:
    """Neighbours of the same are one heading, one list or text."""
    return line.kind, line.sign if line.kind is Kind.HEADING else ""


def _seen(line: LineAnswer, usual: float) -> _Line:
    text, height, top = line.text, _height(line), min(y for _, y in line.polygon)
    sign = next((sign for size, sign in reversed(HEADING_SIZES) if height >= size * usual), "")
    if sign and len(text) <= HEADING_CHARACTERS:
        return _Line(Kind.HEADING, escaped(text), sign, top, height, line)
    if bullet := _BULLET.match(text):
        return _Line(Kind.ITEM, escaped(text[bullet.end() :]), "-", top, height, line, bullet.end())
    if number := _NUMBER.match(text):
        item = escaped(text[number.end() :])
        return _Line(Kind.ITEM, item, number[1] + number[2], top, height, line, number.end())
    return _Line(Kind.TEXT, escaped(text), "", top, height, line)


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
