"""How large a page of a PDF is drawn: by its pictures, by its letters, within the limit, in its own units."""

from __future__ import annotations

import io
import math

import pikepdf
import PIL.Image
import pytest

from segmentation.files.pdf.page_content import PageContent, PlacedPicture, PlacedText
from segmentation.files.pdf.pdf_pages import PdfPages
from segmentation.files.pdf.pdf_resolution import fitting_scale, largest_scale
from segmentation.files.rendered_page import MAX_SIDE_PX, RefusedFile, RenderRequest
from tests.fakes.files import add_scan_page, add_text_page, picture, saved

A4 = (595.0, 842.0)
USUAL = 200 / 72
LIMIT = 20_000_000


def scale_of(*, size: tuple[float, float] = A4, pictures: object = (), texts: object = ()) -> float:
    content = PageContent(*size, tuple(pictures), tuple(texts))  # type: ignore[arg-type]
    return fitting_scale(content, USUAL, LIMIT)


def scan(dpi: float, part: float = 1.0, size: tuple[float, float] = A4) -> PlacedPicture:
    return PlacedPicture(part * size[0] * size[1], dpi / 72)


@pytest.mark.parametrize(("dpi", "drawn_at"), [(72, 72), (150, 150), (200, 200), (300, 200), (600, 200), (1200, 301)])
def test_a_scan_is_drawn_with_its_own_pixels_up_to_what_is_usual_if_its_size_can_be(
    dpi: float, drawn_at: float
) -> None:
    assert scale_of(pictures=[scan(dpi)]) * 72 == pytest.approx(drawn_at, rel=0.01)


def test_a_small_scan_is_drawn_with_more_than_usual() -> None:
    receipt = (227.0, 600.0)
    assert scale_of(size=receipt, pictures=[scan(300, size=receipt)]) * 72 == pytest.approx(300, rel=0.01)


def test_a_large_scan_is_drawn_no_smaller_than_usual() -> None:
    a2 = (1191.0, 1684.0)
    assert scale_of(size=a2, pictures=[scan(400, size=a2)]) == pytest.approx(USUAL)


def test_a_scan_on_a_page_of_a_few_centimetres_has_the_pixels_of_a_whole_page() -> None:
    tiny = (119.0, 168.0)
    assert scale_of(size=tiny, pictures=[scan(1500, size=tiny)]) * 168 == pytest.approx(3508, rel=0.01)


def test_small_pictures_on_a_page_say_nothing_and_many_strips_say_what_one_scan_does() -> None:
    logo = scan(1200, 0.05)
    assert scale_of(pictures=[logo], texts=[PlacedText(11, 500)]) == pytest.approx(USUAL)
    assert scale_of(pictures=[scan(300, 0.05)] * 20) == pytest.approx(scale_of(pictures=[scan(300)]))


def test_of_a_background_and_a_sharper_layer_the_sharper_one_counts() -> None:
    assert scale_of(pictures=[scan(100), scan(300)]) == pytest.approx(scale_of(pictures=[scan(300)]))


@pytest.mark.parametrize(("em", "letters_px"), [(5, 28), (6, 28), (8, 22.2), (12, 33.3), (24, 66.7), (72, 67)])
def test_small_print_is_drawn_larger_and_a_poster_smaller(em: float, letters_px: float) -> None:
    assert scale_of(texts=[PlacedText(em, 300)]) * em == pytest.approx(letters_px, rel=0.01)


def test_a_few_tiny_letters_do_not_make_the_whole_page_larger() -> None:
    assert scale_of(texts=[PlacedText(12, 950), PlacedText(2, 40)]) == pytest.approx(USUAL)


def test_text_beside_a_coarse_picture_is_drawn_as_text_needs_it() -> None:
    assert scale_of(pictures=[scan(72)], texts=[PlacedText(11, 500)]) == pytest.approx(USUAL)


@pytest.mark.parametrize("size", [A4, (1684, 2384), (14_400, 14_400), (3, 14_400), (1, 1), (0.5, 90_000)])
def test_no_page_is_drawn_beyond_the_limits_and_each_is_as_large_as_fits(size: tuple[float, float]) -> None:
    scale = largest_scale(*size, LIMIT)
    sides = [max(1, math.ceil(side * scale)) for side in size]
    assert sides[0] * sides[1] <= LIMIT
    assert max(sides) <= MAX_SIDE_PX
    assert sides[0] * sides[1] > 0.99 * LIMIT or max(sides) > 0.99 * MAX_SIDE_PX
    assert fitting_scale(PageContent(*size), USUAL, LIMIT) <= scale


def drawn(file: bytes, dpi: int | None = None, max_pixels: int = LIMIT) -> list[PIL.Image.Image]:
    request = RenderRequest(
        None,
        dpi,
        "redo",
        100,
        max_pixels,
        files=True,
        pictures=False,
        max_processor_s=60.0,
        max_decoding_mb=400.0,
        max_decoding_s=6.0,
    )
    pages = PdfPages(file, request)
    drawn = [pages.page(number).picture for number in range(1, pages.count + 1)]
    return [page for page in drawn if page is not None]


