"""Image files as people have them, and as attackers make them."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from ocr.errors import NotAnImage, QuorumError, TooLarge, UnsupportedFormat
from segmentation.files.images.decoding import FORMATS, DecodingLimits, decode, inspect
from tests.segmentation.files.tiff_files import page, tiff_file

HEIC = Path(__file__).parents[3] / "fixtures" / "page.heic"
LIMITS = DecodingLimits(max_pixels=1_000_000, max_mb=20.0, max_s=1.0)


def saved(picture: PIL.Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def gradient(width: int = 40, height: int = 30) -> PIL.Image.Image:
    row = np.linspace(0, 255, width).astype(np.uint8)
    return PIL.Image.fromarray(np.repeat(np.tile(row, (height, 1))[:, :, None], 3, axis=2))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be that large and brings a handful of bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_the_list_is_read_whatever_its_name_says(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    image = decode(saved(gradient(), form, **options), LIMITS).image
    assert (image.width_px, image.height_px) == (40, 30)
    assert np.abs(image.pixels.astype(int) - np.asarray(gradient()).astype(int)).max() < 12
    assert inspect(saved(gradient(), form), LIMITS).format == form


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"])
def test_every_colour_mode_becomes_rgb_and_keeps_dark_dark(mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    picture = PIL.Image.new("L", (20, 10), 255)
    picture.paste(0, (0, 0, 10, 10))
    image = decode(saved(picture.convert(mode), form), LIMITS).image
    assert image.pixels.shape == (10, 20, 3)
    assert image.pixels[:, :9].max() < 60
    assert image.pixels[:, 11:].min() > 195


def test_sixteen_bits_keep_their_range() -> None:
    levels = np.array([[0, 32768, 65535]], np.uint16)
    image = decode(saved(PIL.Image.fromarray(levels), "PNG"), LIMITS).image
    assert image.pixels[0, :, 0].tolist() == [0, 128, 255]


def test_what_is_transparent_is_white_paper() -> None:
    picture = PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert decode(saved(picture, "PNG"), LIMITS).image.pixels.min() == 255


def test_a_photograph_is_turned_upright_by_its_note() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image = decode(saved(gradient(), "JPEG", exif=exif), LIMITS).image
    assert (image.width_px, image.height_px) == (30, 40)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotAnImage),
        (b"plain text, not a picture", NotAnImage),
        (b"\x89PNG\r\n\x1a\n", NotAnImage),
        (b"%PDF-1.7", UnsupportedFormat),
        (b"GIF89a" + b"\0" * 50, UnsupportedFormat),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedFormat),
        (b"%!PS-Adobe-3.0 EPSF-3.0", UnsupportedFormat),
        (b"PK\x03\x04rest", UnsupportedFormat),
        (png_header(65_000, 65_000), TooLarge),
        (png_header(2_000_000_000, 1), TooLarge),
        (png_header(0, 10), NotAnImage),
        (png_header(500, 500), NotAnImage),
        (saved(gradient(), "JPEG")[:400], NotAnImage),
        (saved(gradient(), "PNG")[:-30], NotAnImage),
        (saved(gradient(), "TIFF", save_all=True, append_images=[gradient()]), UnsupportedFormat),
        (saved(gradient(), "WEBP", save_all=True, append_images=[PIL.Image.new("RGB", (40, 30))]), UnsupportedFormat),
    ],
)
def test_what_cannot_be_read_says_so_and_what_to_do(data: bytes, error: type[QuorumError]) -> None:
    with pytest.raises(error) as raised:
        decode(data, LIMITS)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + b"\0" * 50, "GIF"),
        (b"P6\n8 8 255\n" + bytes(192), "PNM"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"AT&TFORM\0\0\0\0DJVU", "DjVu"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
        (b"\0\0\0\x18ftypqt  ", "a film"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
    ],
)
def test_what_is_known_and_not_read_is_named(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"this is {name}") as raised:
        inspect(data, LIMITS)
    assert "JPEG 2000" in raised.value.hint


def test_a_photograph_as_heic_is_read() -> None:
    pytest.importorskip("pi_heif")
    decoded = decode(HEIC.read_bytes(), LIMITS)
    assert (decoded.sent_width_px, decoded.sent_height_px) == (320, 96)
    ink = decoded.image.pixels[:, :, 0] < 100
    assert 0.02 < ink.mean() < 0.2
    assert not ink[:4].any()
    assert inspect(HEIC.read_bytes(), LIMITS).format == "HEIF"


def test_without_its_package_heic_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UnsupportedFormat, match="HEIC") as raised:
        decode(HEIC.read_bytes(), LIMITS)
    assert "JPEG" in raised.value.hint
    assert "quorum-ocr[heic]" in raised.value.hint


@pytest.mark.parametrize("brand", [b"mif1", b"miaf"])
def test_an_avif_whose_first_brand_names_no_codec_is_read(brand: bytes) -> None:
    file = saved(gradient(60, 40), "AVIF")
    brands = file[8 : int.from_bytes(file[:4], "big")]
    assert b"avif" in brands[8:]
    general = file[:8] + brand + file[12:]
    assert decode(general, LIMITS).image.pixels.tolist() == decode(file, LIMITS).image.pixels.tolist()


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix"])
def test_a_heic_that_cannot_be_opened_is_named(brand: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="HEIC"):
        decode(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1heicmiaf" + bytes(4000), LIMITS)


@pytest.mark.parametrize("raw", [False, True])
def test_a_large_jpeg_2000_is_halved_by_its_decoder(raw: bool) -> None:
    jpeg2000 = saved(gradient(4000, 3000), "JPEG2000", no_jp2=raw)
    decoded = decode(jpeg2000, replace(LIMITS, max_mb=30.0, max_s=10.0))  # whole, it takes 192 MB
    assert (decoded.sent_width_px, decoded.sent_height_px) == (4000, 3000)
    assert (decoded.image.width_px, decoded.image.height_px) == (1000, 750)
    assert np.abs(decoded.image.pixels[375, :, 0].astype(int) - np.linspace(0, 255, 1000)).max() < 12


def test_a_jpeg_2000_of_one_resolution_is_refused_where_it_costs_too_much() -> None:
    jpeg2000 = saved(gradient(4000, 3000), "JPEG2000", num_resolutions=1)
    with pytest.raises(TooLarge, match="192 MB"):
        decode(jpeg2000, replace(LIMITS, max_mb=30.0, max_s=10.0))


def test_a_png_whose_line_ends_were_changed_says_how_to_send_it() -> None:
    with pytest.raises(NotAnImage, match="line ends") as raised:
        inspect(saved(gradient(), "PNG").replace(b"\r", b"").replace(b"\n", b""), LIMITS)
    assert "--data-binary" in raised.value.hint


def test_the_limit_is_checked_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded a picture that is too large")

    monkeypatch.setattr(PIL.Image.Image, "load", never)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(TooLarge, match="3000x2000 = 6000000 pixels: to decode it takes 24 MB; the limit is 20"):
        inspect(png_header(3000, 2000), LIMITS)


def test_what_takes_the_processor_too_long_is_refused_by_its_header() -> None:
    limits = replace(LIMITS, max_mb=1000.0, max_s=0.1)
    with pytest.raises(TooLarge, match="max_decoding_s"):
        inspect(png_header(3000, 2000), limits)


def test_a_progressive_jpeg_costs_what_its_scans_cost() -> None:
    jpeg = saved(gradient(400, 300), "JPEG", progressive=True)
    scan = jpeg[jpeg.index(b"\xff\xda") :]
    inspect(jpeg, LIMITS)
    with pytest.raises(TooLarge, match="scans"):
        inspect(jpeg[:-2] + scan[:20] * 3000, LIMITS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_larger_than_a_page_is_reduced_while_it_is_decoded(form: str, mode: str) -> None:
    wide = PIL.Image.fromarray(np.repeat(np.linspace(0, 255, 1500).astype(np.uint8)[None, :], 1100, axis=0))
    decoded = decode(saved(wide.convert(mode), form), replace(LIMITS, max_mb=30.0))
    assert (decoded.sent_width_px, decoded.sent_height_px) == (1500, 1100)
    assert (decoded.image.width_px, decoded.image.height_px) == (1167, 856)
    expected = np.linspace(0, 255, 1167)
    assert np.abs(decoded.image.pixels[:, :, 0].astype(int) - expected[None, :]).max() < 8


def test_two_colours_are_reduced_to_grey_by_areas() -> None:
    fine = PIL.Image.fromarray(np.indices((2000, 2000)).sum(axis=0) % 2 == 0)
    pixels = decode(saved(fine, "TIFF", compression="group4"), LIMITS).image.pixels
    assert pixels.shape == (1000, 1000, 3)
    assert pixels.min() >= 126
    assert pixels.max() <= 129


def test_a_large_jpeg_is_decoded_no_larger_than_is_needed() -> None:
    jpeg = saved(gradient(4000, 3000), "JPEG")
    decoded = decode(jpeg, replace(LIMITS, max_mb=15.0))  # whole, it takes 48 MB
    assert (decoded.sent_width_px, decoded.sent_height_px) == (4000, 3000)
    assert decoded.image.width_px * decoded.image.height_px <= LIMITS.max_pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_way_to_hold_a_camera_is_turned_upright(form: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    corner = PIL.Image.new("RGB", (64, 32), "white")
    corner.paste("black", (0, 0, 24, 12))
    file = saved(corner, form, exif=exif)
    decoded = decode(file, LIMITS)
    with PIL.Image.open(io.BytesIO(file)) as opened:
        expected = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB")).astype(int)
    assert np.abs(decoded.image.pixels - expected).max() < 60
    assert (decoded.sent_height_px, decoded.sent_width_px) == expected.shape[:2]


@pytest.mark.parametrize("dots", [(204, 98), (204, 196), (200, 400)])
def test_pixels_that_are_not_square_are_made_square(dots: tuple[int, int]) -> None:
    picture = PIL.Image.new("1", (2 * dots[0], dots[1]), 1)
    decoded = decode(saved(picture, "TIFF", compression="group4", dpi=dots), LIMITS)
    assert (decoded.sent_width_px, decoded.sent_height_px) == picture.size
    assert decoded.image.width_px / decoded.image.height_px == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("dots", [(72, 1), (300, 0), (1, 1)])
def test_a_resolution_that_cannot_be_changes_nothing(dots: tuple[int, int]) -> None:
    decoded = decode(saved(gradient(), "PNG", dpi=dots), LIMITS)
    assert (decoded.image.width_px, decoded.image.height_px) == (40, 30)


def letters(colour: tuple[int, int, int]) -> PIL.Image.Image:
    picture = PIL.Image.new("RGBA", (120, 40), (0, 0, 0, 0))
    for left in range(10, 110, 10):
        picture.paste((*colour, 255), (left, 8, left + 3, 32))
    return picture


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize(
    ("colour", "paper"), [((0, 0, 0), 255), ((255, 255, 255), 0), ((90, 90, 90), 255), ((250, 250, 220), 0)]
)
def test_letters_on_nothing_differ_from_what_is_laid_behind_them(
    mode: str, colour: tuple[int, int, int], paper: int
) -> None:
    pixels = decode(saved(letters(colour).convert(mode), "PNG"), LIMITS).image.pixels
    assert pixels[2, 2].tolist() == [paper] * 3
    assert abs(int(pixels[20, 11, 0]) - paper) > 150


def test_black_and_white_letters_on_nothing_both_differ_from_it() -> None:
    both = PIL.Image.new("RGBA", (120, 80), (0, 0, 0, 0))
    both.paste(letters((0, 0, 0)), (0, 0))
    both.paste(letters((255, 255, 255)), (0, 40))
    pixels = decode(saved(both, "PNG"), LIMITS).image.pixels[:, :, 0].astype(int)
    assert abs(pixels[20, 11] - pixels[2, 2]) > 100
    assert abs(pixels[60, 11] - pixels[2, 2]) > 100


def test_a_white_card_with_round_corners_stays_on_white() -> None:
    card = PIL.Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    card.paste((255, 255, 255, 255), (4, 4, 396, 296))
    assert decode(saved(card, "PNG"), LIMITS).image.pixels.min() == 255


def test_a_reduced_picture_or_a_mask_in_a_tiff_is_no_page() -> None:
    whole = np.full((20, 36, 1), 255, np.uint8)
    small, mask = page(whole[:5, :9] * 0, tag_254=[1]), page(whole * 0, tag_254=[4])
    for file in (
        tiff_file(page(whole), small),
        tiff_file(small, page(whole)),
        tiff_file(page(whole, tag_254=[2]), mask),
        tiff_file(page(whole[:5, :9] * 0, tag_255=[2]), page(whole, tag_255=[1])),
    ):
        decoded = decode(file, LIMITS)
        assert (decoded.sent_width_px, decoded.sent_height_px) == (36, 20)
        assert decoded.image.pixels.min() == 255
    assert inspect(tiff_file(page(whole), small, page(whole)), LIMITS).several_pages
    assert inspect(tiff_file(small, small), LIMITS).several_pages  # there is nothing else
