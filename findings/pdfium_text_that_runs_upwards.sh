#!/usr/bin/env bash
# pypdfium2 5.15.2: PDFium does not find invisible text that runs up or down a page when its font has empty letters. The
# same text is found when it runs to the right or to the left, and other readers find all of it.
#
# A text layer under a scan needs no letters to be drawn, so an empty glyph is the obvious font for it. PDFium leaves
# out a piece of text whose box is narrower than a hundredth of a point: text that runs to the right is as wide as its
# advances, but upwards its width is the height of its glyphs, which is nothing. So the table that lies on its side in
# a scan cannot be searched where PDFium shows it, as in Chromium, though a check with another reader finds every
# word. With a box as its only glyph, which nobody sees either, all four directions are found.
#
# Seen on 2026-11-30 with pypdfium2 5.15.2, pypdf 7.1.0, pdfminer.six 20260107, Python 3.11:
#   empty glyph, PDFium finds: left, right
#   empty glyph, pypdf finds: down, left, right, up
#   empty glyph, pdfminer finds: down, left, right, up
#   box as glyph, PDFium finds: down, left, right, up
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pypdfium2==5.15.2 pypdf==7.1.0 pdfminer.six==20260107 pikepdf==10.18.0 fonttools==4.68.0
cat > "$folder/try.py" <<'PYTHON'
import io
import logging

import pdfminer.high_level
import pdfminer.layout
import pikepdf
import pypdf
import pypdfium2
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pikepdf import Dictionary, Name

logging.disable(logging.WARNING)
DIRECTIONS = {"right": "1 0 0 1 100 500", "up": "0 1 -1 0 100 100", "left": "-1 0 0 -1 400 400", "down": "0 -1 1 0 500 400"}
TO_UNICODE = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Adobe-Identity-UCS def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
1 beginbfrange <0000> <00FF> <0000> endbfrange
endcmap end end"""


def font_file(has_box):
    """A font of one letter, half an em wide."""
    empty, letter = TTGlyphPen(None), TTGlyphPen(None)
    if has_box:
        letter.moveTo((0, -200))
        for corner in ((0, 800), (500, 800), (500, -200)):
            letter.lineTo(corner)
        letter.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "letter"])
    font.setupCharacterMap({0x20: "letter"})
    font.setupGlyf({".notdef": empty.glyph(), "letter": letter.glyph()})
    font.setupHorizontalMetrics({".notdef": (500, 0), "letter": (500, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Letters", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def document(has_box):
    """A page with one invisible word in each direction."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(600, 600))
    descriptor = Dictionary(Type=Name.FontDescriptor, FontName=Name.Letters, Flags=4, FontBBox=[0, -200, 500, 800])
    descriptor.update({"/ItalicAngle": 0, "/Ascent": 800, "/Descent": -200, "/CapHeight": 800, "/StemV": 80})
    descriptor.FontFile2 = pdf.make_stream(font_file(has_box))
    system = Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0)
    letters = Dictionary(Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.Letters, CIDSystemInfo=system, DW=500)
    letters.FontDescriptor = pdf.make_indirect(descriptor)
    letters.CIDToGIDMap = pdf.make_stream(b"\0\1" * 65536)
    font = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Letters, Encoding=Name("/Identity-H"))
    font.DescendantFonts = [pdf.make_indirect(letters)]
    font.ToUnicode = pdf.make_stream(TO_UNICODE)
    page.Resources = Dictionary(Font=Dictionary(F1=pdf.make_indirect(font)))
    words = ((matrix, word.encode("utf-16-be").hex()) for word, matrix in DIRECTIONS.items())
    content = "\n".join(f"BT 3 Tr /F1 12 Tf {matrix} Tm <{word}> Tj ET" for matrix, word in words)
    page.Contents = pdf.make_stream(content.encode())
    file = io.BytesIO()
    pdf.save(file)
    return file.getvalue()


def pdfium(file):
    return pypdfium2.PdfDocument(file)[0].get_textpage().get_text_range()


def pdfminer_six(file):
    # It gives letters of a word that runs upwards each a row of its own.
    return pdfminer.high_level.extract_text(io.BytesIO(file), laparams=pdfminer.layout.LAParams(detect_vertical=True))


def found(text):
    joined = "".join(text.split())
    return ", ".join(sorted(word for word in DIRECTIONS if word in joined))


empty, box = document(has_box=False), document(has_box=True)
print("empty glyph, PDFium finds:", found(pdfium(empty)))
print("empty glyph, pypdf finds:", found(pypdf.PdfReader(io.BytesIO(empty)).pages[0].extract_text()))
print("empty glyph, pdfminer finds:", found(pdfminer_six(empty)))
print("box as glyph, PDFium finds:", found(pdfium(box)))
PYTHON
"$folder/env/bin/python" "$folder/try.py" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
