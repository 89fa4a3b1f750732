"""The output formats, one file each. A file in this folder that defines `FORMAT: OutputFormat` is one; nothing else has
to be edited to add another. A format is a pure function over answers of the HTTP contract.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from types import MappingProxyType

from deployments.gateway.formats.output_format import (
    ZIP,
    OutputFile,
    OutputFormat,
    OutputPage,
    PagePicture,
    PdfPageText,
    TextLayers,
)
from ocr.errors import OutOfRange

__all__ = [
    "ZIP",
    "OutputFile",
    "OutputFormat",
    "OutputPage",
    "PagePicture",
    "PdfPageText",
    "TextLayers",
    "format_named",
    "formats",
]


@cache
def formats() -> MappingProxyType[str, OutputFormat]:
    """Every format by its name.

    Raises ValueError when two files claim the same name.
    """
    found: dict[str, OutputFormat] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        candidate = getattr(import_module(f"{__name__}.{module}"), "FORMAT", None)
        if not isinstance(candidate, OutputFormat):
            continue
        if candidate.name in found:
            raise ValueError(f"formats/{module}.py: the name {candidate.name!r} is taken by another file")
        found[candidate.name] = candidate
    return MappingProxyType(found)


def format_named(name: str) -> OutputFormat:
    """Raises OutOfRange when there is none of that name."""
    if name not in formats():
        raise OutOfRange(f"unknown format '{name}' in the request", f"known are {', '.join(formats())}")
    return formats()[name]
