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
_OF_SCREENS = (72.0, 96.0)  # what programs write that know none
_EXIF, _OF_CAMERAS = 0x8769, (0x829A, 0x829D)  # exposure time and aperture, which no scanner has
_A3_IN = 297 / 25.4, 420 / 25.4
_LONG = 2.5  # a page has sides of 1 to 1.4; a screenshot of a whole web page is longer, and a receipt
_LONGEST_IN = 200.0  # of a PDF that Acrobat opens: 14,400 points


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


def on_paper(size_px: tuple[int, int], told: Resolution, picture: PIL.Image.Image | None) -> Resolution:
    """`told`, or as much more that a picture of so many pixels makes a page that can be: at most A3 where nothing is
    told that can be believed (none, that of a screen, whatever a camera says), a long one as wide as that; none longer
    than a PDF may be.
    """
    sides = sorted((size_px[0] / told[0], size_px[1] / told[1]))
    larger = [1.0, sides[1] / _LONGEST_IN]
    if not _is_believed(told, picture):
        larger.append(sides[0] / _A3_IN[0])
        if sides[1] < _LONG * sides[0]:
            larger.append(sides[1] / _A3_IN[1])
    return told[0] * max(larger), told[1] * max(larger)


def _is_believed(told: Resolution, picture: PIL.Image.Image | None) -> bool:
    in_file = None if picture is None else _pair(picture.info.get("dpi"))
    if picture is None or in_file is None or told[0] not in in_file:
        return False
    if any(abs(told[0] - dpi) < 1.0 for dpi in _OF_SCREENS):
        return False
    camera = picture.getexif().get_ifd(_EXIF)  # last: Pillow decodes a PNG to look for it behind the pixels
    return not any(tag in camera for tag in _OF_CAMERAS)


def _pair(told: Any) -> tuple[float, float] | None:  # noqa: ANN401 - whatever stands in the file
    try:
        across, down = (float(value) for value in told)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 0.0 and down > 0.0 else None
