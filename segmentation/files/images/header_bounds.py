"""How much may stand in the header of an image file, found out before Pillow reads it.

Pillow goes through chunks, markers and tags in Python, one to three microseconds each, and nothing else of the process
runs meanwhile: a file of 10 MB can hold millions. What is allowed here no program comes near, and costs milliseconds.
This file looks at counts only; whether a header makes sense is Pillow's business, and what it would stop at ends the
look too.
"""

from __future__ import annotations

import re
import struct

from PIL.JpegImagePlugin import MARKER

from ocr.errors import NotAnImage, TooLarge
from segmentation.files.images.jpeg2000 import header_parts, is_jpeg2000
from segmentation.files.images.tiff import is_tiff, tiff_layout, tiff_pages

_FEW = 1000
_BYTES_EACH = 1024  # and one more chunk or marker for each so many bytes of the file
_MAX_TAGS = 1000
_MAX_VALUES = 100_000  # 20 million pixels in tiles of 16 x 16 are 78,000
_MAX_TABLE_BYTES = 20_000  # of a JPEG's tables before its first scan, which take some hundreds
_MAX_PHOTOSHOP_BLOCKS = 1000

# TIFF 6.0: the tags whose values Pillow goes through one by one.
_LISTS = {
    258: "depths of samples",
    273: "strips",
    279: "strips",
    324: "tiles",
    325: "tiles",
    338: "kinds of samples",
    339: "forms of samples",
}
_EXIF_PREFIX = re.compile(rb"(?:Exif\0\0){0,2}")


def require_short_header(data: bytes) -> None:
    """Raises TooLarge for a file whose header holds more parts than any program writes, and NotAnImage for a TIFF whose
    list of pages cannot be followed.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _require_few_chunks(data)
    elif data.startswith(b"\xff\xd8\xff"):
        _require_few_markers(data)
    elif is_tiff(data):
        _require_few_values(data)
    elif is_jpeg2000(data):
        most = _most_parts(data)
        if header_parts(data, most) >= most:
            raise TooLarge(f"the JPEG 2000 file has {most} boxes and markers or more", "save it again")


def require_few_tags(exif: bytes) -> None:
    """Raises TooLarge for an EXIF note (with or without its first six bytes) with too many tags."""
    start = _EXIF_PREFIX.match(exif).end()  # type: ignore[union-attr] # it matches nothing, too
    order, wide = tiff_layout(exif[start : start + 4])
    try:
        (place,) = struct.unpack_from(f"{order}Q" if wide else f"{order}I", exif, start + (8 if wide else 4))
        (tags,) = struct.unpack_from(f"{order}Q" if wide else f"{order}H", exif, start + place)
    except struct.error:
        return
    if tags > _MAX_TAGS:
        raise TooLarge(f"the EXIF data has {tags} tags; the limit is {_MAX_TAGS}", "save the image without it")


def _require_few_chunks(png: bytes) -> None:
    """A chunk is its length in four bytes, four for its kind, its content and four of a checksum (PNG, section 5.3)."""
    most = _most_parts(png)
    at = 8
    for _ in range(most):
        if at + 8 > len(png):
            return
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    raise TooLarge(f"the PNG file has more than {most} chunks", "save it again")


def _require_few_markers(jpeg: bytes) -> None:
    """A marker is 0xFF and its code; behind most stands a length in two bytes, which it counts in (ITU T.81, B.1.1)."""
    most, looked_at, table_bytes = _most_parts(jpeg), 0, 0
    exif: list[bytes] = []
    at = 2
    while True:
        marker = jpeg.find(b"\xff", at)
        if not 0 <= marker < len(jpeg) - 1:
            break
        looked_at += 1 + marker - at  # of what stands between markers Pillow looks at each byte
        if looked_at > most:
            raise TooLarge(f"the JPEG file has more than {most} markers and bytes between them", "save it again")
        code, at = jpeg[marker + 1], marker + 2
        if code == 0xFF:  # a byte that fills
            at = marker + 1
        elif code == 0xDA or (code and 0xFF00 + code not in MARKER):  # the first scan, or what Pillow refuses
            break
        elif code and MARKER[0xFF00 + code][2] is not None:
            length = max(2, int.from_bytes(jpeg[at : at + 2], "big"))
            if code == 0xE1 and jpeg.startswith(b"Exif\0\0", at + 2):
                exif.append(jpeg[at + 8 : at + length])
            elif not 0xE0 <= code <= 0xEF and code != 0xFE:
                table_bytes += length
            at += length
    if table_bytes > _MAX_TABLE_BYTES:
        raise TooLarge(f"the JPEG file has {table_bytes} bytes of tables before its first scan", "save it again")
    if jpeg.count(b"8BIM", 0, at) > _MAX_PHOTOSHOP_BLOCKS:
        raise TooLarge(f"the JPEG file has more than {_MAX_PHOTOSHOP_BLOCKS} Photoshop blocks", "save it again")
    require_few_tags(b"".join(exif))


def _require_few_values(tiff: bytes) -> None:
    """Looks at the first two pages: that is how far Pillow reads to see whether there is more than one."""
    order, wide = tiff_layout(tiff)
    count_as, entry_as = (f"{order}Q", f"{order}HHQ8x") if wide else (f"{order}H", f"{order}HHI4x")
    try:
        places = tiff_pages(tiff, 2)
    except ValueError as error:
        raise NotAnImage(f"the TIFF file is damaged: {error}", "send a file that an image viewer can open") from error
    for place in places:
        (tags,) = struct.unpack_from(count_as, tiff, place)
        start = place + struct.calcsize(count_as)
        entries = tiff[start : start + tags * struct.calcsize(entry_as)]
        for tag, _, values in struct.iter_unpack(entry_as, entries):
            if tag in _LISTS and values > _MAX_VALUES:
                raise TooLarge(
                    f"a page of the TIFF file has {values} {_LISTS[tag]}; the limit is {_MAX_VALUES}",
                    "save it in larger strips or tiles",
                )


def _most_parts(data: bytes) -> int:
    return _FEW + len(data) // _BYTES_EACH
