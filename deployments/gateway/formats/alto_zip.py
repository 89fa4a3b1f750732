"""ALTO with a file for each page, in a ZIP archive: for readers that make one page of all that a file has."""

from __future__ import annotations

from deployments.gateway.formats import alto
from deployments.gateway.formats.output_format import archive_format

FORMAT = archive_format(alto.FORMAT, "xml")
