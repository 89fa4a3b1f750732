"""A name for what libraries without types give: the handles of PDFium, the dictionaries of pikepdf."""

from __future__ import annotations

from typing import Any, TypeAlias

Untyped: TypeAlias = Any
