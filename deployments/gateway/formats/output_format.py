"""What an output format is given and what it returns. Positions are pixels of the page, confidences probabilities."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias

from deployments.gateway.formats.document_totals import DocumentTotals
from ocr.contract import (
    DocumentAnswer,
    FailedPage,
    LineAnswer,
    PageAnswer,
    TextAnswer,
    WordAnswer,
    WordCorrection,
)
from ocr.geometry import Polygon, bounds
from ocr.page_geometry import direction_degrees

Points: TypeAlias = "Sequence[tuple[float, float]]"

DESCENDERS = 0.2
"""The part of a line's height that lies below its baseline, as in most fonts for text."""

ZIP = "application/zip"
_SAME_DIRECTION = 20.0  # degrees that lines of one row may differ


@dataclass(frozen=True, slots=True)
class PagePicture:
    """The page as it looks: the bytes of a `kind` file ("jpeg" or "png", not interlaced) in mode 1, L or RGB, with so
    many pixels an inch across and down.
    """

    content: bytes
    kind: str
    mode: str
    width_px: int
    height_px: int
    dpi: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PdfPageText:
    """What a page of a PDF says by itself, as segmentation/files/rendered_page.py tells it: `lines` where the page is
    answered from them (`source` is "existing"), else the `seen_boxes` of its visible words. `to_units` is the matrix
    from pixels to the page's own units.
    """

    source: str
    lines: Sequence[Mapping[str, Any]]
    seen_boxes: Sequence[Sequence[float]]
    has_hidden: bool
    to_units: Sequence[float]


@dataclass(frozen=True, slots=True)
class OutputPage:
    """One page that was read. `picture` is there for a format that asks for it, `pdf` for a page of a PDF. Of lines
    that nobody can read formats have the place; their words too where `illegible` lines were asked for. `file_name` is
    how the file was called that was sent, `dpi` the pixels an inch across and down; each may be unknown.
    """

    number: int
    answer: TextAnswer
    picture: PagePicture | None = None
    pdf: PdfPageText | None = None
    illegible: bool = False
    file_name: str = ""
    dpi: tuple[float, float] | None = None

    @property
    def languages(self) -> list[str]:
        """Those of its lines (ISO 639-1), in their order; none where they are not known."""
        return list(dict.fromkeys(line.language for line in self.answer.lines if line.language))

    @property
    def corrections(self) -> list[WordCorrection]:
        """What people said of its words, in their order."""
        words = [word for line in self.answer.lines for word in (*line.words, *line.removed_words)]
        return [word.correction for word in words if word.correction is not None]

    @property
    def image_name(self) -> str:
        """The name that was sent, else one for the picture of the page."""
        return document_name(self.file_name, [self.number])

    def blocks(self) -> Iterator[tuple[int, list[LineAnswer]]]:
        """The rows that have text, by block, in reading order; a block is numbered from 1. What stands side by side in
        a row, as the cells of a table do, is one line.
        """
        with_text = [line for line in self.answer.lines if line.words]
        for index, (_, lines) in enumerate(groupby(with_text, key=lambda line: line.block), 1):
            yield index, [self._joined(row) for row in _rows(list(lines))]

    def _joined(self, row: Sequence[LineAnswer]) -> LineAnswer:
        """The lines of a row as one; of those that nobody can read it has nothing, unless all are such."""
        if len(row) == 1:
            return row[0]
        written = [line for line in row if self.words_of(line)] or list(row)
        words = [
            word.model_copy(update={"polygon": place})
            for line in written
            for word, place in zip(line.words, word_places(line), strict=True)
        ]
        first, last = row[0].polygon, row[-1].polygon
        letters = [len(line.text) for line in written]
        return written[0].model_copy(
            update={
                "text": " ".join(line.text for line in written),
                "words": words,
                "legible": any(line.legible for line in written),
                "polygon": (first[0], last[1], last[2], first[3]),
                "confidence": sum(n * line.confidence for n, line in zip(letters, written, strict=True)) / sum(letters),
            }
        )

    def text_blocks(self) -> Iterator[list[LineAnswer]]:
        """The same blocks with the lines whose words are written out, and none without such a line."""
        for _, lines in self.blocks():
            written = [line for line in lines if self.words_of(line)]
            if written:
                yield written

    def words_of(self, line: LineAnswer) -> list[WordAnswer]:
        """The words of a line that are written out."""
        return line.words if line.legible or self.illegible else []

    def box_of(self, polygon: Points) -> tuple[int, int, int, int]:
        """The upright box (left, top, right, bottom) of a polygon in whole pixels, within the page and not empty."""
        low_x, low_y, high_x, high_y = bounds(polygon)
        left, right = _within(low_x, high_x, self.answer.width)
        top, bottom = _within(low_y, high_y, self.answer.height)
        return left, top, right, bottom

    def baseline_of(self, line: LineAnswer) -> list[tuple[float, float]]:
        """Where the letters of a line stand, from its beginning to its end: its lower edge, raised by the usual depth
        of descenders.
        """
        start, end = line.polygon[-1], line.polygon[2 if len(line.polygon) == 4 else -2]
        rise = [DESCENDERS * (upper - lower) for upper, lower in zip(line.polygon[0], start, strict=True)]
        return [(x + rise[0], y + rise[1]) for x, y in (start, end)]

    def points(self, polygon: Points) -> str:
        """The corners "x,y x,y ..." in whole pixels within the page."""
        width, height = self.answer.width, self.answer.height
        corners = [(min(max(round(x), 0), width), min(max(round(y), 0), height)) for x, y in polygon]
        return " ".join(f"{x},{y}" for x, y in corners)


