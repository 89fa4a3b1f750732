"""Plain text: the lines in reading order, an empty row between blocks, a form feed between pages."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage
from ocr.contract import DocumentAnswer, TextAnswer

_NEXT_PAGE = "\f"


def write(_: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
    text = _NEXT_PAGE.join(f"{page.answer.text}\n" for page in pages)
    return OutputFile(text.encode("utf-8", "replace"), "text/plain; charset=utf-8")


FORMAT = OutputFormat("text", "text/plain", write)
