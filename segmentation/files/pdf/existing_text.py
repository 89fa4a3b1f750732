"""The text that a page of a PDF has already, as PDFium tells it: letters with their places, in lines and words.

Some of it nobody sees: the layer that an earlier OCR laid under or over a scan. And some of it nobody can read: letters
of a font that does not say which characters they are. Places are pixels of the page as it would be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from segmentation.files.pdf.affine import Matrix, applied
from segmentation.files.pdf.page_content import PageContent, address
from segmentation.files.pdf.untyped import Untyped
from segmentation.files.rendered_page import RefusedFile

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

# A page that pictures cover by so much, or that consists of shapes, may say more than its text does.
_MOSTLY_PICTURES = 0.25
_MANY_SHAPES, _SHAPES_A_LETTER = 100, 3
_UNREADABLE = 0.1
_HYPHEN_OF_PDFIUM = 0x02
_GAP_BETWEEN_BLOCKS = 0.8  # of the height of a line

MAX_PAGE_LETTERS = 100_000
"""Of one page; the densest page of a newspaper has a third of it. A file of some kilobytes can hold millions, and each
is gone through here and wherever the answer is made.
"""
MAX_DOCUMENT_LETTERS = 1_000_000
"""Of the pages of a request together."""


@dataclass(frozen=True)
class Letter:
    """A character, its box, how far its line is turned from rightwards in degrees clockwise, and whether it is seen. A
    space has no box, nor has a line break, whose text is that of a new line.
    """

    text: str
    box: Box | None
    degrees: float
    seen: bool
    readable: bool


@dataclass(frozen=True)
class PageText:
    """The text of a page, and what else is on it."""

    letters: tuple[Letter, ...]
    content: PageContent

    @property
    def has_hidden(self) -> bool:
        return any(not letter.seen for letter in self.letters if letter.box)

    @property
    def says_all(self) -> bool:
        """Whether what is seen as text is what the page says: there is some, it can be read, and the page is not mostly
        pictures or shapes, which may be letters too.
        """
        seen = [letter for letter in self.letters if letter.box and letter.seen]
        shapes = self.content.shapes
        drawn = shapes > _MANY_SHAPES and shapes > _SHAPES_A_LETTER * len(seen)
        return _readable(seen) and not drawn and self.content.picture_share < _MOSTLY_PICTURES

    @property
    def has_any(self) -> bool:
        """Whether there is text that can be read, seen or not."""
        return _readable([letter for letter in self.letters if letter.box])

    def seen_boxes(self) -> list[Box]:
        """Where readable text is seen, word by word."""
        if not _readable([letter for letter in self.letters if letter.box and letter.seen]):
            return []
        return [_around(word) for line in self.lines(hidden=False) for word in line]

    def lines(self, *, hidden: bool) -> list[list[list[Letter]]]:
        """The words of each line; with `hidden` those too that nobody sees."""
        chosen = (letter for letter in self.letters if letter.box is None or letter.seen or hidden)
        return [line for line in _lines(chosen) if line]


def _readable(letters: list[Letter]) -> bool:
    unreadable = sum(not letter.readable for letter in letters)
    return bool(letters) and unreadable <= _UNREADABLE * len(letters)


def text_of(
    page: Untyped, content: PageContent, to_px: Matrix, size_px: tuple[int, int], most: int = MAX_PAGE_LETTERS
) -> PageText:
    """The text of a page that PDFium has open; what lies outside of the page is left out. Raises RefusedFile for more
    than `most` letters.
    """
    import pypdfium2.raw as pdfium

    textpage = page.get_textpage()
    try:
        count = pdfium.FPDFText_CountChars(textpage)
        if count > most:
            raise RefusedFile(
                "too_large",
                f"the page has {count} characters of text, and {most} may be on it",
                "ask for it in a request of its own, or send it as an image",
            )
        return PageText(tuple(_letters(pdfium, textpage, content, to_px, size_px)), content)
    finally:
        textpage.close()


def _letters(
    pdfium: Untyped, textpage: Untyped, content: PageContent, to_px: Matrix, size_px: tuple[int, int]
) -> Iterator[Letter]:
    half = 0
    for index in range(pdfium.FPDFText_CountChars(textpage)):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if 0xD800 <= code < 0xDC00:
            half = code
            continue
        if 0xDC00 <= code < 0xE000 and half:
            code = 0x10000 + ((half - 0xD800) << 10) + (code - 0xDC00)
        half = 0
        if code in (0x0A, 0x0D):
            yield Letter("\n", None, 0.0, seen=True, readable=True)
            continue
        if code != _HYPHEN_OF_PDFIUM and (chr(code).isspace() or pdfium.FPDFText_IsGenerated(textpage, index) == 1):
            yield Letter(" ", None, 0.0, seen=True, readable=True)
            continue
        box = _box(pdfium, textpage, index, to_px)
        if box is None or not _is_on_page(box, size_px):
            continue
        hidden = address(pdfium.FPDFText_GetTextObject(textpage, index)) in content.hidden
        unknown = pdfium.FPDFText_HasUnicodeMapError(textpage, index) == 1
        text = "-" if code == _HYPHEN_OF_PDFIUM else _plain(code)
        degrees = _degrees(pdfium, textpage, index, to_px)
        yield Letter(text, box, degrees, seen=not hidden, readable=not unknown and text != "\N{REPLACEMENT CHARACTER}")


def _plain(code: int) -> str:
    """The character; one that means nothing outside of its font is the replacement character."""
    private = 0xE000 <= code <= 0xF8FF or code >= 0xF0000
    return "\N{REPLACEMENT CHARACTER}" if code < 0x20 or private or 0xD800 <= code < 0xE000 else chr(code)


def _box(pdfium: Untyped, textpage: Untyped, index: int, to_px: Matrix) -> Box | None:
    place = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(textpage, index, place):
        return None
    (x0, y0), (x1, y1) = applied(to_px, place.left, place.top), applied(to_px, place.right, place.bottom)
    box = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    return box if all(map(math.isfinite, box)) else None


def _is_on_page(box: Box, size_px: tuple[int, int]) -> bool:
    return 0 <= (box[0] + box[2]) / 2 <= size_px[0] and 0 <= (box[1] + box[3]) / 2 <= size_px[1]


def _degrees(pdfium: Untyped, textpage: Untyped, index: int, to_px: Matrix) -> float:
    """How far the direction of reading is turned on the drawn page, clockwise."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(textpage, index, matrix):
        return 0.0
    a, b, c, d, _, _ = to_px
    return math.degrees(math.atan2(b * matrix.a + d * matrix.b, a * matrix.a + c * matrix.b))


