"""PDF: the picture of each page, and over it its words as invisible text, each in its place.

A word is set in a font whose every letter is the same box, half as wide as high, and stretched over the word's polygon;
so what is selected or searched lies where it is seen, also on pages that lie on their side. The font's letters are
numbered as they come up, and a table in the file says which character each number is, so any script can be written.
Sizes in the file are points, 72 an inch.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from functools import cache

import pikepdf

from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage, PagePicture, Points
from ocr.contract import DocumentAnswer, LineAnswer, TextAnswer

_POINTS_AN_INCH = 72.0
_EM = 1000  # units of the font; a letter is half as wide
_MOST_LETTERS = 0xFFFE
_COLOUR_SPACES = {"1": ("/DeviceGray", 1, 1), "L": ("/DeviceGray", 8, 1), "RGB": ("/DeviceRGB", 8, 3)}


class Letters:
    """The characters of a document and the number of each in its font, from 1."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encoded(self, text: str) -> str:
        """`text` as a string of the page's content, two bytes a character, in hexadecimal."""
        numbers = (self._numbers.setdefault(letter, len(self._numbers) + 1) for letter in text)
        return f"<{''.join(f'{min(number, _MOST_LETTERS):04X}' for number in numbers)}>"

    def to_unicode(self) -> bytes:
        """The table that says which character each number is (a CMap; PDF 32000-1, 9.10.3)."""
        entries = [
            f"<{number:04X}> <{letter.encode('utf-16-be', 'surrogatepass').hex()}>"
            for letter, number in self._numbers.items()
            if number <= _MOST_LETTERS
        ]
        return "\n".join([*_CMAP_HEAD, *_in_hundreds(entries), *_CMAP_FOOT]).encode()


def write(_: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
    letters = Letters()
    with pikepdf.new() as pdf:
        font = pdf.make_indirect(pikepdf.Dictionary())
        for page in pages:
            _add_page(pdf, page, font, letters)
        _fill_font(pdf, font, letters)
        file = io.BytesIO()
        pdf.save(file, deterministic_id=True)
    return OutputFile(file.getvalue(), FORMAT.media_type)


def _add_page(pdf: pikepdf.Pdf, page: OutputPage, font: pikepdf.Object, letters: Letters) -> None:
    assert page.picture is not None
    picture = page.picture
    x_scale, y_scale = (_POINTS_AN_INCH / dpi for dpi in picture.dpi)
    width, height = picture.width_px * x_scale, picture.height_px * y_scale
    pdf_page = pdf.add_blank_page(page_size=(width, height))
    pdf_page.obj.Resources = pikepdf.Dictionary(
        XObject=pikepdf.Dictionary(Page=_image(pdf, picture)), Font=pikepdf.Dictionary(F=font)
    )
    drawn = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Page Do Q"
    # 3 Tr: neither filled nor stroked. The words are in pixels from the top; the page counts points from the bottom.
    words = "\n".join(_words(page, letters))
    text = f"q {x_scale:.6f} 0 0 {-y_scale:.6f} 0 {height:.3f} cm BT 3 Tr /F 1 Tf\n{words}\nET Q"
    pdf_page.obj.Contents = pdf.make_stream(f"{drawn}\n{text}\n".encode())


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


def _words(page: OutputPage, letters: Letters) -> Iterator[str]:
    for line in page.answer.lines:
        yield from _line(line, letters)


def _line(line: LineAnswer, letters: Letters) -> Iterator[str]:
    """The words of a line, each but the last with a space behind it; readers differ in how they guess spaces."""
    last = len(line.words) - 1
    for index, (word, place) in enumerate(zip(line.words, _places(line), strict=True)):
        yield _set(letters, word.text, place, behind="" if index == last else " ")


def _places(line: LineAnswer) -> list[Points]:
    """Where each word lies; one without a place of its own gets its share of the line."""
    total = sum(len(word.text) + 1 for word in line.words)
    places: list[Points] = []
    start = 0
    for word in line.words:
        end = start + len(word.text)
        places.append(word.polygon or _slice(line.polygon, start / total, end / total))
        start = end + 1
    return places


def _slice(polygon: Points, start: float, end: float) -> Points:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = polygon

    def along(fraction: float, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float]:
        return x0 + (x1 - x0) * fraction, y0 + (y1 - y0) * fraction

    return (
        along(start, ax, ay, bx, by),
        along(end, ax, ay, bx, by),
        along(end, dx, dy, cx, cy),
        along(start, dx, dy, cx, cy),
    )


def _set(letters: Letters, text: str, place: Points, *, behind: str) -> str:
    """Operators that stretch `text` over `place`, whose corners are in the order in which it reads; then `behind`."""
    (left, top), _, (right, bottom), (x, y) = place[0], place[1], place[2], place[3]
    ems = len(text) / 2  # a letter is half an em wide
    across = ((right - x) / ems or 1e-3, (bottom - y) / ems)
    up = (left - x, top - y) if (left, top) != (x, y) else (0.0, -1.0)
    matrix = " ".join(f"{value:.3f}" for value in (*across, *up, x, y))
    return f"{matrix} Tm {letters.encoded(text + behind)} Tj"


def _fill_font(pdf: pikepdf.Pdf, font: pikepdf.Object, letters: Letters) -> None:
    name = pikepdf.Name("/Invisible")
    file = _font_file()
    descriptor = pikepdf.Dictionary(
        Type=pikepdf.Name.FontDescriptor,
        FontName=name,
        Flags=5,
        FontBBox=[0, 0, _EM // 2, _EM],
        ItalicAngle=0,
        Ascent=_EM,
        Descent=0,
        CapHeight=_EM,
        StemV=80,
        FontFile2=pikepdf.Stream(pdf, file, Length1=len(file)),
    )
    # Every number is drawn as the only letter that the font has.
    to_letter = pikepdf.Stream(pdf, zlib.compress(b"\x00\x01" * 0x10000), Filter=pikepdf.Name.FlateDecode)
    descendant = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.CIDFontType2,
        BaseFont=name,
        CIDSystemInfo=pikepdf.Dictionary(
            Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0
        ),
        FontDescriptor=pdf.make_indirect(descriptor),
        DW=_EM // 2,
        CIDToGIDMap=to_letter,
    )
    font.Type = pikepdf.Name.Font
    font.Subtype = pikepdf.Name.Type0
    font.BaseFont = name
    font.Encoding = pikepdf.Name("/Identity-H")
    font.DescendantFonts = pikepdf.Array([pdf.make_indirect(descendant)])
    font.ToUnicode = pikepdf.Stream(pdf, letters.to_unicode())


@cache
def _font_file() -> bytes:
    """A TrueType font of two letters: an empty one for what is missing, and a full box for everything.

    Text without extent is no text to PDFium when it runs upwards, so the box is not left empty.
    """
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = [".notdef", "box"]
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, _EM), (_EM // 2, _EM), (_EM // 2, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(_EM, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({0x20: "box"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "box": pen.glyph()})
    font.setupHorizontalMetrics(dict.fromkeys(names, (_EM // 2, 0)))
    font.setupHorizontalHeader(ascent=_EM, descent=0)
    font.setupNameTable({"familyName": "Invisible", "styleName": "Regular", "psName": "Invisible"})
    font.setupOS2(sTypoAscender=_EM, usWinAscent=_EM)
    font.setupPost()
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


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


FORMAT = OutputFormat("pdf", "application/pdf", write, needs_picture=True)
