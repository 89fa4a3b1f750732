"""How large to draw a page of a PDF, by what is on it: the pixels of its pictures, else the size of its letters.

A page tells its size in units, by default points. Files lie about it: a photograph of a phone is often a page of one
point a pixel, a scan may be on a page of a few centimetres, and a page may have units of its own (UserUnit). What is on
the page does not lie, and it is told in the same units. So a scale, in pixels a unit, needs no size in inches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from ctypes import c_float, c_uint
from dataclasses import dataclass
from typing import Any

from segmentation.files.rendered_page import MAX_SIDE_PX

POINTS_AN_INCH = 72.0
USUAL_DPI = 200.0
# A scan is drawn no smaller than usual, and beyond that no larger than this: A4 at 300 dpi has 8.7 million.
_ENOUGH_PX = 8_750_000
_PART_OF_PAGE = 0.2  # pictures that cover less of it do not say how it was made
_SMALL_PICTURE_PX = 32  # one of fewer pixels a side is a colour or a pattern
_SMALL_PRINT = 0.1  # so much of the text may be smaller than what is drawn large enough
# Sizes are of the em: at 200 dpi, 20 px are print of 7 points, and 67 px are print of 24.
_SMALLEST_EM_PX, _SMALL_EM_PX, _LARGEST_EM_PX = 20.0, 28.0, 67.0
_MOST_OBJECTS = 20_000
_DEEPEST = 6
_INVISIBLE = 3
_A_HAIR_LESS = 1 - 5e-5

Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f of PDF 32000-1, 8.3.3: x' = ax + cy + e, y' = bx + dy + f."""
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class PlacedPicture:
    """A picture as it lies on the page: its area in square units, and its pixels a unit."""

    area: float
    px_a_unit: float


@dataclass(frozen=True)
class PlacedText:
    """Some text on the page: its em in units, and how many ems it is long."""

    em: float
    length: float


@dataclass(frozen=True)
class PageContent:
    """What is on a page of `width` x `height` units."""

    width: float
    height: float
    pictures: tuple[PlacedPicture, ...] = ()
    texts: tuple[PlacedText, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether something on the page says how large to draw it."""
        return self._picture_scale() is not None or self._small_print() is not None

    def scale(self, usual: float, max_pixels: int) -> float:
        """Pixels a unit: `usual` where nothing on the page asks for another, and no more than the limit lets fit."""
        wanted = [scale for scale in (self._scan_scale(usual), self._text_scale(usual)) if scale is not None]
        return min(max(wanted, default=usual), largest_scale(self.width, self.height, max_pixels))

    def _scan_scale(self, usual: float) -> float | None:
        scale = self._picture_scale()
        if scale is None:
            return None
        # Sides are rounded up: a hair less, so that a picture keeps its own pixels.
        return min(scale * _A_HAIR_LESS, max(usual, math.sqrt(_ENOUGH_PX / (self.width * self.height))))

    def _picture_scale(self) -> float | None:
        """That of the picture up to which the sharper ones cover a good part of the page."""
        covered = 0.0
        for picture in sorted(self.pictures, key=lambda picture: -picture.px_a_unit):
            covered += picture.area
            if covered >= _PART_OF_PAGE * self.width * self.height:
                return picture.px_a_unit
        return None

    def _text_scale(self, usual: float) -> float | None:
        em = self._small_print()
        if em is None:
            return None
        if em * usual < _SMALLEST_EM_PX:
            return _SMALL_EM_PX / em
        return min(usual, _LARGEST_EM_PX / em)

    def _small_print(self) -> float | None:
        """The em in units of the smaller print, leaving out the very smallest."""
        left = _SMALL_PRINT * sum(text.length for text in self.texts)
        for text in sorted(self.texts, key=lambda text: text.em):
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


def content_of(page: Any) -> PageContent:  # noqa: ANN401 - pypdfium2 is not typed
    """What is on a page that PDFium has open: of `_MOST_OBJECTS` objects at most, down to `_DEEPEST` forms in forms."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    pictures: list[PlacedPicture] = []
    texts: list[PlacedText] = []
    for placed, kind, matrix in _objects(pdfium, page):
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            picture = _picture(pdfium, placed, matrix)
            if picture is not None:
                pictures.append(PlacedPicture(min(picture.area, width * height), picture.px_a_unit))
        elif kind == pdfium.FPDF_PAGEOBJ_TEXT and pdfium.FPDFTextObj_GetTextRenderMode(placed) != _INVISIBLE:
            text = _text(pdfium, placed, matrix)
            if text is not None:
                texts.append(text)
    return PageContent(width, height, tuple(pictures), tuple(texts))


def _objects(pdfium: Any, page: Any) -> Iterator[tuple[Any, int, Matrix]]:  # noqa: ANN401 - PDFium is not typed
    """Each object that is a picture or a text, its kind, and the matrix from its own space to the page's."""
    left = _MOST_OBJECTS
    waiting: list[tuple[Any, Any, Any, Matrix, int]] = [
        (page, pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject, _IDENTITY, 0)
    ]
    while waiting:
        holder, count, get, outer, depth = waiting.pop()
        for index in range(min(count(holder), left)):
            left -= 1
            placed = get(holder, index)
            kind = pdfium.FPDFPageObj_GetType(placed)
            if kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
                inner = _times(_matrix(pdfium, placed), outer)
                functions = pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject
                waiting.append((placed, *functions, inner, depth + 1))
            elif kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT):
                yield placed, kind, _times(_matrix(pdfium, placed), outer)


def _picture(pdfium: Any, placed: Any, matrix: Matrix) -> PlacedPicture | None:  # noqa: ANN401 - PDFium is not typed
    width_px, height_px = c_uint(), c_uint()
    if not pdfium.FPDFImageObj_GetImagePixelSize(placed, width_px, height_px):
        return None
    across, up = _lengths(matrix)
    if min(width_px.value, height_px.value) < _SMALL_PICTURE_PX or across <= 0 or up <= 0:
        return None
    return PlacedPicture(_area(matrix), max(width_px.value / across, height_px.value / up))


def _text(pdfium: Any, placed: Any, matrix: Matrix) -> PlacedText | None:  # noqa: ANN401 - PDFium is not typed
    size, box = c_float(), [c_float() for _ in range(4)]
    if not pdfium.FPDFTextObj_GetFontSize(placed, size) or not pdfium.FPDFPageObj_GetBounds(placed, *box):
        return None
    left, bottom, right, top = (side.value for side in box)
    own = _lengths(_matrix(pdfium, placed))[1]
    em, own_em = abs(size.value) * _lengths(matrix)[1], abs(size.value) * own
    if em <= 0 or own_em <= 0:
        return None
    return PlacedText(em, max(right - left, top - bottom) / own_em)


def _matrix(pdfium: Any, placed: Any) -> Matrix:  # noqa: ANN401 - PDFium is not typed
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(placed, matrix):
        return _IDENTITY
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _times(first: Sequence[float], then: Sequence[float]) -> Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _lengths(matrix: Matrix) -> tuple[float, float]:
    """How long a unit across and a unit up become."""
    a, b, c, d, _, _ = matrix
    return math.hypot(a, b), math.hypot(c, d)


def _area(matrix: Matrix) -> float:
    a, b, c, d, _, _ = matrix
    return abs(a * d - b * c)
