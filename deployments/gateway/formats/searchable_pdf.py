"""PDF: the words of each page as invisible text, each in its place.

A PDF stays as it is and gets a layer of text (`text_layers`); any other file becomes a PDF of its pictures, and a page
that lies on its side is shown upright (/Rotate), its picture as it was. A word is set in a font whose every letter is
the same box, half as wide as high, and stretched over the word's polygon; so what is selected or searched lies where it
is seen. Sizes in the file are points, 72 an inch, or units of the page's own.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pikepdf
import regex
from numpy.typing import NDArray

from deployments.gateway.formats.output_format import (
    DocumentHead,
    OutputFormat,
    OutputPage,
    PageByPage,
    PagePicture,
    Points,
    TextLayer,
    TextLayers,
    part_of,
    word_places,
)
from ocr.contract import LineAnswer
from ocr.geometry import bounds
from ocr.page_geometry import LEVEL_DEGREES, direction_degrees, quarter_turns
from ocr.text.bidirectional import runs_leftwards, with_turned_runs
from segmentation.files.pdf.invisible_font import invisible_font
from segmentation.files.pdf.text_layer import FONT_NAME
from segmentation.files.pdf.untyped import Untyped

Boxes = NDArray[np.float64]
"""(N, 4): left, top, right and bottom of each. A page may have tens of thousands."""

_POINTS_AN_INCH = 72.0
_SMALLEST_PAGE, _LARGEST_PAGE = 3.0, 14_400.0  # points (PDF 32000-1, annex C)
_ROOM = 0.2  # of the height of a word, from its end to the next one
_ON_ITS_SIDE = 0.9  # of a page's characters, so that it is shown turned
_MOST_LETTERS = 0xFFFE
_COLOUR_SPACES = {"1": ("/DeviceGray", 1, 1), "L": ("/DeviceGray", 8, 1), "RGB": ("/DeviceRGB", 8, 3)}


class Letters:
    """The characters of a document and the number of each in its font, from 1. A letter with its combining marks is one
    character, so that it is found and copied as one.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encoded(self, text: str) -> str:
        """`text` as a string of the page's content, two bytes a character, in hexadecimal."""
        numbers = (self._numbers.setdefault(letter, len(self._numbers) + 1) for letter in graphemes(text))
        return f"<{''.join(f'{min(number, _MOST_LETTERS):04X}' for number in numbers)}>"

    def to_unicode(self) -> str:
        """The table that says which character each number is (a CMap; PDF 32000-1, 9.10.3)."""
        entries = [
            f"<{number:04X}> <{_known(letter).encode('utf-16-be').hex()}>"
            for letter, number in self._numbers.items()
            if number <= _MOST_LETTERS
        ]
        return "\n".join([*_CMAP_HEAD, *_in_hundreds(entries), *_CMAP_FOOT])


