"""A font for text that is only selected and searched: each of its letters is the same box, half as wide as high.

The letters are numbered as they come up, and a table in the file (ToUnicode) says which character each number is, so
any script can be written.
"""

from __future__ import annotations

import io
import zlib
from functools import cache

import pikepdf

EM = 1000  # units of the font; a letter is half as wide


def invisible_font(pdf: pikepdf.Pdf, to_unicode: bytes) -> pikepdf.Object:
    """The font, in `pdf`, with a table of characters (a CMap; PDF 32000-1, 9.10.3)."""
    name = pikepdf.Name("/Invisible")
    file = _font_file()
    descriptor = pikepdf.Dictionary(
        Type=pikepdf.Name.FontDescriptor,
        FontName=name,
        Flags=5,
        FontBBox=[0, 0, EM // 2, EM],
        ItalicAngle=0,
        Ascent=EM,
        Descent=0,
        CapHeight=EM,
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
        DW=EM // 2,
        CIDToGIDMap=to_letter,
    )
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type0,
        BaseFont=name,
        Encoding=pikepdf.Name("/Identity-H"),
        DescendantFonts=pikepdf.Array([pdf.make_indirect(descendant)]),
        ToUnicode=pikepdf.Stream(pdf, to_unicode),
    )
    return pdf.make_indirect(font)


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
    for corner in ((0, EM), (EM // 2, EM), (EM // 2, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(EM, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({0x20: "box"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "box": pen.glyph()})
    font.setupHorizontalMetrics(dict.fromkeys(names, (EM // 2, 0)))
    font.setupHorizontalHeader(ascent=EM, descent=0)
    font.setupNameTable({"familyName": "Invisible", "styleName": "Regular", "psName": "Invisible"})
    font.setupOS2(sTypoAscender=EM, usWinAscent=EM)
    font.setupPost()
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
