"""Pixels an inch, across and down, as an image file tells them. Some devices resolve more in one direction."""

from __future__ import annotations

from typing import Any

import PIL.Image

Resolution = tuple[float, float]
"""Pixels an inch: across, down."""

USUAL_DPI = 200.0
"""Where a file says nothing that can be: what a scan of a page mostly has."""

_LEAST_DPI, _MOST_DPI = 36.0, 2400.0
_MOST_UNEVEN = 3.5  # a fax of normal resolution has 2.08
_EVEN = 0.05


def resolution(picture: PIL.Image.Image | None) -> Resolution:
    """What stands in the file; where it says only how high a pixel is beside its width, in those proportions."""
    info = {} if picture is None else picture.info
    across, down = _pair(info.get("dpi")) or (USUAL_DPI, USUAL_DPI)
    if not (_LEAST_DPI <= across <= _MOST_DPI and _LEAST_DPI <= down <= _MOST_DPI):
        across, down = USUAL_DPI, USUAL_DPI
    for name in ("resolution", "jfif_density", "aspect"):
        told = None if "dpi" in info else _pair(info.get(name))
        if told is not None:
            across, down = USUAL_DPI, USUAL_DPI * told[1] / told[0]
    uneven = max(across / down, down / across)
    return (across, across) if uneven < 1.0 + _EVEN or uneven > _MOST_UNEVEN else (across, down)


def _pair(told: Any) -> tuple[float, float] | None:  # noqa: ANN401 - whatever stands in the file
    try:
        across, down = (float(value) for value in told)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 0.0 and down > 0.0 else None
