"""Image files as people have them, and as attackers make them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from ocr.errors import NotAnImage, QuorumError, TooLarge, UnsupportedFormat
from segmentation.files.decoding import FORMATS, decode, inspect

MAX_PIXELS = 1_000_000


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
    image = decode(saved(gradient(), form, **options), max_pixels=MAX_PIXELS)
    assert (image.width_px, image.height_px) == (40, 30)
    assert np.abs(image.pixels.astype(int) - np.asarray(gradient()).astype(int)).max() < 12
    assert inspect(saved(gradient(), form), max_pixels=MAX_PIXELS).format == form


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"])
def test_every_colour_mode_becomes_rgb_and_keeps_dark_dark(mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    picture = PIL.Image.new("L", (20, 10), 255)
    picture.paste(0, (0, 0, 10, 10))
    image = decode(saved(picture.convert(mode), form), max_pixels=MAX_PIXELS)
    assert image.pixels.shape == (10, 20, 3)
    assert image.pixels[:, :9].max() < 60
    assert image.pixels[:, 11:].min() > 195


def test_sixteen_bits_keep_their_range() -> None:
    levels = np.array([[0, 32768, 65535]], np.uint16)
    image = decode(saved(PIL.Image.fromarray(levels), "PNG"), max_pixels=MAX_PIXELS)
    assert image.pixels[0, :, 0].tolist() == [0, 127, 255]


def test_what_is_transparent_is_white_paper() -> None:
    picture = PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert decode(saved(picture, "PNG"), max_pixels=MAX_PIXELS).pixels.min() == 255


def test_a_photograph_is_turned_upright_by_its_note() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image = decode(saved(gradient(), "JPEG", exif=exif), max_pixels=MAX_PIXELS)
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
        decode(data, max_pixels=MAX_PIXELS)
    assert raised.value.hint


def test_the_limit_is_checked_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded a picture that is too large")

    monkeypatch.setattr(PIL.Image.Image, "load", never)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(TooLarge, match="1001x1000"):
        inspect(saved_header(), max_pixels=MAX_PIXELS)


def saved_header() -> bytes:
    return png_header(1001, 1000)
