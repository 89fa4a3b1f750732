"""A page of a TIFF as a file of its own looks as it did among the others, however it is stored."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from segmentation.files.images.tiff import UnreadKind, tiff_pages
from segmentation.files.images.tiff_one_page import only_page
from tests.segmentation.files.tiff_files import tiff_file

MOST = 10_000_000


def picture(number: int, mode: str) -> PIL.Image.Image:
    shades = np.random.default_rng(number).integers(0, 256, (70, 90 + number, 3), np.uint8)
    return PIL.Image.fromarray(shades).convert(mode)


def pages_of(file: bytes) -> list[PIL.Image.Image]:
    found = []
    with PIL.Image.open(io.BytesIO(file)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            found.append(image.copy())
    return found


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "jpeg"}),
        ("L", {"compression": "tiff_deflate"}),
        ("CMYK", {"compression": "packbits"}),
        ("P", {}),
        ("1", {"compression": "group4"}),
        ("I;16", {}),
    ],
    ids=str,
)
def test_each_page_is_the_same_alone(mode: str, options: dict[str, Any], big: bool) -> None:
    pictures = [picture(number, "L" if mode == "I;16" else mode).convert(mode) for number in range(3)]
    stored = io.BytesIO()
    pictures[0].save(stored, "TIFF", save_all=True, append_images=pictures[1:], dpi=(150, 75), big_tiff=big, **options)
    file = stored.getvalue()
    for place, whole in zip(tiff_pages(file), pages_of(file), strict=True):
        alone = only_page(file, place, MOST)
        assert len(alone) < len(file)
        [lonely] = pages_of(alone)
        assert (lonely.mode, lonely.size, lonely.info.get("dpi")) == (whole.mode, whole.size, whole.info.get("dpi"))
        np.testing.assert_array_equal(np.asarray(lonely), np.asarray(whole))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_page_in_tiles_in_either_order_of_bytes_is_the_same_alone(order: str) -> None:
    shades = [np.random.default_rng(number).integers(0, 65_536, (100, 80), np.uint16) for number in range(2)]
    stored = io.BytesIO()
    with tifffile.TiffWriter(stored, byteorder=order) as writer:
        for each in shades:
            writer.write(each, tile=(32, 48), compression="zlib")
    file = stored.getvalue()
    for place, whole in zip(tiff_pages(file), shades, strict=True):
        alone = tifffile.imread(io.BytesIO(only_page(file, place, MOST)))
        np.testing.assert_array_equal(alone, whole)


def small(**options: Any) -> bytes:
    stored = io.BytesIO()
    picture(0, "L").save(stored, "TIFF", **options)
    return stored.getvalue()


def test_a_page_that_is_larger_than_it_may_be_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        only_page(small(), tiff_pages(small())[0], 1000)


def test_a_page_that_breaks_off_is_as_short_alone() -> None:
    whole = only_page(small(), tiff_pages(small())[0], MOST)
    torn = whole[:-100]
    assert only_page(torn, tiff_pages(torn)[0], MOST) == torn


def test_an_old_jpeg_and_a_page_without_a_picture_are_refused() -> None:
    old = tiff_file(({256: [10], 257: [10], 513: [8], 514: [20]}, [b"a picture"]))
    with pytest.raises(UnreadKind, match="JPEG"):
        only_page(old, tiff_pages(old)[0], MOST)
    lengths, other = struct.pack("<HH", 279, 4), struct.pack("<HH", 60_000, 4)
    pointless = tiff_file(({256: [10], 257: [10]}, [b"a picture"])).replace(lengths, other)
    with pytest.raises(ValueError, match="where its picture lies"):
        only_page(pointless, tiff_pages(pointless)[0], MOST)
