"""The size of the page that an image becomes: what a scanner says, and never a page that no program opens."""

from __future__ import annotations

import io

import PIL.Image
import pytest

from segmentation.files.image_pages import resolution_of
from segmentation.files.images.decoding import DecodingLimits
from segmentation.files.images.resolution import USUAL_DPI, on_paper, resolution

A3_PT = (841.9, 1190.6)


def size_pt(
    size: tuple[int, int], kind: str = "PNG", dpi: tuple[float, float] | None = None, *, camera: bool = False
) -> tuple[float, float]:
    """Width and height of the page that an image of `size` pixels becomes."""
    file, options = io.BytesIO(), {} if dpi is None else {"dpi": dpi}
    if camera:
        exif = PIL.Image.Exif()
        exif.get_ifd(0x8769)[0x829A] = 0.01
        options["exif"] = exif  # type: ignore[assignment]
    PIL.Image.new("L", size, 255).save(file, kind, **options)  # type: ignore[arg-type]
    with PIL.Image.open(file) as picture:
        across, down = on_paper(size, resolution(picture), picture)
    return size[0] / across * 72, size[1] / down * 72


@pytest.mark.parametrize(
    ("size", "kind", "dpi"),
    [((2480, 3508), "TIFF", (300, 300)), ((1240, 1754), "PNG", (150, 150)), ((3307, 4677), "PNG", (200, 200))],
)
def test_a_scan_has_the_size_that_its_scanner_says(size: tuple[int, int], kind: str, dpi: tuple[float, float]) -> None:
    width, height = size_pt(size, kind, dpi)
    assert (width, height) == pytest.approx((size[0] / dpi[0] * 72, size[1] / dpi[1] * 72), rel=0.002)


@pytest.mark.parametrize(
    ("dpi", "camera"),
    [
        (None, False),
        ((72, 72), False),
        ((96, 96), False),
        ((300, 300), True),
        ((5000, 5000), False),
        ((72, 300), False),
    ],
    ids=["none", "72", "96", "a camera's", "impossible", "uneven"],
)
def test_a_photograph_of_a_phone_is_a_page_of_at_most_a3(dpi: tuple[float, float] | None, camera: bool) -> None:
    for size in ((3024, 4032), (8000, 6000)):
        short, long = sorted(size_pt(size, "JPEG", dpi, camera=camera))
        assert (short, long) <= (A3_PT[0] + 0.1, A3_PT[1] + 0.1)
        assert long <= A3_PT[1] + 0.1
        assert short / long == pytest.approx(min(size) / max(size), rel=0.01)


def test_a_small_picture_is_not_blown_up() -> None:
    assert size_pt((720, 360), dpi=(72, 72)) == pytest.approx((720, 360), rel=0.01)


@pytest.mark.parametrize(
    ("size", "dpi"), [((1280, 15_000), (96, 96)), ((1000, 40_000), (72, 72)), ((9000, 50), (36, 36))]
)
def test_a_long_screenshot_is_no_longer_than_a_pdf_may_be(size: tuple[int, int], dpi: tuple[float, float]) -> None:
    short, long = sorted(size_pt(size, "PNG", dpi))
    assert long <= 14_400.1
    assert short <= A3_PT[0] + 0.1
    assert short / long == pytest.approx(min(size) / max(size), rel=0.01)


def test_a_plan_of_a0_keeps_its_size() -> None:
    assert size_pt((4967, 7022), "TIFF", (150, 150)) == pytest.approx((2384, 3370.6), rel=0.001)


def test_a_fax_has_the_proportions_of_its_paper() -> None:
    assert size_pt((1728, 673), "TIFF", (204, 98)) == pytest.approx((609.9, 494.4), rel=0.002)


@pytest.mark.parametrize("options", [{}, {"dpi": (72, 72)}], ids=["none", "72"])
def test_the_resolution_of_a_png_that_tells_none_is_known_without_its_pixels(
    options: dict[str, tuple[int, int]],
) -> None:
    file = io.BytesIO()
    PIL.Image.effect_noise((600, 800), 80).save(file, "PNG", **options)  # type: ignore[arg-type]
    half = file.getvalue()[: len(file.getvalue()) // 2]
    limits = DecodingLimits(10_000_000, 100.0, 10.0)
    told = options.get("dpi", (USUAL_DPI, USUAL_DPI))
    assert resolution_of(half, limits) == pytest.approx(told, rel=0.002)
