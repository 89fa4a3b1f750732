"""JSON: the answer of the contract as it is."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage
from ocr.contract import DocumentAnswer, TextAnswer


def write(answer: TextAnswer | DocumentAnswer, _: Sequence[OutputPage]) -> OutputFile:
    return OutputFile(answer.model_dump_json().encode(), FORMAT.media_type)


FORMAT = OutputFormat("json", "application/json", write, can_hold_failures=True)
