"""PDFs of the kinds that users of OCR programs report (docs/reported-files.md): what is drawn, what they say, and the
layer that they get. The files are made here.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pikepdf
import PIL.Image
import pypdfium2
import pytest

from segmentation.files.pdf.pdf_pages import PdfPage, PdfPages
from segmentation.files.rendered_page import RefusedFile, RenderRequest
from tests.fakes.files import add_scan_page, add_text_page, picture, saved
from tests.segmentation.files.pdf.test_text_layer import HELLO, drawn, place_of, searchable, text_of

A4 = (595.0, 842.0)


def first_page(file: bytes, choice: str = "use") -> PdfPage:
    return PdfPages(file, RenderRequest(None, None, choice, 100, 20_000_000, True, False, 60.0, 400.0, 6.0)).page(1)


def scanned(change: Callable[[pikepdf.Pdf, pikepdf.Page], None] = lambda _document, _page: None) -> bytes:
    with pikepdf.new() as document:
        page = add_scan_page(document, picture(620, 877, "L", mark=3), A4)
        change(document, page)
        return saved(document)


def boxes(**named: list[object]) -> Callable[[pikepdf.Pdf, pikepdf.Page], None]:
    def change(_document: pikepdf.Pdf, page: pikepdf.Page) -> None:
        for name, box in named.items():
            page.obj[f"/{name}"] = pikepdf.Array(box)

    return change


def rotated(degrees: int) -> Callable[[pikepdf.Pdf, pikepdf.Page], None]:
    def change(_document: pikepdf.Pdf, page: pikepdf.Page) -> None:
        page.obj.Rotate = degrees

    return change


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (boxes(MediaBox=[0, 842, 595, 0]), A4),
        (boxes(MediaBox=[595, 842, 0, 0]), A4),
        (boxes(MediaBox=[0, 400, 595, 842]), (595, 442)),
        (boxes(CropBox=[-50, -50, 700, 900]), A4),
        (boxes(CropBox=[700, 900, 800, 1000]), None),
        (boxes(CropBox=[0, 0, 0, 0]), None),
        (rotated(360), A4),
        (rotated(-90), (842, 595)),
        (rotated(450), (842, 595)),
        (rotated(45), None),
    ],
    ids=[
        "upside down",
        "reversed",
        "off origin",
        "crop larger",
        "crop outside",
        "crop empty",
        "360",
        "-90",
        "450",
        "45",
    ],
)
def test_pages_with_odd_boxes_and_turns_are_drawn_and_get_their_words_in_place(
    change: Callable[[pikepdf.Pdf, pikepdf.Page], None], size: tuple[float, float] | None
) -> None:
    file = scanned(change)
    page = first_page(file)
    if size is not None:
        assert page.width / page.height == pytest.approx(size[0] / size[1], rel=0.01)
    made = searchable(file, HELLO)
    assert text_of(made) == "Hello"
    assert place_of(shown_whole(made)) == pytest.approx(HELLO[1], abs=0.005)
    assert drawn(shown_whole(made)) == drawn(shown_whole(file))


def shown_whole(file: bytes) -> bytes:
    """The file as viewers take it: a CropBox that leaves nothing does not count, on which PDFium gives up."""
    with pikepdf.open(io.BytesIO(file)) as document:
        if document.pages[0].obj.get("/CropBox", pikepdf.Array([0]))[0] == 700:
            del document.pages[0].obj.CropBox
        return saved(document)


def picture_with(**fields: object) -> Callable[[pikepdf.Pdf, pikepdf.Page], None]:
    def change(_document: pikepdf.Pdf, page: pikepdf.Page) -> None:
        for name, value in fields.items():
            page.obj.Resources.XObject.Im[f"/{name}"] = value

    return change


def flate_around_jpeg(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    image = page.obj.Resources.XObject.Im
    image.write(
        zlib.compress(image.read_raw_bytes()),
        filter=pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.DCTDecode]),
    )


def group_3(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
    file = io.BytesIO()
    picture(624, 880, "1", mark=3).save(file, "TIFF", compression="group3")
    with PIL.Image.open(file) as tiff:
        start, length = tiff.tag_v2[273][0], tiff.tag_v2[279][0]  # type: ignore[attr-defined]
    image = page.obj.Resources.XObject.Im
    image.write(
        file.getvalue()[start : start + length],
        filter=pikepdf.Name.CCITTFaxDecode,
        decode_parms=pikepdf.Dictionary(K=0, Columns=624, Rows=880),
    )
    image.Width, image.Height, image.BitsPerComponent = 624, 880, 1


@pytest.mark.parametrize(
    "change",
    [picture_with(Decode=pikepdf.Array([1, 0])), flate_around_jpeg, group_3],
    ids=["inverted by Decode", "JPEG in Flate", "CCITT group 3"],
)
def test_pictures_keep_their_bytes_and_their_look(change: Callable[[pikepdf.Pdf, pikepdf.Page], None]) -> None:
    file = scanned(change)
    made = searchable(file, HELLO)
    with pikepdf.open(io.BytesIO(file)) as before, pikepdf.open(io.BytesIO(made)) as after:
        image, kept = (document.pages[0].obj.Resources.XObject.Im for document in (before, after))
        assert kept.read_raw_bytes() == image.read_raw_bytes()
        assert repr(kept.Filter) == repr(image.Filter)
    assert drawn(made) == drawn(file)
    shown = first_page(file).picture
    assert shown is not None
    assert len(set(shown.convert("L").tobytes())) > 1


def test_a_font_without_a_table_of_characters_is_read_and_not_quoted() -> None:
    """Such letters come out shifted, or as the numbers of glyphs."""
    with pikepdf.new() as document:
        page = add_text_page(document, [], 12)
        from segmentation.files.pdf.invisible_font import invisible_font

        font = invisible_font(document, b"")
        del font.ToUnicode
        page.obj.Resources.Font.F1 = font
        shifted = "".join(f"{ord(letter) - 29:04X}" for letter in "The committee met on Tuesday")
        page.contents_add(f"BT /F1 12 Tf 1 0 0 1 72 700 Tm <{shifted}> Tj ET".encode())
        assert first_page(saved(document)).text["source"] == "read"


@pytest.mark.parametrize("kind", ["FreeText", "Stamp", "Ink"])
def test_what_is_written_over_a_page_is_read_with_it(kind: str) -> None:
    with pikepdf.new() as document:
        page = add_text_page(document, ["The text of the page"], 12)
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name(f"/{kind}"), Rect=[72, 72, 200, 100], Contents="Seen"
        )
        page.obj.Annots = pikepdf.Array([document.make_indirect(note)])
        assert first_page(saved(document)).text["source"] == "read"


def test_a_link_or_a_highlight_does_not_make_a_page_one_to_read() -> None:
    with pikepdf.new() as document:
        page = add_text_page(document, ["The text of the page"], 12)
        notes = [
            pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name(kind), Rect=[72, 72, 200, 100])
            for kind in ("/Link", "/Highlight", "/Popup")
        ]
        page.obj.Annots = pikepdf.Array([document.make_indirect(note) for note in notes])
        assert first_page(saved(document)).text["source"] == "existing"


def test_a_page_that_calls_itself_tagged_but_is_a_scan_is_read() -> None:
    def tag(document: pikepdf.Pdf, _page: pikepdf.Page) -> None:
        document.Root.MarkInfo = pikepdf.Dictionary(Marked=True)

    assert first_page(scanned(tag)).text["source"] == "read"


def test_metadata_that_is_hardly_any_is_left_as_it_is() -> None:
    packet = b'<?xpacket begin="" id=""?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk=""></x:xmpmeta><?xpacket end=""?>'

    with pikepdf.open(io.BytesIO(scanned())) as document:
        document.Root.Metadata = document.make_stream(packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
        made = searchable(saved(document, fix_metadata_version=False), HELLO)
    with pikepdf.open(io.BytesIO(made)) as document:
        assert document.Root.Metadata.read_bytes() == packet


@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_a_file_that_is_still_being_written_is_refused_or_read_but_never_half(part: float) -> None:
    with pikepdf.new() as document:
        for number in range(1, 6):
            add_scan_page(document, picture(620, 877, "L", mark=number), A4)
        file = saved(document)
    request = RenderRequest(None, 36, "use", 100, 10**7, True, False, 60.0, 400.0, 6.0)
    try:
        count = PdfPages(file[: int(part * len(file))], request).count
    except RefusedFile:
        count = 5
    assert count == 5


def test_pages_that_share_one_picture_each_get_their_own_words() -> None:
    with pikepdf.new() as document:
        page = add_scan_page(document, picture(620, 877, "L", mark=3), A4)
        second = document.add_blank_page(page_size=A4)
        second.obj.Resources, second.obj.Contents = page.obj.Resources, page.obj.Contents
        file = saved(document)
    made = searchable(file, HELLO)
    assert [text_of(made, 0), text_of(made, 1)] == ["Hello", "Hello"]
    assert len(made) < 1.2 * len(file) + 4000


def test_a_page_with_an_inline_picture_keeps_it() -> None:
    def inline(document: pikepdf.Pdf, page: pikepdf.Page) -> None:
        data = bytes(range(0, 250, 10)) * 25
        head = b"q 200 0 0 200 100 100 cm BI /W 25 /H 25 /BPC 8 /CS /G ID "
        page.contents_add(head + data[:625] + b" EI Q BT 3 Tr ET")

    file = scanned(inline)
    made = searchable(file, HELLO)
    assert text_of(made) == "Hello"
    assert drawn(made) == drawn(file)


def test_a_page_of_no_size_at_all_costs_itself_alone() -> None:
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(100, 100)).obj.MediaBox = pikepdf.Array([0, 0, 0, 0])
        add_text_page(document, ["The next page"], 12)
        file = saved(document)
    pages = PdfPages(file, RenderRequest(None, None, "use", 100, 20_000_000, True, False, 60.0, 400.0, 6.0))
    with pypdfium2.PdfDocument(file) as seen:
        width, height = seen[0].get_size()
    if width > 0 and height > 0:  # PDFium takes it for a page of letter size
        assert pages.page(1).width > 0
    else:
        with pytest.raises(RefusedFile):
            pages.page(1)
    assert pages.page(2).text["source"] == "existing"