@dataclass(frozen=True, slots=True)
class OutputFile:
    """The body of a response, and how many lines of what was read nobody can read."""

    content: bytes
    media_type: str
    illegible_lines: int = 0


@dataclass(frozen=True, slots=True)
class DocumentHead:
    """What a file that is written page by page says of the whole document. Of `answer` the pages are not looked at;
    `languages` are those of all lines (ISO 639-1), `name` is how the file was called that was read, `reviewers` are
    those who said something of its words, and when last.
    """

    answer: TextAnswer | DocumentAnswer
    languages: Sequence[str]
    name: str
    reviewers: Mapping[str, datetime]

    @classmethod
    def of(cls, answer: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> DocumentHead:
        """Of a document whose pages are all here."""
        languages = sorted({language for page in pages for language in page.languages})
        file_name = pages[0].file_name if pages else ""
        name = document_name(file_name, [page.number for page in pages])
        return cls(answer, languages, name, reviewers_of(pages))


def document_name(file_name: str, numbers: Sequence[int]) -> str:
    """The name that was sent, else one for what these pages are of: readers look for one, with an ending."""
    return file_name or (f"page-{numbers[0]:04}.png" if len(numbers) == 1 else "document.pdf")


@dataclass(frozen=True, slots=True)
class PageByPage:
    """How a file is written in parts, a page or so each, however many pages there are."""

    media_type: str
    parts: Callable[[DocumentHead, Iterable[OutputPage]], Iterator[bytes]]

    def whole(self, answer: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
        """The same as one file."""
        return OutputFile(b"".join(self.parts(DocumentHead.of(answer, pages), pages)), self.media_type)


AnswerParts: TypeAlias = (
    "Callable[[Iterable[PageAnswer | FailedPage], Callable[[DocumentTotals], DocumentAnswer]], Iterator[bytes]]"
)
"""How the answer to a document is written in parts: from its pages, and from what is told of all of them."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """An output format: `write` makes the file from the whole answer and from its pages.

    `accepts` are further media types under which it can be asked for with Accept. One that `is_archive` is asked for
    under a type of its own, and answered as a ZIP archive with a file for each page. Only one that `needs_dpi` is told
    those of an image that is no document, which is opened once more for them. One that is written `by_page` has room
    for any number of them, and so has one with `answer_parts`, which is the answer itself: it has a place for pages
    that could not be read, and is given no pages. Jobs give no other. One with `text_layers` keeps a PDF as it is, and
    adds what those say (segmentation/files/pdf/text_layer.py).
    """

    name: str
    media_type: str
    write: Callable[[TextAnswer | DocumentAnswer, Sequence[OutputPage]], OutputFile]
    accepts: tuple[str, ...] = ()
    needs_picture: bool = False
    needs_dpi: bool = False
    is_archive: bool = False
    by_page: PageByPage | None = None
    answer_parts: AnswerParts | None = None
    text_layers: Callable[[Iterable[OutputPage]], TextLayers] | None = None


@dataclass(frozen=True, slots=True)
class TextLayer:
    """What to add to page `number` of a PDF: the operators of its invisible words. With `replaces_hidden` those that
    are there go.
    """

    number: int
    operators: str
    replaces_hidden: bool


@dataclass(frozen=True, slots=True)
class TextLayers:
    """The layers of those pages that change, and the table of characters of the font that they share."""

    layers: tuple[TextLayer, ...]
    to_unicode: str


def reviewers_of(pages: Iterable[OutputPage]) -> dict[str, datetime]:
    """Who said something of words on some pages, and when last."""
    found: dict[str, datetime] = {}
    for page in pages:
        for correction in page.corrections:
            found[correction.who] = max(correction.at, found.get(correction.who, correction.at))
    return found


def word_places(line: LineAnswer) -> list[Points]:
    """Where each word of a line lies; one without a place of its own gets its share of the line."""
    total = sum(len(word.text) + 1 for word in line.words)
    places: list[Points] = []
    start = 0
    for word in line.words:
        end = start + len(word.text)
        places.append(word.polygon or part_of(line.polygon, start / total, end / total))
        start = end + 1
    return places


def part_of(place: Points, start: float, end: float) -> Points:
    """The part of a line or a word, four corners, from `start` to `end` of its length, each in [0, 1]."""
    first, second, third, fourth = place
    return Polygon((first, second, third, fourth)).slice(start, end).corners


def _rows(lines: Sequence[LineAnswer]) -> Iterator[list[LineAnswer]]:
    """Neighbours that stand in one row and run the same way; a line without a row stands alone."""
    row: list[LineAnswer] = []
    for line in lines:
        if row and (line.row is None or line.row != row[-1].row or not _run_alike(row[-1], line)):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


def _run_alike(line: LineAnswer, other: LineAnswer) -> bool:
    if len(line.polygon) != 4 or len(other.polygon) != 4:
        return False
    turned = abs(direction_degrees(line.polygon) - direction_degrees(other.polygon)) % 360
    return min(turned, 360 - turned) <= _SAME_DIRECTION


def box_around(boxes: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    """The smallest box around boxes (left, top, right, bottom)."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def archive_of(pages: Iterable[tuple[int, bytes]], ending: str = "xml") -> Iterator[bytes]:
    """A ZIP archive with a file for each page, by its number; in parts, a page each."""
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as files:
        for number, content in pages:
            files.writestr(f"page-{number:04}.{ending}", content)
            yield written.taken()
    yield written.taken()


def archive_format(single: OutputFormat, ending: str) -> OutputFormat:
    """The format that has a file of `single` for each page."""

    def parts(document: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
        return archive_of(((page.number, single.write(document.answer, [page]).content) for page in pages), ending)

    by_page = PageByPage(ZIP, parts)
    return OutputFormat(
        f"{single.name}.zip",
        f"application/{single.name}+zip",
        by_page.whole,
        (f"application/vnd.{single.name}+zip",),
        needs_dpi=single.needs_dpi,
        is_archive=True,
        by_page=by_page,
    )


class _Written(io.RawIOBase):
    """A file whose beginning is taken away while it is written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - whatever a buffer is
        self._content += content
        return len(content)

    def taken(self) -> bytes:
        content, self._content = bytes(self._content), bytearray()
        return content


XML_HEAD = b"<?xml version='1.0' encoding='utf-8'?>\n"


def xml_of(element: ET.Element) -> bytes:
    """The element as a part of a file in UTF-8."""
    content: bytes = ET.tostring(element, encoding="utf-8")
    return content


def xml_safe(text: str) -> str:
    """`text` with what XML cannot hold replaced: control characters, half characters."""
    return "".join(character if _in_xml(ord(character)) else "\N{REPLACEMENT CHARACTER}" for character in text)


def _in_xml(code: int) -> bool:
    # https://www.w3.org/TR/xml/#charsets
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _within(low: float, high: float, size: int) -> tuple[int, int]:
    start = min(max(int(low), 0), size - 1)
    return start, min(max(int(-(-high // 1)), start + 1), size)
