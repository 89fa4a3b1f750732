"""What a page of a PDF says by itself: where its words are, what is not seen, and when it does not say all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pikepdf
import pytest

from segmentation.files.pdf import pdf_pages
from segmentation.files.pdf.pdf_pages import PdfPage, PdfPages
from segmentation.files.rendered_page import RefusedFile, RenderRequest
from tests.fakes.files import add_scan_page, add_text_page, picture, saved

LINES = ["A page of real text", "with two lines of it"]
A4 = (595.0, 842.0)


def page_of(document: pikepdf.Pdf | bytes, choice: str = "use", dpi: int | None = None) -> PdfPage:
    file = document if isinstance(document, bytes) else saved(document)
    request = RenderRequest(None, dpi, choice, 100, 20_000_000, True, False, 60.0, 400.0, 6.0)
    return PdfPages(file, request).page(1)


def words_of(page: PdfPage) -> list[list[str]]:
    return [[word["text"] for word in line["words"]] for line in page.text["lines"]]


def scan(document: pikepdf.Pdf) -> pikepdf.Page:
    return add_scan_page(document, picture(1240, 1754, "L", mark=5), A4)


def add_words(document: pikepdf.Pdf, page: pikepdf.Page, mode: int, *, first: bool = False, text: str = "old") -> None:
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page.obj.Resources.Font = pikepdf.Dictionary(Old=font)
    page.contents_add(f"BT {mode} Tr /Old 12 Tf 1 0 0 1 72 700 Tm ({text}) Tj ET".encode(), prepend=first)


def test_a_page_with_text_is_answered_from_it_and_not_drawn() -> None:
    with pikepdf.new() as document:
        add_text_page(document, LINES, 12)
        page = page_of(document)
    assert page.picture is None
    assert (page.text["source"], page.text["has_hidden"]) == ("existing", False)
    assert words_of(page) == [line.split() for line in LINES]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_words_lie_where_they_are_drawn_however_the_page_is_cut_and_turned(degrees: int) -> None:
    with pikepdf.new() as document:
        made = add_text_page(document, ["WORD"], 40, (600, 800))
        made.obj.CropBox = pikepdf.Array([100, 500, 500, 750])
        made.obj.Rotate = degrees
        file = saved(document)
    told, shown = page_of(file), page_of(file, "redo")
    assert shown.picture is not None
    ink = np.argwhere(np.asarray(shown.picture.convert("L")) < 128)
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0)
    [word] = told.text["lines"][0]["words"]
    xs, ys = zip(*word["corners"], strict=True)
    em = 40 * shown.dpi[0] / 72
    assert min(xs) == pytest.approx(left, abs=0.5 * em)
    assert max(xs) == pytest.approx(right, abs=0.5 * em)
    assert min(ys) <= top + 2
    assert bottom - 2 <= max(ys)
    first, second = word["corners"][:2]  # from the text's top-left corner, as it reads
    along = np.sign([round(second[0] - first[0]), round(second[1] - first[1])]).tolist()
    assert along == {0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1]}[degrees]


def test_an_invisible_layer_is_no_answer_but_can_be_one_when_it_is_asked_for() -> None:
    with pikepdf.new() as document:
        add_words(document, scan(document), 3)
        file = saved(document)
    page = page_of(file)
    assert (page.text["source"], page.text["has_hidden"], page.text["seen_boxes"]) == ("read", True, [])
    assert page.picture is not None
    assert words_of(page_of(file, "skip")) == [["old"]]


def test_text_under_the_picture_of_the_page_is_an_invisible_layer_too() -> None:
    with pikepdf.new() as document:
        add_words(document, scan(document), 0, first=True)
        page = page_of(document)
    assert (page.text["source"], page.text["has_hidden"]) == ("read", True)


def test_a_stamp_on_a_scan_does_not_stand_for_the_scan() -> None:
    with pikepdf.new() as document:
        add_words(document, scan(document), 0, text="Copy 7")
        page = page_of(document)
    assert (page.text["source"], page.text["has_hidden"]) == ("read", False)
    assert len(page.text["seen_boxes"]) == 2


def test_redo_reads_every_page_and_takes_no_notice_of_its_text() -> None:
    with pikepdf.new() as document:
        add_text_page(document, LINES, 12)
        page = page_of(document, "redo")
    assert (page.text["source"], page.text["seen_boxes"]) == ("read", [])
    assert page.picture is not None


def test_letters_that_mean_nothing_outside_of_their_font_are_read() -> None:
    with pikepdf.new() as document:
        made = add_text_page(document, LINES, 12)
        table = "1 begincodespacerange <00> <FF> endcodespacerange\n1 beginbfrange <00> <FF> <E000> endbfrange"
        head = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        cmap = document.make_stream(f"{head}{table}\nendcmap end end".encode())
        made.obj.Resources.Font.F1.ToUnicode = cmap
        file = saved(document)
    for choice in ("use", "skip"):
        page = page_of(file, choice)
        assert (page.text["source"], page.text["seen_boxes"]) == ("read", [])


def test_a_drawing_with_a_number_on_it_is_read() -> None:
    """Letters may be drawn as shapes."""
    with pikepdf.new() as document:
        page = add_text_page(document, ["7"], 12)
        page.contents_add(b"\n".join(b"%d 100 2 9 re f" % (50 + 4 * bar) for bar in range(120)))
        assert page_of(document).text["source"] == "read"


def widget(document: pikepdf.Pdf, value: str) -> pikepdf.Object:
    return document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T="name", V=value,
            DA="/F1 12 Tf 0 g", Rect=[100, 500, 300, 520],
        )
    )  # fmt: skip


@pytest.mark.parametrize(("value", "source"), [("", "existing"), ("J. Smith", "read")])
def test_what_somebody_filled_in_is_read_and_an_empty_form_is_answered_from_its_text(value: str, source: str) -> None:
    with pikepdf.new() as document:
        page = add_text_page(document, LINES, 12)
        field = widget(document, value)
        page.obj.Annots = pikepdf.Array([field])
        document.Root.AcroForm = pikepdf.Dictionary(
            Fields=[field], DR=pikepdf.Dictionary(Font=page.obj.Resources.Font), NeedAppearances=True
        )
        assert page_of(document).text["source"] == source


def test_what_lies_outside_of_the_page_is_no_text_of_it() -> None:
    with pikepdf.new() as document:
        page = add_text_page(document, LINES, 12)
        page.obj.MediaBox = pikepdf.Array([0, 0, 595, 300])
        assert page_of(document).text["source"] == "read"


def test_lines_far_apart_are_blocks_of_their_own() -> None:
    with pikepdf.new() as document:
        add_text_page(document, ["one", "two", "", "", "three"], 12)
        blocks = [line["block"] for line in page_of(document).text["lines"]]
    assert len(blocks) == 3
    assert blocks[0] == 0 != blocks[2]


def test_text_that_runs_up_the_page_reads_upwards() -> None:
    with pikepdf.new() as document:
        page = add_text_page(document, [], 12)
        page.contents_add(b"BT /F1 12 Tf 0 1 -1 0 300 300 Tm (aside) Tj ET")
        [word] = page_of(document).text["lines"][0]["words"]
    (x0, y0), (x1, y1) = word["corners"][:2]
    assert word["text"] == "aside"
    assert x0 == x1
    assert y1 < y0


def test_a_dynamic_form_is_refused_with_the_remedy() -> None:
    with pikepdf.new() as document:
        add_text_page(document, ["Please wait..."], 12)
        xfa: Any = document.make_stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
        document.Root.AcroForm = pikepdf.Dictionary(XFA=xfa, Fields=[])
        document.Root.NeedsRendering = True
        with pytest.raises(RefusedFile, match="XFA"):
            page_of(document)


def crowded(letters: int) -> bytes:
    """A page of so many letters, one line upon the other."""
    with pikepdf.new() as document:
        add_text_page(document, ["x" * 100] * (letters // 100), 1, (1000, 1000))
        return saved(document)


def test_a_page_with_more_letters_than_any_page_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_PAGE_LETTERS", 500)
    assert page_of(crowded(400)).text["source"] == "existing"
    with pytest.raises(RefusedFile) as refused:
        page_of(crowded(1000))
    assert refused.value.args[0] == "too_large"
    assert "500 may be on it" in refused.value.args[1]


def test_the_pages_of_a_document_have_so_many_letters_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_DOCUMENT_LETTERS", 700)
    pages = PdfPages(crowded(400), RenderRequest(None, None, "use", 100, 20_000_000, True, False, 60.0, 400.0, 6.0))
    assert pages.page(1).text["source"] == "existing"
    with pytest.raises(RefusedFile, match="too_large"):
        pages.page(1)
