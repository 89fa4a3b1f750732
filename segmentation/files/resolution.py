"""The shape of the pixels of an image file: some devices resolve more in one direction than in the other."""

from __future__ import annotations

from typing import Any

import PIL.Image

_MOST = 3.5  # a fax of normal resolution has 2.08
_LEAST_DPI = 36.0


def pixel_aspect(picture: PIL.Image.Image) -> float:
    """How many times as high as wide a pixel is: above 1 for a fax, 1 where the file says nothing that can be."""
    for name in ("dpi", "resolution", "jfif_density", "aspect"):
        told = _pair(picture.info.get(name))
        if told is None:
            continue
        across, down = told
        if name == "dpi" and min(told) < _LEAST_DPI:
            return 1.0
        aspect = across / down
        return aspect if 1.0 / _MOST <= aspect <= _MOST and abs(aspect - 1.0) > 0.05 else 1.0
    return 1.0


def _pair(told: Any) -> tuple[float, float] | None:  # noqa: ANN401 - whatever stands in the file
    try:
        across, down = (float(value) for value in told)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 0.0 and down > 0.0 else None