def _known(letter: str) -> str:
    """Half characters and those that PDF/A forbids (ISO 19005-2, 6.2.11.7.2) are written as unknown ones."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if part in "\0\ufeff\ufffe" or 0xD800 <= ord(part) < 0xE000 else part
        for part in letter
    )


def graphemes(text: str) -> list[str]:
    """Its letters, each with its combining marks."""
    return list(text) if text.isascii() else regex.findall(r"\X", text)


def as_seen(text: str) -> str:
    """A word that runs leftwards, in the order in which its letters stand from left to right. Readers of a PDF turn it
    back.
    """
    turned = graphemes(text)[::-1]
    return "".join(with_turned_runs(turned, turned))


def _parts(_: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    """A PDF of pictures, all in one part: what is at its end names all before it."""
    letters = Letters()
    with pikepdf.new() as pdf:
        layers = [_add_page(pdf, page, letters) for page in pages]
        font = invisible_font(pdf, letters.to_unicode().encode())
        for resources in layers:
            resources.Font = pikepdf.Dictionary({FONT_NAME: font})
        file = io.BytesIO()
        pdf.save(file, deterministic_id=True)
    yield file.getvalue()


def text_layers(pages: Iterable[OutputPage]) -> TextLayers:
    """The layers of those pages of a PDF that were read. Where text is seen on a page, none is added."""
    letters = Letters()
    layers: list[TextLayer] = []
    for page in pages:
        assert page.pdf is not None
        if page.pdf.source == "existing":
            continue
        operators = _layer(_words(page, letters, page.pdf.seen_boxes), page.pdf.to_units)
        if operators or page.pdf.has_hidden:
            layers.append(TextLayer(page.number, operators, page.pdf.has_hidden))
    return TextLayers(tuple(layers), letters.to_unicode())


def _layer(words: Iterator[str], matrix: Sequence[float]) -> str:
    """Operators that show `words`, which are in pixels from the top, as `matrix` puts them on the page."""
    shown = "\n".join(words)
    # 3 Tr: neither filled nor stroked.
    cm = " ".join(f"{value:.6f}" for value in matrix)
    return f"q {cm} cm BT 3 Tr {FONT_NAME} 1 Tf\n{shown}\nET Q" if shown else ""


def _add_page(pdf: pikepdf.Pdf, page: OutputPage, letters: Letters) -> Untyped:
    """Add the picture of the page and its words. Returns the resources of the page, in which the font is missing."""
    assert page.picture is not None
    picture = page.picture
    width, height = (
        min(max(pixels * _POINTS_AN_INCH / dpi, _SMALLEST_PAGE), _LARGEST_PAGE)
        for pixels, dpi in zip((picture.width_px, picture.height_px), picture.dpi, strict=True)
    )
    x_scale, y_scale = width / picture.width_px, height / picture.height_px
    pdf_page = pdf.add_blank_page(page_size=(width, height))
    pdf_page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Page=_image(pdf, picture)))
    drawn = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Page Do Q"
    text = _layer(_words(page, letters), (x_scale, 0.0, 0.0, -y_scale, 0.0, height))
    pdf_page.obj.Contents = pdf.make_stream(f"{drawn}\n{text}\n".encode())
    needed, share = quarter_turns([line for line in page.answer.lines if page.words_of(line)])
    if needed and share >= _ON_ITS_SIDE:
        pdf_page.obj.Rotate = needed
    return pdf_page.obj.Resources


def _image(pdf: pikepdf.Pdf, picture: PagePicture) -> pikepdf.Stream:
    """The picture as it is: a JPEG file is DCTDecode of PDF, the pixels of a PNG are FlateDecode with a predictor."""
    space, bits, colours = _COLOUR_SPACES[picture.mode]
    image = pikepdf.Stream(
        pdf,
        picture.content if picture.kind == "jpeg" else b"".join(_png_data(picture.content)),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=picture.width_px,
        Height=picture.height_px,
        ColorSpace=pikepdf.Name(space),
        BitsPerComponent=bits,
        Filter=pikepdf.Name.DCTDecode if picture.kind == "jpeg" else pikepdf.Name.FlateDecode,
    )
    if picture.kind == "png":
        image.DecodeParms = pikepdf.Dictionary(
            Predictor=15, Colors=colours, BitsPerComponent=bits, Columns=picture.width_px
        )
    return image


def _png_data(file: bytes) -> Iterator[bytes]:
    """The compressed pixels of a PNG file (https://www.w3.org/TR/png/#5Chunk-layout)."""
    at = 8
    while at + 8 <= len(file):
        length = int.from_bytes(file[at : at + 4], "big")
        if file[at + 4 : at + 8] == b"IDAT":
            yield file[at + 8 : at + 8 + length]
        at += 12 + length


def _words(page: OutputPage, letters: Letters, taken: Sequence[Sequence[float]] = ()) -> Iterator[str]:
    """The words but for those in the boxes that are taken."""
    boxes = np.array(taken, np.float64).reshape(-1, 4)
    for line in page.answer.lines:
        if page.words_of(line):
            yield from _line(line, letters, boxes)


def _line(line: LineAnswer, letters: Letters, taken: Boxes) -> Iterator[str]:
    """The words of a line, each but the last with a space behind it; readers differ in how they guess spaces."""
    last = len(line.words) - 1
    places = _apart([_along_quarter(place) for place in word_places(line)])
    for index, (word, place) in enumerate(zip(line.words, places, strict=True)):
        if not _is_taken(place, taken):
            yield _set(letters, word.text, place, behind="" if index == last else " ")


def _along_quarter(place: Points) -> Points:
    """The place of a word that runs within 2 degrees of a quarter turn, exactly along it: readers take words, or
    letters, that are a little off for lines of their own.
    """
    angle = direction_degrees(place)
    turns = round(angle / 90.0)
    if turns == 0 or abs(angle - 90.0 * turns) > LEVEL_DEGREES:
        return place
    left, top, right, bottom = bounds(place)
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))  # of text that runs upwards
    start = 1 + turns
    return [corners[(start + at) % 4] for at in range(4)]


