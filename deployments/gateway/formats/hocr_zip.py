"""hOCR with a file for each page, in a ZIP archive: for readers that take the first page of a file."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.formats import hocr
from deployments.gateway.formats.output_format import OutputFile, OutputFormat, OutputPage, archive_of
from ocr.contract import DocumentAnswer, TextAnswer


def write(answer: TextAnswer | DocumentAnswer, pages: Sequence[OutputPage]) -> OutputFile:
    return archive_of(((page.number, hocr.write(answer, [page]).content) for page in pages), "hocr")


FORMAT = OutputFormat(
    "hocr.zip",
    "application/hocr+zip",
    write,
    ("application/vnd.hocr+zip",),
    needs_dpi=True,
    is_archive=True,
)