def test_a_photograph_of_a_pixel_a_point_is_drawn_with_its_own_pixels() -> None:
    with pikepdf.new() as document:
        add_scan_page(document, picture(1200, 1600, "L", mark=3), (1200, 1600))
        [page] = drawn(saved(document))
    assert (page.size, page.mode) == ((1200, 1600), "L")


def test_pages_of_all_sizes_are_drawn_each_at_its_own_resolution_and_none_is_refused() -> None:
    with pikepdf.new() as document:
        add_text_page(document, ["The usual page of a letter"], 12)
        add_text_page(document, ["A plan of A0"], 60, (2384, 3370))
        add_text_page(document, ["A plan of A0 with small print"] * 40, 7, (2384, 3370))
        add_scan_page(document, picture(500, 700, "L"), (36, 50.4))
        letter, plan, print_, stamp = drawn(saved(document))
    assert letter.size == (1653, 2339)
    assert plan.width == pytest.approx(2384 * 67 / 60, rel=0.01)
    assert 0.98 * LIMIT < print_.width * print_.height <= LIMIT
    assert stamp.size == (500, 700)


def test_a_page_in_units_of_its_own_is_drawn_as_the_same_page_in_points() -> None:
    with pikepdf.new() as document:
        add_text_page(document, ["The same page"], 1.2, (59.5, 84.2)).obj.UserUnit = 10
        document.add_blank_page(page_size=(59.5, 84.2)).obj.UserUnit = 10
        file = saved(document)
    assert [page.size for page in drawn(file, dpi=72)] == [(595, 842), (595, 842)]
    text, nothing = drawn(file)
    assert nothing.size == (1653, 2339)
    assert text.width / 59.5 * 1.2 == pytest.approx(28, rel=0.02)  # its letters are large enough, whatever the unit


@pytest.mark.parametrize(("degrees", "bars_at_top"), [(0, False), (90, True), (180, False), (270, False)])
def test_only_what_the_crop_box_shows_is_drawn_turned_as_the_page_says(degrees: int, bars_at_top: bool) -> None:
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(600, 800))
        page.obj.Contents = document.make_stream(b"100 100 20 300 re f")  # along the left side of the crop box
        page.obj.CropBox = pikepdf.Array([100, 100, 300, 400])
        page.obj.Rotate = degrees
        [shown] = drawn(saved(document), dpi=72)
    assert shown.size == ((200, 300) if degrees % 180 == 0 else (300, 200))
    dark = shown.convert("L").point(lambda level: 255 if level < 128 else 0).getbbox()
    assert dark == {0: (0, 0, 20, 300), 90: (0, 0, 300, 20), 180: (180, 0, 200, 300), 270: (0, 180, 300, 200)}[degrees]


def test_a_resolution_that_was_asked_for_is_kept_or_refused() -> None:
    with pikepdf.new() as document:
        add_scan_page(document, picture(600, 800, "L"), (300, 400))
        file = saved(document)
    assert drawn(file, dpi=36)[0].size == (150, 200)
    with pytest.raises(RefusedFile) as refused:
        drawn(file, dpi=1200)
    assert refused.value.args[0] == "too_large"
    assert "leave dpi out" in refused.value.args[2]


def test_a_page_in_colour_keeps_its_colours_and_one_in_grey_its_levels() -> None:
    with pikepdf.new() as document:
        for colour in (b"1 0 0 rg", b"0.5 g"):
            document.add_blank_page(page_size=(72, 72)).obj.Contents = document.make_stream(colour + b" 0 0 72 72 re f")
        red, grey = drawn(saved(document), dpi=72)
    assert (red.mode, red.getpixel((9, 9))) == ("RGB", (255, 0, 0))
    assert (grey.mode, grey.getpixel((9, 9))) in (("L", 127), ("L", 128))


def test_a_scan_inside_forms_is_seen() -> None:
    with pikepdf.new() as document:
        page = add_scan_page(document, picture(1190, 1684, "L"), (10, 10))
        form = document.make_stream(page.obj.Contents.read_bytes())
        form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, pikepdf.Array([0, 0, 10, 10])
        form.Resources = page.obj.Resources
        page.obj.MediaBox = pikepdf.Array([0, 0, 595, 842])
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm=form))
        page.obj.Contents = document.make_stream(b"q 59.5 0 0 84.2 0 0 cm /Fm Do Q")
        [shown] = drawn(saved(document))
    assert shown.size == (1190, 1684)


def test_a_page_without_a_box_of_its_own_has_that_of_its_parent() -> None:
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(100, 100))
        del page.obj.MediaBox
        document.Root.Pages.MediaBox = pikepdf.Array([0, 0, 144, 72])
        assert drawn(saved(document), dpi=72)[0].size == (144, 72)


def test_what_is_no_pdf_is_refused() -> None:
    with pytest.raises(RefusedFile):
        drawn(io.BytesIO(b"%PDF-1.7 nothing").getvalue())