def _apart(places: Sequence[Points]) -> list[Points]:
    """The places with room between one and the next, a fifth of their height at least: readers take words that are
    closer for one.
    """
    parted = list(places)
    for index, (place, following) in enumerate(pairwise(places)):
        if len(place) == 4:
            parted[index] = _cut_before(place, following)
    return parted


def _cut_before(place: Points, following: Points) -> Points:
    """A word's place, cut where it comes too close to the next word; it keeps half of its length."""
    (x0, y0), (x1, y1) = place[0], place[1]
    length, height = math.dist(place[0], place[1]), math.dist(place[0], place[3])
    if length <= 0.0:
        return place
    begin = min(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length for x, y in (following[0], following[3]))
    if begin < 0.0 or begin - length >= _ROOM * height:  # of a row below, or far enough
        return place
    kept = max(0.5, (begin - _ROOM * height) / length)
    return part_of(place, 0.0, min(1.0, kept))


def _is_taken(place: Points, taken: Boxes) -> bool:
    x, y = sum(corner[0] for corner in place) / len(place), sum(corner[1] for corner in place) / len(place)
    left, top, right, bottom = taken.T
    return bool(np.any((left <= x) & (x <= right) & (top <= y) & (y <= bottom)))


def _set(letters: Letters, text: str, place: Points, *, behind: str) -> str:
    """Operators that stretch `text` over `place`, whose corners are in the order in which it reads; then `behind`."""
    (left, top), _, (right, bottom), (x, y) = place[0], place[1], place[2], place[3]
    ems = len(graphemes(text)) / 2  # a letter is half an em wide
    across = ((right - x) / ems, (bottom - y) / ems) if (right, bottom) != (x, y) else (1e-3, 0.0)
    up = (left - x, top - y) if (left, top) != (x, y) else (0.0, -1.0)
    matrix = " ".join(f"{value:.3f}" for value in (*across, *up, x, y))
    shown = as_seen(text) if runs_leftwards(text) else text + behind
    return f"{matrix} Tm {letters.encoded(shown)} Tj"


_CMAP_HEAD = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
    "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
    "1 begincodespacerange <0000> <FFFF> endcodespacerange",
)
_CMAP_FOOT = ("endcmap CMapName currentdict /CMap defineresource pop end end",)


def _in_hundreds(entries: Sequence[str]) -> Iterator[str]:
    """A section of the table holds at most a hundred entries."""
    for start in range(0, len(entries), 100):
        section = entries[start : start + 100]
        yield "\n".join([f"{len(section)} beginbfchar", *section, "endbfchar"])


_BY_PAGE = PageByPage("application/pdf", _parts)
FORMAT = OutputFormat(
    "pdf", "application/pdf", _BY_PAGE.whole, needs_picture=True, by_page=_BY_PAGE, text_layers=text_layers
)
