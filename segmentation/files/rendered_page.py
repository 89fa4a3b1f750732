"""What is asked of a file of pages, what comes of each page, and which pages there are to draw. Sizes are pixels.

Imports nothing but the standard library: the program that draws starts for each document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_SIDE_PX = 32_000


@dataclass(frozen=True)
class RenderRequest:
    """What is asked of a file. `pages` is as in the contract ("1-3,7"), None for all; `pictures` asks for
    pictures to lay text over, `files` for files to read. `dpi` is for the pages of a PDF; None chooses it by
    what is on each. `existing_text` is for the text that they have: "use" answers a page from the text that is seen on
    it, "skip" also from one that nobody sees, "redo" from none. All pages together may take `max_processor_s` of a
    processor; to decode an image, `max_decoding_mb` and about `max_decoding_s`.
    """

    pages: str | None
    dpi: int | None
    existing_text: str
    max_pages: int
    max_pixels: int
    files: bool
    pictures: bool
    max_processor_s: float
    max_decoding_mb: float
    max_decoding_s: float


class RefusedFile(Exception):
    """What is wrong with the file or a page: the code of an error of ocr.errors, a message and a hint; behind them how
    many pages one request may have read, where a document has more.
    """


@dataclass(frozen=True)
class RenderedPage:
    """One page: `file` for reading, `picture` to lay text over, of `kind` jpeg or png and a mode of Pillow's, with
    so many pixels an inch across and down.

    `text` is of a page of a PDF: its `source`, "existing" for one that is answered from its `lines` and not drawn, else
    "read"; `seen_boxes`, where text is seen on a page that is read; `has_hidden`, whether it has text that nobody sees;
    `to_units`, the matrix from pixels to units of the page.
    """

    file: bytes
    picture: bytes
    width: int
    height: int
    mode: str
    kind: str
    dpi: tuple[float, float]
    text: dict[str, Any] | None = None


def chosen_pages(pages: str | None, page_count: int, max_pages: int) -> list[int]:
    """The page numbers that `pages` names, each once, in ascending order. Raises RefusedFile."""
    if pages is None:
        if page_count > max_pages:
            raise RefusedFile(
                "too_large",
                f"the document has {page_count} pages; the limit is {max_pages} in one request",
                in_parts(max_pages),
                max_pages,
            )
        return list(range(1, page_count + 1))
    chosen: set[int] = set()
    for part in pages.split(","):
        first, dash, last = part.partition("-")
        end = int(last) if last else (page_count if dash else int(first))
        if not 1 <= int(first) <= end <= page_count:
            raise RefusedFile(
                "out_of_range", f"pages={pages}: the document has the pages 1 to {page_count}", "ask for some of them"
            )
        if end - int(first) >= max_pages:
            raise _too_many(pages, end - int(first) + 1, max_pages)
        chosen.update(range(int(first), end + 1))
    if len(chosen) > max_pages:
        raise _too_many(pages, len(chosen), max_pages)
    return sorted(chosen)


def in_parts(max_pages: int) -> str:
    """What to do with a document of more pages than one request may have read."""
    return f"read it in parts: pages=1-{max_pages}, then pages={max_pages + 1}-{2 * max_pages} and so on"


def _too_many(pages: str, count: int, max_pages: int) -> RefusedFile:
    return RefusedFile(
        "too_large",
        f"pages={pages} are {count} pages; the limit is {max_pages} in one request",
        "ask for fewer at once",
        max_pages,
    )


def require_size(width: int, height: int, max_pixels: int, remedy: str) -> None:
    """Raise RefusedFile unless a page of that size may be drawn."""
    if width * height > max_pixels or max(width, height) > MAX_SIDE_PX:
        raise RefusedFile(
            "too_large",
            f"the page has {width}x{height} px; the limit is {max_pixels} pixels and {MAX_SIDE_PX} px a side",
            remedy,
        )
