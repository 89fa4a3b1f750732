"""ALTO with a file for each page, in a ZIP archive: for readers that make one page of all that a file has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.gateway.formats import alto
from deployments.gateway.formats.output_format import (
    ZIP,
    DocumentHead,
    OutputFormat,
    OutputPage,
    PageByPage,
    archive_of,
)


def _parts(document: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    return archive_of((page.number, alto.FORMAT.write(document.answer, [page]).content) for page in pages)


_BY_PAGE = PageByPage(ZIP, _parts)
FORMAT = OutputFormat(
    "alto.zip",
    "application/alto+zip",
    _BY_PAGE.whole,
    ("application/vnd.alto+zip",),
    is_archive=True,
    by_page=_BY_PAGE,
)
