"""JSON: the answer of the contract as it is."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats.sheets import Format, Sheet, Written
from ocr.contract import DocumentAnswer, TextAnswer


def write(answer: TextAnswer | DocumentAnswer, _: Sequence[Sheet]) -> Written:
    return Written(answer.model_dump_json().encode(), FORMAT.media_type)


FORMAT = Format("json", "application/json", write, tells_failures=True)
