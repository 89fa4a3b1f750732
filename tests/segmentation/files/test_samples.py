"""Paper stays light and ink stays dark, whatever the depth and the meaning of the samples in a file."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import partial
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from deployments.config.schema import LimitsConfig
from ocr.errors import NotAnImage, UnsupportedFormat
from segmentation.files.images.decoding import DecodingLimits, decode, inspect
from tests.segmentation.files.tiff_files import page, tiff_file

LIMITS = DecodingLimits(max_pixels=1_000_000, max_mb=50.0, max_s=2.0)

# Three upright stripes of twelve pixels: ink, half-way, paper; parts of white.
_STRIPES = np.repeat(np.tile(np.repeat([0.0, 0.5, 1.0], 12), (20, 1))[:, :, np.newaxis], 1, axis=2)


def seen(file: bytes) -> NDArray[np.uint8]:
    """The colours of ink, half-way and paper: (3, 3)."""
    pixels = decode(file, LIMITS).image.pixels
    assert pixels.shape == (20, 36, 3)
    return pixels[10, [6, 18, 30]]


def levels(dtype: str, low: float, high: float, channels: int = 1) -> NDArray[np.generic]:
    values = low + np.repeat(_STRIPES, channels, axis=2) * (high - low)
    return (values if dtype.startswith("f") else np.round(values)).astype(dtype)


def tiff(samples: NDArray[np.generic], photometric: int = 1, **options: object) -> bytes:
    order = str(options.get("order", "<"))
    return tiff_file(page(samples, photometric, **options), order=order)  # type: ignore[arg-type]


def with_alpha(colours: NDArray[np.generic], alpha: float) -> NDArray[np.generic]:
    return np.concatenate([colours, np.full_like(colours[:, :, :1], alpha)], axis=2)


_RAMPS = {
    "8 bits": partial(tiff, levels("u1", 0, 255)),
    "16 bits": partial(tiff, levels("u2", 0, 65535)),
    "16 bits, other byte order": partial(tiff, levels("u2", 0, 65535), order=">"),
    "12 bits in 16": partial(tiff, levels("u2", 0, 4095)),
    "10 bits in 16": partial(tiff, levels("u2", 0, 1023)),
    "14 bits in 16": partial(tiff, levels("u2", 0, 16383)),
    "12 bits packed": partial(tiff, levels("u2", 0, 4095), bits=12),
    "10 bits packed": partial(tiff, levels("u2", 0, 1023), bits=10),
    "4 bits": partial(tiff, levels("u1", 0, 15), bits=4),
    "2 bits": partial(tiff, levels("u1", 0, 3), bits=2),
    "24 bits": partial(tiff, levels("u4", 0, 2**24 - 1), bits=24),
    "32 bits": partial(tiff, levels("u4", 0, 2**32 - 1)),
    "12 bits in 32": partial(tiff, levels("u4", 0, 4095)),
    "64 bits": partial(tiff, levels("u8", 0, 2**40 - 1)),
    "8 bits signed": partial(tiff, levels("i1", -128, 127)),
    "16 bits signed": partial(tiff, levels("i2", -32768, 32767)),
    "12 bits signed in 16": partial(tiff, levels("i2", -2048, 2047)),
    "15 bits in signed 16": partial(tiff, levels("i2", 0, 32767)),
    "32 bits signed": partial(tiff, levels("i4", -(2**31), 2**31 - 1)),
    "half precision": partial(tiff, levels("f2", 0, 1)),
    "single precision": partial(tiff, levels("f4", 0, 1)),
    "single precision, other byte order": partial(tiff, levels("f4", 0, 1), order=">"),
    "single precision, 0 to 255": partial(tiff, levels("f4", 0, 255)),
    "single precision, 0 to 65535": partial(tiff, levels("f4", 0, 65535)),
    "single precision, 12 bits in 16": partial(tiff, levels("f4", 0, 0.0625)),
    "single precision, -1 to 1": partial(tiff, levels("f4", -1, 1)),
    "double precision": partial(tiff, levels("f8", 0, 1)),
    "double precision, deflated, predictor": partial(tiff, levels("f8", 0, 1), deflated=True, predictor=3),
    "single precision, RGB, predictor": partial(tiff, levels("f4", 0, 1, 3), 2, deflated=True, predictor=3),
    "16 bits, deflated, predictor": partial(tiff, levels("u2", 0, 65535), deflated=True, predictor=2),
    "16 bits RGB, predictor, other byte order": partial(
        tiff, levels("u2", 0, 65535, 3), 2, deflated=True, predictor=2, order=">"
    ),
    "8 bits RGB": partial(tiff, levels("u1", 0, 255, 3), 2),
    "8 bits RGB in planes": partial(tiff, levels("u1", 0, 255, 3), 2, planar=True),
    "12 bits in 16 RGB": partial(tiff, levels("u2", 0, 4095, 3), 2),
    "16 bits RGB in planes": partial(tiff, levels("u2", 0, 65535, 3), 2, planar=True, deflated=True),
    "16 bits RGB in tiles": partial(tiff, levels("u2", 0, 65535, 3), 2, tile=16, deflated=True, predictor=2),
    "16 bits in tiles and planes": partial(tiff, levels("u2", 0, 65535, 3), 2, tile=16, planar=True),
    "12 bits packed in tiles": partial(tiff, levels("u2", 0, 4095), bits=12, tile=16),
    "4 bits RGB": partial(tiff, levels("u1", 0, 15, 3), 2, bits=4),
    "float RGB": partial(tiff, levels("f4", 0, 1, 3), 2),
    "8 bits, white is 0": partial(tiff, levels("u1", 255, 0), 0),
    "16 bits, white is 0": partial(tiff, levels("u2", 65535, 0), 0),
    "12 bits in 16, white is 0": partial(tiff, levels("u2", 4095, 0), 0),
    "12 bits packed, white is 0": partial(tiff, levels("u2", 4095, 0), 0, bits=12),
    "float, white is 0": partial(tiff, levels("f4", 1, 0), 0),
    "signed, white is lowest": partial(tiff, levels("i2", 32767, -32768), 0),
    "4 bits, white is 0": partial(tiff, levels("u1", 15, 0), 0, bits=4),
    "8 bits and alpha": partial(tiff, with_alpha(levels("u1", 0, 255), 255), 1, extra=[2]),
    "8 bits and premultiplied alpha": partial(tiff, with_alpha(levels("u1", 0, 255), 255), 1, extra=[1]),
    "16 bits and alpha": partial(tiff, with_alpha(levels("u2", 0, 65535), 65535), 1, extra=[2]),
    "12 bits in 16 RGB and alpha": partial(tiff, with_alpha(levels("u2", 0, 4095, 3), 4095), 2, extra=[2]),
    "16 bits RGB, alpha never filled in": partial(tiff, with_alpha(levels("u2", 0, 65535, 3), 0), 2, extra=[2]),
    "RGB in planes and alpha": partial(tiff, with_alpha(levels("u1", 0, 255, 3), 255), 2, planar=True, extra=[2]),
    "RGB in planes and premultiplied alpha": partial(
        tiff, with_alpha(levels("u1", 0, 255, 3), 255), 2, planar=True, extra=[1]
    ),
    "16 bits and a fourth sample": partial(tiff, with_alpha(levels("u2", 0, 65535, 3), 9), 2, extra=[0]),
}


@pytest.mark.parametrize("name", _RAMPS)
def test_ink_is_black_paper_is_white_and_half_way_is_grey(name: str) -> None:
    ink, half, paper = seen(_RAMPS[name]()).astype(int)
    assert ink.max() <= 2, name
    assert paper.min() >= 253, name
    assert abs(half - 128).max() <= (48 if "2 bits" in name else 10), name


def ycbcr(across: int, down: int, *, deflated: bool) -> bytes:
    """YCbCr of which so many pixels across and down share their colours, which are none."""
    luma = np.round(_STRIPES[:, :, 0] * 255).astype(np.uint8)
    units = (
        luma[y : y + down, x : x + across].tobytes() + b"\x80\x80"
        for y in range(0, luma.shape[0], down)
        for x in range(0, luma.shape[1], across)
    )
    packed = b"".join(units)
    fields: dict[int, Any] = {256: [36], 257: [20], 258: [8] * 3, 259: [8 if deflated else 1], 262: [6], 277: [3]}
    fields |= {278: [20], 530: [across, down]}
    return tiff_file((fields, [zlib.compress(packed) if deflated else packed]))


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4)])
def test_pixels_of_ycbcr_may_share_their_colours(across: int, down: int, deflated: bool) -> None:
    ink, half, paper = seen(ycbcr(across, down, deflated=deflated)).astype(int)
    assert ink.max() <= 2
    assert paper.min() >= 253
    assert abs(half - 128).max() <= 2


@pytest.mark.parametrize(("dtype", "planar"), [("u1", True), ("u2", False), ("u2", True)])
def test_ycbcr_of_any_depth_and_in_planes_has_its_colours(dtype: str, planar: bool) -> None:
    most = 255 if dtype == "u1" else 65535
    luma = levels(dtype, 0, most)
    differences = np.full((20, 36, 2), most // 2 + 1, dtype)
    luma[:, 12:24] = round(0.299 * most)
    differences[:, 12:24] = [round(0.331 * most), most]  # red
    file = tiff(np.concatenate([luma, differences], axis=2), 6, planar=planar, tag_530=[1, 1])
    assert np.abs(seen(file).astype(int) - [[0, 0, 0], [255, 0, 0], [255, 255, 255]]).max() <= 2


@pytest.mark.parametrize("white", [255, 0])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12])
def test_the_lowest_bit_may_come_first(bits: int, white: int) -> None:
    most = 2**bits - 1
    samples = levels("u2" if bits > 8 else "u1", 0, most) if white else levels("u2" if bits > 8 else "u1", most, 0)
    fields, parts = page(samples, 1 if white else 0, bits=bits)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    ink, _, paper = seen(tiff_file(({**fields, 266: [2]}, [part.translate(turned) for part in parts]))).astype(int)
    assert ink.max() <= 2
    assert paper.min() >= 253


def test_a_dark_page_in_planes_stays_as_dark_as_it_is() -> None:
    assert seen(tiff(levels("u1", 0, 100, 3), 2, planar=True)).tolist() == [[0] * 3, [50] * 3, [100] * 3]


def test_faint_stray_pixels_do_not_decide_the_range() -> None:
    samples = np.full((400, 400, 1), 3900, np.uint16)
    samples[100:120] = 350
    samples[7, 9] = 65535  # a hot pixel
    pixels = decode(tiff(samples), LIMITS).image.pixels
    assert pixels[110].max() < 30
    assert pixels[50].min() > 230


def test_what_is_no_number_is_paper_and_does_not_decide_the_range() -> None:
    samples = levels("f4", 0, 1)
    samples[:, :3], samples[:, 33:], samples[:, 15] = np.nan, np.inf, -np.inf
    pixels = decode(tiff(samples), LIMITS).image.pixels[10, :, 0]
    assert [pixels[1], pixels[6], pixels[15], pixels[30], pixels[35]] == [255, 0, 0, 255, 255]


def test_noise_below_zero_is_black() -> None:
    samples = levels("i2", 0, 3900)
    samples[0, 0] = -20
    assert np.abs(seen(tiff(samples)).astype(int)[:, 0] - [0, 121, 243]).max() <= 1


@pytest.mark.parametrize("scale", [255, 65535])
def test_inks_of_cmyk_are_subtracted(scale: int) -> None:
    dtype = "u1" if scale == 255 else "u2"
    inks = np.zeros((20, 36, 4), dtype)
    inks[:, :12, 3] = scale  # black
    inks[:, 12:24, 1:3] = scale  # magenta and yellow: red
    assert np.abs(seen(tiff(inks, 5)).astype(int) - [[0, 0, 0], [255, 0, 0], [255, 255, 255]]).max() <= 2


@pytest.mark.parametrize(("photometric", "bits"), [(8, 8), (8, 16), (9, 8), (9, 16)])
def test_lab_is_seen_as_its_colours(photometric: int, bits: int) -> None:
    lightness, middle = 2**bits - 1, 0 if photometric == 8 else 2 ** (bits - 1)
    lab = np.zeros((20, 36, 3), np.int64)
    lab[:, :, 1:] = middle
    lab[:, 12:24] += np.array([lightness * 53 // 100, 80 << (bits - 8), 67 << (bits - 8)])
    lab[:, 24:, 0] = lightness
    ink, red, paper = seen(tiff(lab.astype(f"u{bits // 8}"), photometric)).astype(int)
    assert ink.max() <= 3
    assert paper.min() >= 250
    assert red[0] > 220
    assert red[1:].max() < 60


def test_lab_of_floating_point_is_seen_as_its_colours() -> None:
    lab = np.zeros((20, 36, 3), np.float32)
    lab[:, 12:24], lab[:, 24:, 0] = [53.2, 80.1, 67.2], 100.0
    ink, red, paper = seen(tiff(lab, 8)).astype(int)
    assert ink.max() <= 3
    assert paper.min() >= 250
    assert red[0] > 220
    assert red[1:].max() < 60


@pytest.mark.parametrize("bits", [8, 16])
def test_lightness_alone_is_grey(bits: int) -> None:
    ink, _, paper = seen(tiff(levels(f"u{bits // 8}", 0, 2**bits - 1), 8))
    assert ink.max() <= 2
    assert paper.min() >= 253


def test_lab_may_say_that_its_differences_are_signed() -> None:
    lab = np.concatenate([levels("u1", 0, 255), np.zeros((20, 36, 2), np.uint8)], axis=2)
    ink, _, paper = seen(tiff(lab, 8, tag_339=[1, 2, 2])).astype(int)
    assert ink.max() <= 3
    assert paper.min() >= 250


def test_a_palette_of_any_depth_names_the_colours() -> None:
    colours = np.zeros((256, 3), np.uint16)
    colours[[7, 8, 9]] = [[0, 0, 0], [0, 65535, 0], [65535, 65535, 65535]]
    indices = levels("u1", 7, 9)
    file = tiff(indices, 3, tag_320=colours.T.ravel().tolist())
    assert seen(file).tolist() == [[0, 0, 0], [0, 255, 0], [255, 255, 255]]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("deflated", [False, True])
def test_a_palette_that_was_written_in_eight_bits_keeps_its_colours(bits: int, deflated: bool) -> None:
    colours = np.zeros((2**bits, 3), np.uint16)
    colours[[7, 8, 9]] = [[0, 0, 0], [0, 100, 0], [250, 250, 250]]
    file = tiff(levels("u1", 7, 9), 3, bits=bits, deflated=deflated, tag_320=colours.T.ravel().tolist())
    assert seen(file).tolist() == [[0, 0, 0], [0, 100, 0], [250, 250, 250]]


def test_premultiplied_colours_are_not_multiplied_again() -> None:
    half = with_alpha(levels("u2", 0, 32768, 3), 32768)  # half covered: black, grey and white
    half[:, 24:] = 65535
    on_paper = seen(tiff(half, 2, extra=[1])).astype(int)
    assert np.abs(on_paper[:2, 0] - [127, 191]).max() <= 2


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_packing_of_bytes_is_read_for_every_mode(mode: str, compression: str) -> None:
    grey = np.repeat(_STRIPES, 3, axis=2).squeeze() * 255
    picture = PIL.Image.fromarray(grey.astype(np.uint8))
    if mode == "I;16":
        picture = PIL.Image.fromarray((grey[:, :, 0] * 257).astype(np.uint16))
    else:
        picture = picture.convert(mode, dither=PIL.Image.Dither.NONE)
    file = io.BytesIO()
    picture.save(file, "TIFF", compression=compression)
    ink, _, paper = seen(file.getvalue())
    assert ink.max() <= 2
    assert paper.min() >= 253


@pytest.mark.parametrize(
    ("mode", "compression"),
    [("1", "group3"), ("1", "group4"), ("1", "tiff_ccitt"), ("L", "jpeg"), ("RGB", "jpeg"), ("YCbCr", "raw")],
)
def test_packings_of_pictures_are_read(mode: str, compression: str) -> None:
    picture = PIL.Image.fromarray((_STRIPES[:, :, 0] * 255).astype(np.uint8))
    file = io.BytesIO()
    picture.convert("RGB").convert(mode, dither=PIL.Image.Dither.NONE).save(file, "TIFF", compression=compression)
    ink, _, paper = seen(file.getvalue())
    assert ink.max() <= 12
    assert paper.min() >= 243


def png(samples: NDArray[np.generic], colour_type: int, bits: int, *parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of `samples` (H, W, S) as they are."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = samples.shape[:2]
    flat = samples.reshape(height, -1)
    if bits < 8:
        packed = np.packbits(((flat[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1).reshape(height, -1), axis=1)
    else:
        packed = np.frombuffer(flat.astype(f">u{bits // 8}").tobytes(), np.uint8).reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    middle = b"".join(chunk(kind, content) for kind, content in parts)
    whole = chunk(b"IHDR", header) + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


_GREY_PALETTE = (b"PLTE", bytes(level for grey in (0, 128, 255) for level in (grey, grey, grey)))
_PNGS = {
    "grey of 1 bit": partial(png, levels("u1", 0, 1), 0, 1),
    "grey of 2 bits": partial(png, levels("u1", 0, 3), 0, 2),
    "grey of 4 bits": partial(png, levels("u1", 0, 15), 0, 4),
    "grey of 8 bits": partial(png, levels("u1", 0, 255), 0, 8),
    "grey of 16 bits": partial(png, levels("u2", 0, 65535), 0, 16),
    "grey of 12 bits in 16": partial(png, levels("u2", 0, 4095), 0, 16),
    "RGB of 8 bits": partial(png, levels("u1", 0, 255, 3), 2, 8),
    "RGB of 16 bits": partial(png, levels("u2", 0, 65535, 3), 2, 16),
    "RGB of 12 bits in 16": partial(png, levels("u2", 0, 4095, 3), 2, 16),
    "palette of 2 bits": partial(png, levels("u1", 0, 2), 3, 2, _GREY_PALETTE),
    "palette of 8 bits": partial(png, levels("u1", 0, 2), 3, 8, _GREY_PALETTE),
    "grey and alpha of 8 bits": partial(png, with_alpha(levels("u1", 0, 255), 255), 4, 8),
    "grey and alpha of 16 bits": partial(png, with_alpha(levels("u2", 0, 65535), 65535), 4, 16),
    "grey and alpha of 12 bits in 16": partial(png, with_alpha(levels("u2", 0, 4095), 65535), 4, 16),
    "RGBA of 8 bits": partial(png, with_alpha(levels("u1", 0, 255, 3), 255), 6, 8),
    "RGBA of 16 bits": partial(png, with_alpha(levels("u2", 0, 65535, 3), 65535), 6, 16),
    "RGBA of 12 bits in 16": partial(png, with_alpha(levels("u2", 0, 4095, 3), 65535), 6, 16),
}


@pytest.mark.parametrize("name", _PNGS)
def test_every_depth_and_meaning_of_png_keeps_ink_black_and_paper_white(name: str) -> None:
    ink, half, paper = seen(_PNGS[name]()).astype(int)
    assert ink.max() <= 2
    assert paper.min() >= 253
    assert abs(half - 128).max() <= (128 if "1 bit" in name else 48)


def test_a_page_of_a_kind_that_is_not_read_says_what_it_is() -> None:
    log_luv = tiff(levels("u2", 0, 65535, 3), 32845)
    with pytest.raises(UnsupportedFormat, match="colours of the kind 32845") as raised:
        decode(log_luv, LIMITS)
    assert raised.value.hint


# By tifffile 2026.3.3 and imagecodecs 2026.3.6: 96 x 48 samples of 12 bits, paper 3,900 with a darker field of 350.
_JPEG_OF_12_BITS = (
    "SUkqAAgAAAAMAAABBAABAAAAYAAAAAEBBAABAAAAMAAAAAIBAwABAAAADAAAAAMBAwABAAAABwAAAAYBAwABAAAAAQAAABEBBAABAAAAsAAAABUBAwAB"
    "AAAAAQAAABYBBAABAAAAMAAAABcBBAABAAAAvgAAABoBBQABAAAAngAAABsBBQABAAAApgAAACgBAwABAAAAAQAAAAAAAAABAAAAAQAAAAEAAAABAAAA"
    "AAD/2P/gABBKRklGAAEBAAABAAEAAP/bAEMAAgEBAQEBAgEBAQICAgICBAMCAgICBQQEAwQGBQYGBgUGBgYHCQgGBwkHBgYICwgJCgoKCgoGCAsMCwoM"
    "CQoKCv/BAAsMADAAYAEBEQD/xAAXAAEBAQEAAAAAAAAAAAAAAAAADgoN/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQAAPwDv/jHmAAAAAAAAiIcA"
    "AW7wAiIcAAW7wAAAAAAAAP/Z"
)


def test_grey_jpeg_of_12_bits_within_a_tiff_is_read() -> None:
    pixels = decode(base64.b64decode(_JPEG_OF_12_BITS), LIMITS).image.pixels
    assert pixels.shape == (48, 96, 3)
    assert abs(pixels[24, 48].astype(int) - 350 * 255 // 4095).max() <= 2
    assert abs(pixels[40, 90].astype(int) - 3900 * 255 // 4095).max() <= 2


def test_jpeg_of_12_bits_in_colours_within_a_tiff_is_named() -> None:
    """Pillow has no mode for it."""
    fields: dict[int, Any] = {256: [72], 257: [20], 258: [12] * 3, 259: [7], 262: [6], 277: [3], 278: [20]}
    with pytest.raises(UnsupportedFormat, match="12 bits in JPEG"):
        decode(tiff_file((fields, [b"\xff\xd8"])), LIMITS)


def test_jpeg_of_12_bits_that_is_cut_is_damaged() -> None:
    fields: dict[int, Any] = {256: [72], 257: [20], 258: [12], 259: [7], 262: [1], 277: [1], 278: [20]}
    with pytest.raises(NotAnImage, match="damaged"):
        decode(tiff_file((fields, [b"\xff\xd8"])), LIMITS)


def encoded(kind: str, picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    PIL.Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("compression", "kind"), [(50001, "WEBP"), (34712, "JPEG2000"), (34933, "PNG")])
def test_strips_and_tiles_may_be_image_files(compression: int, kind: str, channels: int, tile: int | None) -> None:
    ramp = levels("u1", 0, 255, 1 if channels == 1 else 3)
    picture = with_alpha(ramp, 255) if channels == 4 else ramp
    picture = picture.squeeze() if channels == 1 else picture
    height, width = picture.shape[:2]
    step_x, step_y = (tile, tile) if tile else (width, 8)
    padded = np.pad(picture, ((0, -height % step_y), (0, -width % step_x), *[(0, 0)] * (picture.ndim - 2)), "edge")
    padded = padded if tile else picture
    parts = [
        encoded(kind, np.ascontiguousarray(padded[y : y + step_y, x : x + step_x]))
        for y in range(0, height, step_y)
        for x in range(0, width, step_x)
    ]
    fields: dict[int, Any] = {256: [width], 257: [height], 258: [8] * channels, 259: [compression]}
    fields |= {262: [1 if channels == 1 else 2], 277: [channels]}
    fields |= {322: [tile], 323: [tile]} if tile else {278: [step_y]}
    ink, half, paper = seen(tiff_file((fields, parts))).astype(int)
    assert ink.max() <= 2
    assert paper.min() >= 253
    assert abs(half - 128).max() <= 4


def test_a_part_that_is_larger_than_its_place_is_not_decoded() -> None:
    fields: dict[int, Any] = {256: [72], 257: [20], 258: [8], 259: [34933], 262: [1], 277: [1], 278: [20]}
    bomb = encoded("PNG", np.zeros((3000, 3000), np.uint8))
    with pytest.raises(NotAnImage, match="a part of 3000x3000 px"):
        decode(tiff_file((fields, [bomb])), LIMITS)
    with pytest.raises(NotAnImage, match="a part is no PNG"):
        decode(tiff_file((fields, [b"something else"])), LIMITS)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=["lossy", "lossless"])
def test_a_webp_without_transparency_is_what_pillow_makes_of_it(options: dict[str, Any]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(noise).save(file, "WEBP", **options)
    with PIL.Image.open(file) as by_pillow:
        np.testing.assert_array_equal(
            decode(file.getvalue(), LIMITS).image.pixels, np.asarray(by_pillow.convert("RGB"))
        )


def test_a_webp_whose_pixels_are_damaged_is_told() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    file = encoded("WEBP", noise)
    with pytest.raises(NotAnImage, match="WEBP file is damaged"):
        decode(file[:60] + bytes(len(file) - 60), LIMITS)


def test_a_webp_of_48_megapixels_is_within_the_default_limits() -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (16, 16)).save(file, "WEBP", quality=80)
    small = file.getvalue()
    assert small[12:16] == b"VP8 "
    large = small[:26] + struct.pack("<HH", 8000, 6000) + small[30:]  # RFC 6386, section 9.1
    header = inspect(large, DecodingLimits.of(LimitsConfig()))
    assert (header.width_px, header.height_px) == (8000, 6000)
