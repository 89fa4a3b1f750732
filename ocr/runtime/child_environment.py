"""What a process that is started as `python -m MODULE` finds in its environment: the same imports, and no secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

_NAMES = frozenset({"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TZ"})
_FAMILY = "LC_"


def child_environment(names: Collection[str] = (), families: tuple[str, ...] = ()) -> dict[str, str]:
    """Of this process's environment what programs need, and no secrets: for one that reads files of strangers. It
    also has the variables `names` and those that begin with one of `families`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _NAMES or name in names or name.startswith((_FAMILY, *families))
    }
    return {**kept, "PYTHONPATH": import_path()}


def import_path() -> str:
    """PYTHONPATH for a process that is to import what this one can."""
    return os.pathsep.join(path for path in sys.path if path)
