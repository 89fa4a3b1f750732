"""A program of its own that takes the pages out of a file: PDF, TIFF of many pages, or one image.

    python -c 'from segmentation.files.page_renderer import main; main()' < request-file-and-turns > pages

PDFium and the decoders of images are C code that reads what strangers wrote, and PDFium serves one thread at a time.
So they run here, in a process that may use so much memory and no more, and that whoever started it can end at any
moment. It starts in a fraction of a second because it imports little, and gives way to all others.

In: one line of JSON, a `RenderRequest` as a dict and `file_bytes`; the file of so many bytes, or none where `path`
says where it lies; and an empty line whenever the next page is wanted. Out: one line of JSON `{"page_count",
"chosen"}`, and for each page a line `{"page", "file", "picture", "width", "height", "mode", "kind", "dpi", "text"}`
followed by as many bytes as `file`, `picture` and `text` say: the page as a lossless image file for reading, if asked
as a picture to lay text over, and what a page of a PDF says by itself (`RenderedPage.text`, as JSON). What cannot be
done is a line `{"error": [code, message, hint], "page"}`, without `page` when it is the whole file. Sizes are pixels.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import PIL.Image

from ocr.file_kinds import HEAD_BYTES, pdf_start
from segmentation.files.image_pages import MAX_IMAGE_BYTES, ImagePages, LongTiff
from segmentation.files.images.resolution import Resolution
from segmentation.files.images.tiff import is_tiff
from segmentation.files.own_process import MEMORY_BYTES, allow_processor, confine
from segmentation.files.pdf.pdf_pages import PdfPage, PdfPages
from segmentation.files.rendered_page import RefusedFile, RenderedPage, RenderRequest, chosen_pages

CPU_S = 5
CPU_A_PAGE_S = 1
"""The processor time that it may use: so much, and so much more for each page that is asked for, within the limit that
the request names.
"""
_JPEG_QUALITY = 85


def _of_pdf(page: PdfPage, request: RenderRequest) -> RenderedPage:
    if page.picture is None:
        return RenderedPage(b"", b"", page.width, page.height, "L", "", page.dpi, page.text)
    return replace(_rendered(page.picture, page.dpi, request), text=page.text)


def _of_image(pages: ImagePages, number: int, request: RenderRequest) -> RenderedPage:
    page = pages.draw(number)
    return page if isinstance(page, RenderedPage) else _rendered(*page, request)


def _rendered(picture: PIL.Image.Image, resolution: Resolution, request: RenderRequest) -> RenderedPage:
    shown, kind = b"", ""
    if request.pictures:
        # Two colours as JPEG would be larger and smeared.
        kind = "png" if picture.mode == "1" else "jpeg"
        shown = _saved(picture, kind, resolution)
    file = _saved(picture, "png", resolution) if request.files else b""
    return RenderedPage(file, shown, *picture.size, picture.mode, kind, resolution)


def _saved(picture: PIL.Image.Image, kind: str, resolution: Resolution) -> bytes:
    options: dict[str, Any] = {
        "png": {"compress_level": 1},  # made to travel once, not to be kept
        "jpeg": {"quality": _JPEG_QUALITY},
    }[kind]
    file = io.BytesIO()
    picture.save(file, kind, dpi=resolution, **options)
    return file.getvalue()


def rendered_pages(request: RenderRequest, file: bytes | Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What is written out: the head of each answer and the bytes that follow it."""
    try:
        pages = _pages_at(file, request) if isinstance(file, Path) else _pages_of(file, request)
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


def _pages_of(file: bytes, request: RenderRequest) -> PdfPages | ImagePages:
    return PdfPages(file, request) if file.startswith(b"%PDF") else ImagePages(file, request)


def _pages_at(path: Path, request: RenderRequest) -> PdfPages | ImagePages:
    """The pages of a file that may be larger than the memory. Raises RefusedFile."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if pdf_start(head) is not None:
        return PdfPages(path, request)
    size = path.stat().st_size
    if size <= MAX_IMAGE_BYTES:
        return ImagePages(path.read_bytes(), request)
    if is_tiff(head):
        return ImagePages(LongTiff(path), request)
    message = f"the file has {size} bytes; the limit for one that is no PDF and no TIFF is {MAX_IMAGE_BYTES}"
    raise RefusedFile("too_large", message, "shrink it, or make a PDF of it")


def _page_message(pages: PdfPages | ImagePages, number: int, request: RenderRequest) -> tuple[dict[str, Any], bytes]:
    try:
        drawn = (
            _of_pdf(pages.page(number), request) if isinstance(pages, PdfPages) else _of_image(pages, number, request)
        )
    except RefusedFile as refused:
        return {"page": number, "error": refused.args}, b""
    except MemoryError:
        return {"page": number, "error": _out_of_memory("the page")}, b""
    text = b"" if drawn.text is None else json.dumps(drawn.text).encode()
    head = {
        "page": number,
        "file": len(drawn.file),
        "picture": len(drawn.picture),
        "width": drawn.width,
        "height": drawn.height,
        "mode": drawn.mode,
        "kind": drawn.kind,
        "dpi": drawn.dpi,
        "text": len(text),
    }
    return head, drawn.file + drawn.picture + text


def _out_of_memory(what: str) -> tuple[str, str, str]:
    return "too_large", f"{what} needs more than {MEMORY_BYTES // 1_000_000} MB to be drawn", "simplify or shrink it"


def main() -> None:
    """Answer the one request that comes in, within the memory and the time that are allowed."""
    with suppress(BrokenPipeError):  # nobody wants the rest
        _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    confine()
    length, path, request = _request(source.readline())
    allow_processor(min(CPU_S, request.max_processor_s))
    for head, content in rendered_pages(request, source.read(length) if path is None else Path(path)):
        if "chosen" in head:
            allow_processor(min(CPU_S + CPU_A_PAGE_S * len(head["chosen"]), request.max_processor_s))
        target.write(json.dumps(head).encode() + b"\n")
        target.write(content)
        target.flush()
        if not source.readline():  # no more pages are wanted
            break


def _request(line: bytes) -> tuple[int, str | None, RenderRequest]:
    """How many bytes the file has or where it lies, and what is asked of it."""
    told = json.loads(line)
    return told.pop("file_bytes"), told.pop("path", None), RenderRequest(**told)
