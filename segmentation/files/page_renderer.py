"""A program of its own that takes the pages out of a file: PDF, TIFF of many pages, or one image.

    python -c 'from segmentation.files.page_renderer import main; main()' < request-file-and-turns > pages

PDFium and the decoders of images are C code that reads what strangers wrote, and PDFium serves one thread at a time.
So they run here, in a process that may use so much memory and no more, and that whoever started it can end at any
moment. It starts in a fraction of a second because it imports little, and gives way to all others.

In: one line of JSON, a `RenderRequest` as a dict and `file_bytes`; the file of so many bytes; and an empty line
whenever the next page is wanted. Out: one line of JSON `{"page_count", "chosen"}`, and for each page a line `{"page",
"file", "picture", "width", "height", "mode", "kind", "dpi"}` followed by as many bytes as `file` and `picture` say: the
page as a lossless image file for reading, and, if asked, as a picture to lay text over. What cannot be done is a line
`{"error": [code, message, hint], "page"}`, without `page` when it is the whole file. Sizes are pixels.
"""

from __future__ import annotations

import io
import json
import math
import os
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import PIL.Image
import PIL.ImageOps

from segmentation.files.pdf_pages import PdfPages
from segmentation.files.rendered_page import RefusedFile, RenderedPage, RenderRequest, chosen_pages, require_size

MEMORY_BYTES = 900_000_000
"""All that this process may have, programs and libraries too."""
CPU_S = 5
CPU_A_PAGE_S = 1
"""The processor time that it may use: so much, and so much more for each page that is asked for, within the limit that
the request names.
"""
NICENESS = 5
"""By so much the process gives way to others: beside one that is busy it gets a quarter of a core."""
DEFAULT_DPI = 200
_IMAGES = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
_KEPT_BY_PNG = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_JPEG_QUALITY = 85
_MOST_ENTRIES = 1000

PIL.Image.MAX_IMAGE_PIXELS = None  # the limit is part of the request


class ImagePages:
    """The pages of a TIFF, or an image as its only page."""

    def __init__(self, file: bytes, request: RenderRequest) -> None:
        self._file = file
        self._request = request
        try:
            self._places = tiff_pages(file) if is_tiff(file) else [0]
        except ValueError as error:
            raise RefusedFile("not_an_image", f"the TIFF is damaged: {error}", "save it again") from error
        self.count = len(self._places)

    def render(self, number: int) -> RenderedPage:
        try:
            picture = PIL.Image.open(io.BytesIO(self._page_file(number)), formats=_IMAGES)
            require_size(*picture.size, self._request.max_pixels, "scale it down, or cut it into parts")
            dpi = _dpi(picture)
            if not self._request.files and _is_plain_jpeg(picture):
                return RenderedPage(b"", self._file, *picture.size, picture.mode, "jpeg", dpi)
            picture.load()
            return _rendered(PIL.ImageOps.exif_transpose(picture), dpi, self._request)
        except (RefusedFile, MemoryError):
            raise
        except Exception as error:  # Pillow's decoders promise no single type
            raise RefusedFile("not_an_image", f"the page is damaged: {error}", "send a file that opens") from error

    def _page_file(self, number: int) -> bytes:
        """The file, with that page as its first: to seek a late page of a TIFF, Pillow reads all those before it."""
        if number == 1:
            return self._file
        order, wide = tiff_layout(self._file)
        first = struct.pack(f"{order}{'Q' if wide else 'I'}", self._places[number - 1])
        at = 8 if wide else 4
        return self._file[:at] + first + self._file[at + len(first) :]


def _is_plain_jpeg(picture: PIL.Image.Image) -> bool:
    """Whether the file can be taken into a PDF as it is: upright, grey or RGB."""
    return picture.format == "JPEG" and picture.mode in ("L", "RGB") and picture.getexif().get(0x0112, 1) == 1


def _dpi(picture: PIL.Image.Image) -> float:
    try:
        dpi = float(picture.info["dpi"][0])
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return float(DEFAULT_DPI)
    return dpi if 36.0 <= dpi <= 2400.0 else float(DEFAULT_DPI)


