"""Importing somebody else's framework without what this project does not use of it.

paddleocr imports modelscope, and with it torch, for downloads that never happen here: 0.5 GB of memory and seconds of
start in every replica. pytesseract imports pandas for an output format, Keras that and two more for plots and wrappers.
Frameworks also warn about themselves when they are imported, which is noise in a replica's log. This file knows no
framework by name.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def stubbed_modules(*unused: str, absent: Sequence[str] = ()) -> Iterator[None]:
    """Within the block the `unused` modules are empty ones, unless they were imported before; warnings are not shown.

    `absent` ones are as if they were not installed, for frameworks that do without. Afterwards the names are free
    again: whoever needs the real module can import it.
    """
    empty: dict[str, ModuleType | None] = {name: ModuleType(name) for name in unused} | dict.fromkeys(absent)
    empty = {name: module for name, module in empty.items() if name not in sys.modules}
    sys.modules.update(empty)  # type: ignore[arg-type]  # None is what the import system takes for absent
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, module in empty.items():
            if sys.modules.get(name, ...) is module:
                del sys.modules[name]
