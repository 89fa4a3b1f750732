"""hOCR with a file for each page, in a ZIP archive: for readers that take the first page of a file."""

from __future__ import annotations

from deployments.gateway.formats import hocr
from deployments.gateway.formats.output_format import archive_format

FORMAT = archive_format(hocr.FORMAT, "hocr")
