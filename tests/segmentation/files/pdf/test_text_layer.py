"""A layer of text on a PDF: everything else stays, words lie where they are seen, a layer of an earlier OCR goes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pypdfium2
import pytest

from deployments.gateway.formats import OutputPage, PdfPageText, format_named
from segmentation.files.pdf.pdf_pages import PdfPages
from segmentation.files.pdf.text_layer import with_layers
from segmentation.files.rendered_page import RefusedFile, RenderRequest
from tests.fakes.answers import box, line, page_of
from tests.fakes.files import add_scan_page, add_text_page, locked_pdf, pdf, picture, saved

A4 = (595.0, 842.0)


def searchable(file: bytes, *words: tuple[str, tuple[float, float, float, float]], choice: str = "use") -> bytes:
    """The PDF after each page that is read was found to say `words`, whose boxes are parts of the page."""
    request = RenderRequest(None, None, choice, 100, 20_000_000, True, False, 60.0, 400.0, 6.0)
    pages, read = PdfPages(file, request), []
    for number in range(1, pages.count + 1):
        page = pages.page(number)
        sides = (page.width, page.height) * 2
        lines = []
        for text, part in words:
            place = box(*(side * share for side, share in zip(sides, part, strict=True)))
            lines.append(line([(text, place)], place))
        answer = page_of(*lines, width=page.width, height=page.height)
        read.append(OutputPage(number, answer, pdf=PdfPageText(**page.text)))
    text_layers = format_named("pdf").text_layers
    assert text_layers is not None
    layers = text_layers(read)
    told = [
        {"number": each.number, "operators": each.operators, "replaces_hidden": each.replaces_hidden}
        for each in layers.layers
    ]
    return with_layers(file, layers.to_unicode, told) if told else file


HELLO = ("Hello", (0.25, 0.5, 0.5, 0.55))


def text_of(file: bytes, page: int = 0) -> str:
    with pypdfium2.PdfDocument(file) as document:
        return " ".join(document[page].get_textpage().get_text_range().split())


def scanned(*, pages: int = 1, size: tuple[float, float] = A4) -> pikepdf.Pdf:
    document = pikepdf.new()
    for number in range(1, pages + 1):
        add_scan_page(document, picture(620, 877, "L", mark=number), size)
    return document


def test_only_text_is_added_and_everything_else_stays_as_it_was() -> None:
    file = io.BytesIO()
    sheet = picture(1240, 1754, "1", mark=9)
    sheet.save(file, "PDF", resolution=150, save_all=True, append_images=[sheet])
    with pikepdf.open(file) as document:
        link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[9, 9, 99, 99])
        document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(link)])
        with document.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("Second page", 1))
        with document.open_metadata() as metadata:
            metadata["dc:title"] = "The book"
        document.Root.PageLabels = pikepdf.Dictionary(Nums=[0, pikepdf.Dictionary(S=pikepdf.Name.r)])
        document.attachments["notes.txt"] = b"kept"
        before = saved(document)
    after = searchable(before, HELLO)
    with pikepdf.open(io.BytesIO(before)) as old, pikepdf.open(io.BytesIO(after)) as new:
        for was, is_ in zip(old.pages, new.pages, strict=True):
            [(name, image)] = was.obj.Resources.XObject.items()
            kept = is_.obj.Resources.XObject[name]
            assert kept.read_raw_bytes() == image.read_raw_bytes()
            assert repr(kept.Filter) == repr(image.Filter)
            assert "CCITTFaxDecode" in repr(kept.Filter)
            assert is_.obj.MediaBox == was.obj.MediaBox
        assert new.pages[0].obj.Annots[0].Subtype == pikepdf.Name.Link
        assert new.pages[1].label == "ii"
        with new.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Second page"]
        with new.open_metadata() as metadata:
            assert metadata["dc:title"] == "The book"
        assert new.attachments["notes.txt"].get_file().read_bytes() == b"kept"
    assert text_of(after, 0) == text_of(after, 1) == "Hello"
    assert drawn(after) == drawn(before)


def drawn(file: bytes) -> list[bytes]:
    with pypdfium2.PdfDocument(file) as document:
        return [page.render(scale=0.5).to_pil().tobytes() for page in document]


def place_of(file: bytes) -> tuple[float, ...]:
    """Left, top, right and bottom of the word on the page as it is shown, as parts of it."""
    with pypdfium2.PdfDocument(file) as document:
        page = document[0]
        text = page.get_textpage()
        boxes = [text.get_charbox(index, loose=True) for index in range(len("Hello"))]
        corners = [(x, y) for left, bottom, right, top in boxes for x, y in ((left, bottom), (right, top))]
        shown = [shown_at(page, x, y) for x, y in corners]
    xs, ys = zip(*shown, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def shown_at(page: Any, x: float, y: float) -> tuple[float, float]:
    import ctypes

    import pypdfium2.raw as pdfium

    column, row = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, 10_000, 10_000, 0, x, y, column, row)
    return column.value / 10_000, row.value / 10_000


def turned(degrees: int) -> Callable[[pikepdf.Page], None]:
    def change(page: pikepdf.Page) -> None:
        page.obj.Rotate = degrees

    return change


def cropped(page: pikepdf.Page) -> None:
    page.obj.CropBox = pikepdf.Array([100, 200, 400, 700])
    page.obj.Rotate = 90


def in_other_units(page: pikepdf.Page) -> None:
    page.obj.UserUnit = 4


def off_centre(page: pikepdf.Page) -> None:
    page.obj.MediaBox = pikepdf.Array([-100, -50, 495, 792])


def leaves_a_state(page: pikepdf.Page) -> None:
    page.contents_add(b"q 0.1 0 0 0.1 300 300 cm 5 Tr 3 0 0 3 9 9 cm")


def inherits(page: pikepdf.Page) -> None:
    page.obj.Parent.Resources = page.obj.Resources
    del page.obj.Resources


@pytest.mark.parametrize(
    "change",
    [turned(0), turned(90), turned(180), turned(270), cropped, in_other_units, off_centre, leaves_a_state, inherits],
    ids=["upright", "90", "180", "270", "cropped", "units", "off centre", "state", "inherits"],
)
def test_words_lie_where_they_are_seen(change: Callable[[pikepdf.Page], None]) -> None:
    with scanned() as document:
        change(document.pages[0])
        before = saved(document)
    after = searchable(before, HELLO)
    assert text_of(after) == "Hello"
    assert place_of(after) == pytest.approx(HELLO[1], abs=0.004)
    assert drawn(after) == drawn(before)


def test_a_page_that_says_all_by_itself_is_left_as_it_is_byte_for_byte() -> None:
    with pikepdf.new() as document:
        add_text_page(document, ["Real text"], 12)
        file = saved(document)
    assert searchable(file, HELLO) == file
    assert text_of(searchable(file, HELLO, choice="redo")) == "Hello Real text"


def test_where_text_is_seen_none_is_added() -> None:
    with scanned() as document:
        page = document.pages[0]
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources.Font = pikepdf.Dictionary(F1=font)
        page.contents_add(b"BT /F1 20 Tf 1 0 0 1 100 800 Tm (Stamp) Tj ET")
        file = saved(document)
    stamp = ("Stnap", (100 / 595, 22 / 842, 160 / 595, 46 / 842))
    assert text_of(searchable(file, stamp, HELLO)) == "Hello Stamp"
    assert text_of(searchable(file, stamp, HELLO, choice="redo")) == "Stnap Hello Stamp"


def old_layer(page: pikepdf.Page, document: pikepdf.Pdf, mode: int) -> bytes:
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page.obj.Resources.Font = pikepdf.Dictionary(Old=document.make_indirect(font))
    return b"q BT %d Tr /Old 12 Tf 1 0 0 1 72 700 Tm (misread) Tj 0 -20 Td [(mis) -20 (read)] TJ ET Q" % mode


def over_the_scan(page: pikepdf.Page, document: pikepdf.Pdf) -> None:
    page.contents_add(old_layer(page, document, 3))


def under_the_scan(page: pikepdf.Page, document: pikepdf.Pdf) -> None:
    page.contents_add(old_layer(page, document, 0), prepend=True)


def in_a_form(page: pikepdf.Page, document: pikepdf.Pdf) -> None:
    form = document.make_stream(old_layer(page, document, 3))
    form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    form.BBox, form.Resources = pikepdf.Array([0, 0, *A4]), pikepdf.Dictionary(Font=page.obj.Resources.Font)
    del page.obj.Resources.Font
    page.obj.Resources.XObject.Layer = form
    page.contents_add(b"q 1 0 0 1 0 0 cm /Layer Do Q")


def of_ours(page: pikepdf.Page, document: pikepdf.Pdf) -> None:
    with pikepdf.open(io.BytesIO(searchable(saved(document), ("misread", (0.1, 0.1, 0.2, 0.2))))) as made:
        page.obj.Contents = document.make_stream(b"\n".join(part.read_bytes() for part in made.pages[0].obj.Contents))
        page.obj.Resources = document.copy_foreign(made.make_indirect(made.pages[0].obj.Resources))


@pytest.mark.parametrize("add", [over_the_scan, under_the_scan, in_a_form, of_ours], ids=lambda add: add.__name__)
def test_the_layer_of_an_earlier_ocr_is_replaced(add: Callable[[pikepdf.Page, pikepdf.Pdf], None]) -> None:
    with scanned() as document:
        add(document.pages[0], document)
        before = saved(document)
    assert "misread" in text_of(before).replace(" ", "")
    after = searchable(before, HELLO)
    assert text_of(after) == "Hello"
    assert drawn(after) == drawn(before)
    assert b"/Old" not in after


def test_text_that_is_seen_beside_a_hidden_layer_stays() -> None:
    with scanned() as document:
        page = document.pages[0]
        page.contents_add(old_layer(page, document, 3) + b" BT /Old 9 Tf 1 0 0 1 9 9 Tm (seen) Tj ET")
        file = saved(document)
    assert text_of(searchable(file, HELLO)) == "Hello seen"


@pytest.mark.parametrize("hidden", [b"(misread) '", b'3 1 (misread) "'], ids=["next line", "next line, spaced"])
def test_text_that_is_seen_stays_where_it_stood_when_hidden_text_before_it_goes(hidden: bytes) -> None:
    """The operators ' and " move to the next line before they show text, and " sets how it is spaced."""
    with scanned() as document:
        page = document.pages[0]
        old_layer(page, document, 3)
        lines = b"BT /Old 12 Tf 14 TL 1 0 0 1 72 700 Tm 3 Tr " + hidden + b" 0 Tr (seen here) ' ET"
        page.contents_add(lines)
        before = saved(document)
    after = searchable(before, HELLO)
    assert "misread" not in text_of(after).replace(" ", "")
    assert box_of(after, "seen here") == pytest.approx(box_of(before, "seen here"), abs=0.01)


