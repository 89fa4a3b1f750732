"""ALTO with a file for each page, in a ZIP archive: for readers that make one page of all that a file has."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats import alto
from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage, archive_of
from ocr.contract import DocumentAnswer, TextAnswer


def write(answer: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
    return archive_of((page.number, alto.write(answer, [page]).content) for page in pages)


FORMAT = OutputFormat("alto.zip", "application/alto+zip", write, ("application/vnd.alto+zip",), is_archive=True)
