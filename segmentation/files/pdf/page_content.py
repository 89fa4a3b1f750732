"""What is on a page of a PDF: its pictures, its texts and which of them nobody sees, how many shapes. Lengths are units
of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import c_float, c_uint, c_void_p, cast
from dataclasses import dataclass

from segmentation.files.pdf.affine import IDENTITY, Matrix, applied, area, lengths, times
from segmentation.files.pdf.covered_text import SMALL_PICTURE_PX, cover_of, is_without_ink
from segmentation.files.pdf.untyped import Untyped

_MOST_OBJECTS = 20_000
_DEEPEST = 6


@dataclass(frozen=True)
class PlacedPicture:
    """A picture as it lies on the page: its area, and its pixels a unit."""

    area: float
    px_a_unit: float


@dataclass(frozen=True)
class PlacedText:
    """Some text that is seen: its em, and how many ems it is long."""

    em: float
    length: float


@dataclass(frozen=True)
class PageContent:
    """What is on a page of `width` x `height` units. `hidden` are the addresses of the texts that nobody sees: drawn
    with no ink, or under a picture of the page, as some programs write what they have read.
    """

    width: float
    height: float
    pictures: tuple[PlacedPicture, ...] = ()
    texts: tuple[PlacedText, ...] = ()
    shapes: int = 0
    hidden: frozenset[int] = frozenset()

    @property
    def picture_share(self) -> float:
        """How much of the page pictures cover, in [0, 1]; those that lie on each other count twice."""
        return min(1.0, sum(picture.area for picture in self.pictures) / (self.width * self.height))


def content_of(page: Untyped) -> PageContent:
    """What is on a page that PDFium has open: of `_MOST_OBJECTS` objects at most, down to `_DEEPEST` forms in forms."""
    import pypdfium2.raw as pdfium

    return _Looking(pdfium, *page.get_size()).at(page)


def address(placed: Untyped) -> int:
    """What tells one object of a page from another."""
    return cast(placed, c_void_p).value or 0


class _Looking:
    """Goes through the objects of a page in the order in which they are painted."""

    def __init__(self, pdfium: Untyped, width: float, height: float) -> None:
        self._pdfium = pdfium
        self._size = width, height
        self._pictures: list[PlacedPicture] = []
        self._texts: dict[int, tuple[PlacedText, tuple[float, float]]] = {}
        self._hidden: set[int] = set()
        self._shapes = 0

    def at(self, page: Untyped) -> PageContent:
        pdfium = self._pdfium
        for placed, kind, outer in self._objects(page):
            if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
                self._note_picture(placed, times(self._matrix(placed), outer))
            elif kind == pdfium.FPDF_PAGEOBJ_TEXT:
                self._note_text(placed, outer)
            else:
                self._shapes += 1
        seen = tuple(text for at, (text, _) in self._texts.items() if at not in self._hidden)
        return PageContent(*self._size, tuple(self._pictures), seen, self._shapes, frozenset(self._hidden))

    def _objects(self, page: Untyped) -> Iterator[tuple[Untyped, int, Matrix]]:
        """Each object, its kind, and the matrix from the form that it is in to the page."""
        pdfium, left = self._pdfium, _MOST_OBJECTS
        of_page = pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject
        of_form = pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject
        holders = [(page, of_page, IDENTITY, 0)]
        while holders and left > 0:
            holder, (count, get), outer, index = holders.pop()
            if index >= count(holder):
                continue
            holders.append((holder, (count, get), outer, index + 1))
            left -= 1
            placed = get(holder, index)
            kind = pdfium.FPDFPageObj_GetType(placed)
            if kind == pdfium.FPDF_PAGEOBJ_FORM:
                if len(holders) <= _DEEPEST:
                    holders.append((placed, of_form, times(self._matrix(placed), outer), 0))
            else:
                yield placed, kind, outer

    def _note_picture(self, placed: Untyped, matrix: Matrix) -> None:
        width_px, height_px = c_uint(), c_uint()
        if not self._pdfium.FPDFImageObj_GetImagePixelSize(placed, width_px, height_px):
            return
        across, up = lengths(matrix)
        if min(width_px.value, height_px.value) < SMALL_PICTURE_PX or across <= 0 or up <= 0:
            return
        of_page = self._size[0] * self._size[1]
        density = max(width_px.value / across, height_px.value / up)
        self._pictures.append(PlacedPicture(min(area(matrix), of_page), density))
        cover = None if self._pdfium.FPDFPageObj_HasTransparency(placed) else cover_of(matrix, of_page)
        if cover is not None:
            self._hidden.update(at for at, (_, begins) in self._texts.items() if cover.hides(begins))

    def _note_text(self, placed: Untyped, outer: Matrix) -> None:
        pdfium, size, box = self._pdfium, c_float(), [c_float() for _ in range(4)]
        if not pdfium.FPDFTextObj_GetFontSize(placed, size) or not pdfium.FPDFPageObj_GetBounds(placed, *box):
            return
        left, bottom, right, top = (side.value for side in box)
        own = self._matrix(placed)
        em, own_em = abs(size.value) * lengths(times(own, outer))[1], abs(size.value) * lengths(own)[1]
        if em <= 0 or own_em <= 0:
            return
        text = PlacedText(em, max(right - left, top - bottom) / own_em)
        self._texts[address(placed)] = text, applied(times(own, outer), 0.0, 0.0)
        if is_without_ink(pdfium.FPDFTextObj_GetTextRenderMode(placed), self._opacity(placed)):
            self._hidden.add(address(placed))

    def _opacity(self, placed: Untyped) -> float:
        colour = [c_uint() for _ in range(4)]
        is_known = bool(self._pdfium.FPDFPageObj_GetFillColor(placed, *colour))
        return colour[3].value / 255.0 if is_known else 1.0

    def _matrix(self, placed: Untyped) -> Matrix:
        matrix = self._pdfium.FS_MATRIX()
        if not self._pdfium.FPDFPageObj_GetMatrix(placed, matrix):
            return IDENTITY
        return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