def box_of(file: bytes, words: str) -> tuple[float, ...]:
    """The box of the words in points, from the first letter to the last."""
    with pypdfium2.PdfDocument(file) as document:
        letters = document[0].get_textpage()
        found = letters.search(words).get_next()
        assert found is not None
        start, count = found
        first, last = letters.get_charbox(start), letters.get_charbox(start + count - 1)
        return (*first[:2], *last[2:])


def test_a_page_that_is_not_read_keeps_the_form_that_it_shares() -> None:
    with scanned(pages=2) as document:
        in_a_form(document.pages[0], document)
        second = document.pages[1]
        second.obj.Resources.XObject.Layer = document.pages[0].obj.Resources.XObject.Layer
        second.contents_add(b"/Layer Do")
        file = saved(document)
    layers = [{"number": 1, "operators": "", "replaces_hidden": True}]
    after = with_layers(file, "", layers)
    assert (text_of(after, 0), "misread" in text_of(after, 1)) == ("", True)


def test_a_blank_page_without_resources_gets_its_words() -> None:
    with pikepdf.new() as document:
        document.add_blank_page(page_size=A4)
        assert text_of(searchable(saved(document), HELLO)) == "Hello"


def test_a_file_without_a_user_password_stays_encrypted_with_what_it_forbids() -> None:
    allowed = pikepdf.Permissions(extract=False, print_highres=False)
    with scanned() as document:
        file = saved(document, encryption=pikepdf.Encryption(owner="secret", user="", allow=allowed))
    after = searchable(file, HELLO)
    with pikepdf.open(io.BytesIO(after)) as document:
        assert document.is_encrypted
        assert not document.allow.print_highres
    assert text_of(after) == "Hello"


