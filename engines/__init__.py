"""The recognisers, one file each. A file in this folder that defines `SPEC: EngineSpec` is an engine; nothing else
has to be edited to add one. What engines share stands in rooms:

    common/       alphabets, CTC decoding, glyphs, text rows, model cards
    devices/      threads, graphics cards and their memory, one file for each framework; OpenVINO
    converted/    what OpenVINO reads of models of other frameworks: how it is made, where it is kept
    line_models/  the networks and the image processor of the line models that are trained here

What one engine alone needs is in a room named after it: easyocr_networks/, tesseract_programs/.

An engine outside of this folder is named by the import path of its module. Importing this package loads no framework:
an engine imports its own in `load`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ocr.errors import OutOfRange
from ocr.interfaces import EngineSpec

__all__ = ["spec", "specs"]


def specs() -> dict[str, EngineSpec]:
    """The engines of this folder by name, in alphabetical order.

    Raises ValueError when two files claim the same name.
    """
    found: dict[str, EngineSpec] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        candidate = _spec_of(f"{__name__}.{module}")
        if candidate is None:
            continue
        if candidate.name in found:
            raise ValueError(f"engines/{module}.py: the name {candidate.name!r} is taken by another file")
        found[candidate.name] = candidate
    return dict(sorted(found.items()))


def spec(name: str) -> EngineSpec:
    """The engine of that name, or the SPEC of the module at that import path ("package.module").

    Raises OutOfRange when there is none.
    """
    known = specs()
    if name in known:
        return known[name]
    if "." not in name:
        raise OutOfRange(f"there is no engine {name!r}", f"known: {', '.join(known)}; or the import path of a module")
    try:
        outside = _spec_of(name)
    except ModuleNotFoundError as error:
        raise OutOfRange(f"engine {name!r} cannot be imported: {error}", "is its package on PYTHONPATH?") from error
    if outside is None:
        raise OutOfRange(f"module {name!r} defines no SPEC", "an engine's module has SPEC = EngineSpec(...)")
    return outside


def _spec_of(module: str) -> EngineSpec | None:
    candidate = getattr(import_module(module), "SPEC", None)
    return candidate if isinstance(candidate, EngineSpec) else None
