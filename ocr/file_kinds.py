"""What a file is, told by its first bytes: neither its name nor what else is in it counts. Plain bytes."""

from __future__ import annotations

import re
import struct

_PDF = b"%PDF-"
# Acrobat looks for the head of a PDF in so many bytes (PDF 32000-1, annex H, note 13); mail gateways and exporters put
# byte-order marks, empty lines and MIME heads before it.
_PDF_HEAD_WITHIN = 1024

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"II\0*", "TIFF"),
    (b"MM*\0", "TIFF"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x8aMNG", "MNG"),
    (b"\0\0\x01\0", "ICO"),
    (b"8BPS", "Photoshop"),
    (b"AT&TFORM", "DjVu"),
    (b"\x97JB2", "JBIG2"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
)
# What is sent besides, by mistake or in hope: named, so that an error can say what it is.
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"{\\rtf", "RTF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"<svg", "SVG"),
    (b"<?xm", "XML"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"gimp xcf", "XCF"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"SIMPLE  =", "FITS"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"\x0a\x05\x01\x08", "PCX"),
    (b"\x1aE\xdf\xa3", "a film"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
)
_PNM = re.compile(rb"P[1-7][\s#]")
_DICOM_AT = 128

_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevm": "HEIC",
    b"hevs": "HEIC",
    b"crx ": "a camera's raw file",
    b"isom": "a film",
    b"mp41": "a film",
    b"mp42": "a film",
    b"qt  ": "a film",
}


_ANY_CODEC = frozenset({b"mif1", b"msf1", b"miaf"})
"""Brands that say how an image is stored (ISO 23008-12) and not by which codec; the other brands of the file do."""


def kind_of(head: bytes) -> str | None:
    """The kind of an image or a document by its first `HEAD_BYTES`, as people name it; None for anything else."""
    image = _image_kind(head)
    if image is not None:
        return image
    return "PDF" if pdf_start(head) is not None else _other_kind(head)


HEAD_BYTES = _PDF_HEAD_WITHIN + len(_PDF)
"""So much of a file says what it is."""


def pdf_start(file: bytes) -> int | None:
    """Where a PDF begins in the file, which may have something before it; None when the file is no PDF."""
    if file.startswith(b"%PDF"):
        return 0
    at = file.find(_PDF, 0, HEAD_BYTES)
    return None if at < 0 or _image_kind(file[:16]) is not None else at


def late_pdf_start(file: bytes) -> int | None:
    """Where `%PDF-` stands in a file that has too much before it to be taken for a PDF."""
    at = file.find(_PDF, 0, 64 * _PDF_HEAD_WITHIN)
    return None if at < 0 or _image_kind(file[:16]) is not None else at


def has_second_page(file: bytes) -> bool:
    """Whether a TIFF has a directory behind its first (TIFF 6.0, section 2; BigTIFF)."""
    if not file.startswith((b"II", b"MM")) or _image_kind(file[:16]) != "TIFF":
        return False
    order, wide = ("<" if file.startswith(b"II") else ">"), b"+" in file[2:4]
    count_as, offset_as, entry_bytes = (f"{order}Q", f"{order}Q", 20) if wide else (f"{order}H", f"{order}I", 12)
    try:
        (first,) = struct.unpack_from(offset_as, file, 8 if wide else 4)
        (entries,) = struct.unpack_from(count_as, file, first)
        (second,) = struct.unpack_from(offset_as, file, first + struct.calcsize(count_as) + entries * entry_bytes)
    except (struct.error, OverflowError):
        return False
    return bool(second)


def _other_kind(head: bytes) -> str | None:
    text = head[:64].lstrip().lower()
    for magic, name in _OTHERS:
        if head.startswith(magic) or (magic.startswith((b"<", b"%")) and text.startswith(magic.lower())):
            return name
    if _PNM.match(head):
        return "PNM"
    return "DICOM" if head.startswith(b"DICM", _DICOM_AT) else None


def _image_kind(head: bytes) -> str | None:
    for magic, name in _IMAGES:
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return _kind_by_brands(head) if head[4:8] == b"ftyp" else None


def _kind_by_brands(head: bytes) -> str | None:
    brand = head[8:12]
    if brand not in _ANY_CODEC:
        return _BRANDS.get(brand)
    end = min(int.from_bytes(head[:4], "big"), len(head))
    others = (_BRANDS.get(head[at : at + 4]) for at in range(16, end - 3, 4))
    return next((kind for kind in others if kind is not None), "HEIC")
