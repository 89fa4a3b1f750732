"""Plain text: the lines in reading order, an empty row between blocks, a form feed between pages."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats.sheets import Format, Sheet, Written
from ocr.contract import DocumentAnswer, TextAnswer

_NEXT_PAGE = "\f"


def write(_: TextAnswer | DocumentAnswer, sheets: Sequence[Sheet]) -> Written:
    text = _NEXT_PAGE.join(f"{sheet.answer.text}\n" for sheet in sheets)
    return Written(text.encode("utf-8", "replace"), "text/plain; charset=utf-8")


FORMAT = Format("text", "text/plain", write)
