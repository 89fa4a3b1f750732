"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest

from ocr.file_kinds import kind_of, late_pdf_start, pdf_start
from tests.fakes.files import image_file, pdf


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "AVIF"])
def test_images_are_told_by_their_first_bytes(kind: str) -> None:
    assert kind_of(image_file(kind)[:64]) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miafavif", "HEIC"),  # what stands behind the list is none of it
        (b"\0\0\0\x0cjP  \r\n\x87\n\0", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"P6\n8 8 255\n", "PNM"),
        (b"P5 8 8 255\n", "PNM"),
        (b"P999", None),
        (b"PK\x03\x04rest", "a ZIP archive or an office document"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"\n<!DOCTYPE html>", "HTML"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"\0\0\0\x18ftypmp42", "a film"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"AT&TFORM\0\0\0\0DJVM", "DjVu"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_what_is_sent_beside_is_named_and_other_things_are_not(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    "prefix",
    [b"", b"\xef\xbb\xbf", b"\r\n\t \r\n", b"--5f3a\r\nContent-Type: application/pdf\r\n\r\n", b"\0" * 1019, b"%!PS\n"],
)
def test_a_pdf_begins_where_its_head_stands_in_the_first_kilobyte(prefix: bytes) -> None:
    file = prefix + pdf(1)
    assert pdf_start(file) == len(prefix)
    assert kind_of(file) == "PDF"


def test_a_pdf_behind_more_is_found_but_is_not_taken_for_one() -> None:
    file = b"\n" * 5000 + pdf(1)
    assert (pdf_start(file), late_pdf_start(file)) == (None, 5000)
    assert late_pdf_start(b"\n" * 5000) is None


def test_an_image_that_speaks_of_pdf_is_an_image() -> None:
    file = image_file("PNG")[:40] + b"%PDF-1.7" + image_file("PNG")[40:]
    assert (pdf_start(file), late_pdf_start(file), kind_of(file)) == (None, None, "PNG")