def add(file: bytes) -> bytes:
    return with_layers(file, "", [{"number": 1, "operators": "q Q", "replaces_hidden": False}])


def test_a_signed_file_is_refused_and_not_changed() -> None:
    with scanned() as document:
        field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="signed", V=pikepdf.Dictionary(Type=pikepdf.Name.Sig))
        document.Root.AcroForm = pikepdf.Dictionary(Fields=[document.make_indirect(field)], SigFlags=3)
        with pytest.raises(RefusedFile, match="signed"):
            add(saved(document))


@pytest.mark.parametrize(
    ("file", "words"), [(locked_pdf(), "encrypted"), (b"%PDF-1.7 nothing", "damaged")], ids=["locked", "damaged"]
)
def test_what_cannot_be_written_is_refused(file: bytes, words: str) -> None:
    with pytest.raises(RefusedFile, match=words):
        add(file)


def test_a_file_with_a_broken_table_of_objects_is_mended_and_gets_its_text() -> None:
    file = pdf(1, 300, 200)
    broken = file[: file.rindex(b"startxref")] + b"startxref\n7\n%%EOF"
    assert text_of(searchable(broken, HELLO)) == "Hello"


def test_pdf_a_stays_pdf_a() -> None:
    """What ISO 19005 asks of the parts that a layer adds or touches; test_pdf_a.py asks a validator of part 1."""
    with scanned(pages=2) as document:
        with document.open_metadata() as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = "2", "U"
        profile = document.make_stream(b"the profile of the colours", N=1)
        intent = pikepdf.Dictionary(
            Type=pikepdf.Name.OutputIntent, S=pikepdf.Name("/GTS_PDFA1"), DestOutputProfile=profile
        )
        document.Root.OutputIntents = pikepdf.Array([intent])
        before = saved(document, force_version="1.4", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    after = searchable(before, ("Größe\0\udce9", HELLO[1]))
    with pikepdf.open(io.BytesIO(before)) as old, pikepdf.open(io.BytesIO(after)) as new:
        assert new.Root.Metadata.read_bytes() == old.Root.Metadata.read_bytes()
        assert "/Filter" not in new.Root.Metadata
        assert new.Root.OutputIntents[0].DestOutputProfile.read_bytes() == b"the profile of the colours"
        assert new.pdf_version == "1.4"
        assert b"/ObjStm" not in after  # PDF/A-1 forbids them
        assert len(new.trailer.ID) == 2
        font = new.pages[0].obj.Resources.Font.QuorumInvisible
        [descendant] = font.DescendantFonts
        assert "/FontFile2" in descendant.FontDescriptor  # embedded, as every font must be
        assert descendant.DW == 500 == _widths(descendant.FontDescriptor.FontFile2.read_bytes())["box"]
        assert "/CIDToGIDMap" in descendant
        table = font.ToUnicode.read_bytes().upper()
        assert not any(f"<{code}>".encode() in table.split(b"BEGINBFCHAR")[1] for code in ("0000", "FEFF", "FFFE"))
        assert not check(new)
    assert text_of(after).startswith("Größe")


def check(document: pikepdf.Pdf) -> list[str]:
    return [str(problem) for problem in document.check_pdf_syntax()]


def _widths(file: bytes) -> dict[str, int]:
    from fontTools.ttLib import TTFont

    return {name: width for name, (width, _) in TTFont(io.BytesIO(file))["hmtx"].metrics.items()}


def covered(part: float, *, in_form: bool = False, faint: bool = False) -> bytes:
    """Text before a picture of so much of the page; with `faint` behind it, and filled with no opacity."""
    with scanned() as document:
        page = document.pages[0]
        layer = old_layer(page, document, 0)
        [(name, _)] = page.obj.Resources.XObject.items()
        placed = b"q %d 0 0 %.1f 0 %.1f cm %s Do Q" % (A4[0], part * A4[1], (1 - part) * A4[1], name.encode())
        page.obj.Contents = document.make_stream(placed)
        if faint:
            page.obj.Resources.ExtGState = pikepdf.Dictionary(No=pikepdf.Dictionary(ca=0))
            layer = b"q /No gs " + layer + b" Q"
        if in_form:
            form = document.make_stream(layer)
            form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
            form.BBox, form.Resources = pikepdf.Array([0, 0, *A4]), pikepdf.Dictionary(Font=page.obj.Resources.Font)
            page.obj.Resources.XObject.Layer = form
            layer = b"/Layer Do"
        page.contents_add(layer, prepend=not faint)
        return saved(document)


@pytest.mark.parametrize("part", [0.55, 0.7, 0.94, 1.0])
@pytest.mark.parametrize("in_form", [False, True])
def test_text_under_a_picture_of_half_the_page_or_more_stands_there_once(part: float, in_form: bool) -> None:
    file = covered(part, in_form=in_form)
    for choice in ("use", "redo"):
        after = searchable(file, HELLO, choice=choice)
        assert text_of(after) == "Hello"
        assert drawn(after) == drawn(file)


def test_text_under_a_smaller_picture_is_not_taken_for_a_layer() -> None:
    assert "misread" in text_of(searchable(covered(0.3), HELLO)).replace(" ", "")


def test_text_without_opacity_is_replaced_like_text_without_ink() -> None:
    assert text_of(searchable(covered(1.0, faint=True), HELLO)) == "Hello"


def test_a_form_that_is_drawn_under_and_over_the_scan_stays() -> None:
    with pikepdf.open(io.BytesIO(covered(1.0, in_form=True))) as document:
        document.pages[0].contents_add(b"/Layer Do")
        file = saved(document)
    after = with_layers(file, "", [{"number": 1, "operators": "", "replaces_hidden": True}])
    assert "misread" in text_of(after).replace(" ", "")
    assert drawn(after) == drawn(file)
