"""How large to draw a page of a PDF, by what is on it: the pixels of its pictures, else the size of its letters.

A page tells its size in units, by default points. Files lie about it: a photograph of a phone is often a page of one
point a pixel, a scan may be on a page of a few centimetres, and a page may have units of its own (UserUnit). What is on
the page does not lie, and it is told in the same units. So a scale, in pixels a unit, needs no size in inches.
"""

from __future__ import annotations

import math

from segmentation.files.pdf.page_content import PageContent
from segmentation.files.rendered_page import MAX_SIDE_PX

POINTS_AN_INCH = 72.0
USUAL_DPI = 200.0
# A scan is drawn as usual, a small one with as many pixels as A4 then has: more costs time with every engine. One whose
# page cannot be as small as it says (no scanner resolves more than 600 dpi) is drawn with its own, up to A4 at 300 dpi.
_USUAL_PX, _OWN_PX = 3_870_000, 8_750_000
_FINEST = 620.0 / USUAL_DPI
_PART_OF_PAGE = 0.2  # pictures that cover less of it do not say how it was made
_SMALL_PRINT = 0.1  # so much of the text may be smaller than what is drawn large enough
# Sizes are of the em: at 200 dpi, 20 px are print of 7 points, and 67 px are print of 24.
_SMALLEST_EM_PX, _SMALL_EM_PX, _LARGEST_EM_PX = 20.0, 28.0, 67.0
_A_HAIR_LESS = 1 - 5e-5


def is_known(content: PageContent) -> bool:
    """Whether something on the page says how large to draw it."""
    return _picture_scale(content) is not None or _small_print(content) is not None


def fitting_scale(content: PageContent, usual: float, max_pixels: int) -> float:
    """Pixels a unit: `usual` where nothing on the page asks for another, and no more than the limit lets fit."""
    wanted = [scale for scale in (_scan_scale(content, usual), _text_scale(content, usual)) if scale is not None]
    return min(max(wanted, default=usual), largest_scale(content.width, content.height, max_pixels))


def _scan_scale(content: PageContent, usual: float) -> float | None:
    scale = _picture_scale(content)
    if scale is None:
        return None
    enough_px = _USUAL_PX if scale <= _FINEST * usual else _OWN_PX
    # Sides are rounded up: a hair less, so that a picture keeps its own pixels.
    return min(scale * _A_HAIR_LESS, max(usual, math.sqrt(enough_px / (content.width * content.height))))


def _picture_scale(content: PageContent) -> float | None:
    """That of the picture up to which the sharper ones cover a good part of the page."""
    covered = 0.0
    for picture in sorted(content.pictures, key=lambda picture: -picture.px_a_unit):
        covered += picture.area
        if covered >= _PART_OF_PAGE * content.width * content.height:
            return picture.px_a_unit
    return None


def _text_scale(content: PageContent, usual: float) -> float | None:
    em = _small_print(content)
    if em is None:
        return None
    if em * usual < _SMALLEST_EM_PX:
        return _SMALL_EM_PX / em
    return min(usual, _LARGEST_EM_PX / em)


def _small_print(content: PageContent) -> float | None:
    """The em of the smaller print, leaving out the very smallest."""
    left = _SMALL_PRINT * sum(text.length for text in content.texts)
    for text in sorted(content.texts, key=lambda text: text.em):
        left -= text.length
        if left <= 0:
            return text.em
    return None


def largest_scale(width: float, height: float, max_pixels: int) -> float:
    """The most pixels a unit with which a page of so many units stays within the limits, whole pixels counted."""
    scale = min(math.sqrt(max_pixels / (width * height)), MAX_SIDE_PX / max(width, height))
    # Sides are rounded to whole pixels, which may be one too many.
    while scale > 0 and _pixels(width, scale) * _pixels(height, scale) > max_pixels:
        scale *= 0.999
    return scale


def _pixels(side: float, scale: float) -> int:
    return max(1, math.ceil(side * scale))
