"""Importing somebody else's framework without what this project does not use of it.

paddleocr imports modelscope, and with it torch, for downloads that never happen here: 0.5 GB of memory and seconds of
start in every replica. pytesseract imports pandas for an output format. Frameworks also warn about themselves when they
are imported, which is noise in a replica's log. This file knows no framework by name.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def light_import(*unused: str) -> Iterator[None]:
    """Within the block the `unused` modules are empty ones, unless they were imported before; warnings are not shown.

    Afterwards the names are free again: whoever needs the real module can import it.
    """
    empty = {name: ModuleType(name) for name in unused if name not in sys.modules}
    sys.modules.update(empty)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, module in empty.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