def _lines(letters: Iterable[Letter]) -> Iterator[list[list[Letter]]]:
    line: list[list[Letter]] = []
    word: list[Letter] = []
    for letter in letters:
        if letter.box is not None:
            word.append(letter)
            continue
        if word:
            line.append(word)
            word = []
        if letter.text == "\n" and line:
            yield line
            line = []
    if word:
        line.append(word)
    if line:
        yield line


def _around(letters: Iterable[Letter]) -> Box:
    boxes = [letter.box for letter in letters if letter.box is not None]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def lines_message(lines: list[list[list[Letter]]]) -> list[dict[str, Any]]:
    """The lines as JSON has them: of each its corners, its block and its words, each with its corners and letters.
    Corners are in the order in which the text reads, from its top-left one, clockwise.
    """
    told: list[dict[str, Any]] = []
    block, before = 0, None
    for line in lines:
        box, degrees = _around(letter for word in line for letter in word), line[0][0].degrees
        if before is not None and not _continues(before, box):
            block += 1
        before = box
        words = [
            {
                "text": "".join(letter.text for letter in word),
                "corners": _corners(_around(word), degrees),
                "letters": [(letter.text, letter.box) for letter in word],
            }
            for word in line
        ]
        told.append({"corners": _corners(box, degrees), "block": block, "words": words})
    return told


def _continues(before: Box, box: Box) -> bool:
    """Whether a line stands right below the last one, or beside it."""
    height = min(before[3] - before[1], box[3] - box[1])
    below = -0.5 * height <= box[1] - before[1] and box[1] - before[3] <= _GAP_BETWEEN_BLOCKS * height
    return below and box[0] <= before[2] and before[0] <= box[2]


def _corners(box: Box, degrees: float) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    turns = round(degrees / 90) % 4  # of a quarter, clockwise
    return [*corners[turns:], *corners[:turns]]