def is_tiff(file: bytes) -> bool:
    """Also by the two heads whose bytes are in the wrong order: Pillow reads such files."""
    return file[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")


def tiff_layout(file: bytes) -> tuple[str, bool]:
    """The byte order as `struct` writes it, and whether it is a BigTIFF."""
    return ("<" if file[:2] == b"II" else ">"), b"+" in file[2:4]


def tiff_pages(file: bytes, most: int = 1_000_000) -> list[int]:
    """Where the directory of each page of a TIFF begins, `most` of them (TIFF 6.0, section 2; BigTIFF).

    Raises ValueError when the list of pages leads out of the file or round in a circle, and for a directory of more
    entries than any program writes: Pillow takes a fraction of a millisecond for each.
    """
    order, wide = tiff_layout(file)
    count_as, offset_as, entry_bytes = (f"{order}Q", f"{order}Q", 20) if wide else (f"{order}H", f"{order}I", 12)
    places: dict[int, None] = {}
    try:
        (place,) = struct.unpack_from(offset_as, file, 8 if wide else 4)
        while place and len(places) < most:
            if place in places:
                raise ValueError(f"its page {len(places) + 1} is one that was there before")
            (entries,) = struct.unpack_from(count_as, file, place)
            if entries > _MOST_ENTRIES:
                raise ValueError(f"its page {len(places) + 1} has {entries} entries")
            places[place] = None
            (place,) = struct.unpack_from(offset_as, file, place + struct.calcsize(count_as) + entries * entry_bytes)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"the list of its pages leads out of the file after page {len(places)}") from error
    return list(places)


def _rendered(picture: PIL.Image.Image, dpi: float, request: RenderRequest) -> RenderedPage:
    shown, kind, mode = b"", "", picture.mode
    if request.pictures:
        on_paper = _on_paper(picture)
        # Two colours as JPEG would be larger and smeared.
        kind, mode = ("png" if on_paper.mode == "1" else "jpeg"), on_paper.mode
        shown = _saved(on_paper, kind)
    file = _saved(picture, "png" if picture.mode in _KEPT_BY_PNG else "tiff") if request.files else b""
    return RenderedPage(file, shown, *picture.size, mode, kind, dpi)


def _on_paper(picture: PIL.Image.Image) -> PIL.Image.Image:
    """In mode 1, L or RGB, transparency over white."""
    if picture.mode.startswith("I") or picture.mode == "F":
        grey = picture.convert("F")
        extrema: Any = grey.getextrema()
        brightest = float(extrema[1])
        scale = 255.0 / (65535.0 if brightest > 255.0 else max(brightest, 1.0))
        return grey.point(lambda level: level * scale + 0.0).convert("L")
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        paper = PIL.Image.new("RGB", coloured.size, "white")
        paper.paste(coloured, mask=coloured.getchannel("A"))
        return paper
    return picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")


def _saved(picture: PIL.Image.Image, kind: str) -> bytes:
    options: dict[str, Any] = {
        "png": {"compress_level": 1},  # made to travel once, not to be kept
        "jpeg": {"quality": _JPEG_QUALITY},
        "tiff": {},
    }[kind]
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def rendered_pages(request: RenderRequest, file: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What is written out: the head of each answer and the bytes that follow it."""
    try:
        pages = PdfPages(file, request) if file.startswith(b"%PDF") else ImagePages(file, request)
        chosen = chosen_pages(request.pages, pages.count, request.max_pages)
    except RefusedFile as refused:
        yield {"error": refused.args}, b""
        return
    except MemoryError:
        yield {"error": _out_of_memory("the file")}, b""
        return
    yield {"page_count": pages.count, "chosen": chosen}, b""
    for number in chosen:
        yield _page_message(pages, number, request)


def _page_message(pages: PdfPages | ImagePages, number: int, request: RenderRequest) -> tuple[dict[str, Any], bytes]:
    try:
        drawn = _rendered(*pages.draw(number), request) if isinstance(pages, PdfPages) else pages.render(number)
    except RefusedFile as refused:
        return {"page": number, "error": refused.args}, b""
    except MemoryError:
        return {"page": number, "error": _out_of_memory("the page")}, b""
    head = {
        "page": number,
        "file": len(drawn.file),
        "picture": len(drawn.picture),
        "width": drawn.width,
        "height": drawn.height,
        "mode": drawn.mode,
        "kind": drawn.kind,
        "dpi": drawn.dpi,
    }
    return head, drawn.file + drawn.picture


def _out_of_memory(what: str) -> tuple[str, str, str]:
    return "too_large", f"{what} needs more than {MEMORY_BYTES // 1_000_000} MB to be drawn", "simplify or shrink it"


def main() -> None:
    """Answer the one request that comes in, within the memory and the time that are allowed."""
    with suppress(BrokenPipeError):  # nobody wants the rest
        _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    length, request = _request(source.readline())
    _allow(min(CPU_S, request.max_processor_s))
    for head, content in rendered_pages(request, source.read(length)):
        if "chosen" in head:
            _allow(min(CPU_S + CPU_A_PAGE_S * len(head["chosen"]), request.max_processor_s))
        target.write(json.dumps(head).encode() + b"\n")
        target.write(content)
        target.flush()
        if not source.readline():  # no more pages are wanted
            break


def _request(line: bytes) -> tuple[int, RenderRequest]:
    """How many bytes the file has, and what is asked of it."""
    told = json.loads(line)
    return told.pop("file_bytes"), RenderRequest(**told)


def _allow(seconds: float) -> None:
    """Of the processor; then the system ends the process (SIGXCPU)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), hard))
