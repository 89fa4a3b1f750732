"""hOCR with a file for each page, in a ZIP archive: for readers that take the first page of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.gateway.formats import hocr
from deployments.gateway.formats.output_format import (
    ZIP,
    DocumentHead,
    OutputFormat,
    OutputPage,
    PageByPage,
    archive_of,
)


def _parts(document: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    return archive_of(((page.number, hocr.FORMAT.write(document.answer, [page]).content) for page in pages), "hocr")


_BY_PAGE = PageByPage(ZIP, _parts)

FORMAT = OutputFormat(
    "hocr.zip",
    "application/hocr+zip",
    _BY_PAGE.whole,
    ("application/vnd.hocr+zip",),
    needs_dpi=True,
    is_archive=True,
    by_page=_BY_PAGE,
)
