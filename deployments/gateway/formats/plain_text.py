"""Plain text: the lines in reading order, an empty row between blocks, a form feed between pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.gateway.formats.output_format import DocumentHead, OutputFormat, OutputPage, PageByPage

_NEXT_PAGE = "\f"


def _parts(_: DocumentHead, pages: Iterable[OutputPage]) -> Iterator[bytes]:
    before = ""
    for page in pages:
        yield f"{before}{page.answer.text}\n".encode("utf-8", "replace")
        before = _NEXT_PAGE


_BY_PAGE = PageByPage("text/plain; charset=utf-8", _parts)
FORMAT = OutputFormat("text", "text/plain", _BY_PAGE.whole, by_page=_BY_PAGE)
