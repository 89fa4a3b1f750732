"""The pages of a PDF, drawn by PDFium."""

from __future__ import annotations

import io
import math
from contextlib import suppress
from ctypes import c_double
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageChops

from segmentation.files.images.resolution import Resolution
from segmentation.files.pdf.affine import Matrix, inverse
from segmentation.files.pdf.existing_text import MAX_DOCUMENT_LETTERS, MAX_PAGE_LETTERS, lines_message, text_of
from segmentation.files.pdf.page_content import PageContent, content_of
from segmentation.files.pdf.pdf_resolution import POINTS_AN_INCH, USUAL_DPI, fitting_scale, is_known
from segmentation.files.pdf.untyped import Untyped
from segmentation.files.rendered_page import RefusedFile, RenderRequest, require_size

_LARGEST_UNIT = 75_000.0  # what Acrobat takes (PDF 32000-1, annex C)
_DYNAMIC_FORM = 2  # FORMTYPE_XFA_FULL
_MOST_NOTES = 1000


@dataclass(frozen=True)
class PdfPage:
    """A page in mode L or RGB, unless it is answered from its text; `text` is what RenderedPage says of it."""

    picture: PIL.Image.Image | None
    width: int
    height: int
    dpi: Resolution
    text: dict[str, Any]


class PdfPages:
    """The pages of a PDF, each drawn at the resolution asked for, else at the one that fits what is on it."""

    def __init__(self, file: bytes | Path, request: RenderRequest) -> None:
        import pypdfium2

        self._file = file
        self._request = request
        self._letters_left = MAX_DOCUMENT_LETTERS
        self._damaged = pypdfium2.PdfiumError
        try:
            self._pdf = pypdfium2.PdfDocument(file)
            self.count = len(self._pdf)
        except pypdfium2.PdfiumError as error:
            if "assword" in str(error):
                raise RefusedFile("out_of_range", "the PDF is encrypted", "send it without a password") from error
            raise RefusedFile("not_an_image", f"the PDF is damaged: {error}", "send a file that opens") from error
        if self.count < 1:
            raise RefusedFile("not_an_image", "the PDF has no pages", "send a file that opens")
        if self._pdf.get_formtype() == _DYNAMIC_FORM:
            raise RefusedFile(
                "not_an_image",
                "the PDF is a dynamic form (XFA), whose pages only Adobe's programs draw",
                "print it to a PDF, and send that",
            )
        with suppress(self._damaged):  # what is filled into a form is part of the page
            self._pdf.init_forms()

    def page(self, number: int) -> PdfPage:
        """The page, drawn unless it is answered from its text. Raises RefusedFile."""
        try:
            page = self._opened(number)
            try:
                return self._looked_at(page, number)
            finally:
                page.close()
        except self._damaged as error:
            raise RefusedFile("not_an_image", f"the page is damaged: {error}", "send a file that opens") from error

    def _opened(self, number: int) -> Untyped:
        """The page. A CropBox that leaves nothing of it does not count. Raises RefusedFile for a page of no size."""
        page = self._pdf[number - 1]
        if not all(page.get_size()):
            page.set_cropbox(*page.get_mediabox())
            page.close()
            page = self._pdf[number - 1]
        if not all(page.get_size()):
            page.close()
            raise RefusedFile("not_an_image", "the page has no size", "give it a MediaBox")
        return page

    def _looked_at(self, page: Untyped, number: int) -> PdfPage:
        content = content_of(page)
        scale = self._scale(page, content, number)
        width, height = (max(1, math.ceil(side * scale)) for side in page.get_size())
        to_units = _to_units(page, width, height)
        most = min(MAX_PAGE_LETTERS, self._letters_left)
        text = text_of(page, content, inverse(to_units), (width, height), most)
        self._letters_left -= len(text.letters)
        choice = self._request.existing_text
        says_all = text.says_all and not self._is_filled_in(page)
        from_text = (choice == "use" and says_all) or (choice == "skip" and text.has_any)
        told = {
            "source": "existing" if from_text else "read",
            "lines": lines_message(text.lines(hidden=choice == "skip")) if from_text else [],
            "seen_boxes": [] if from_text or choice == "redo" else text.seen_boxes(),
            "has_hidden": text.has_hidden,
            "to_units": to_units,
        }
        picture = None
        if not from_text:
            drawn = page.render(scale=scale, rev_byteorder=True).to_pil()
            picture = _without_colour(drawn.convert("RGB"))
        dpi = scale * POINTS_AN_INCH
        return PdfPage(picture, width, height, (dpi, dpi), told)

    def _is_filled_in(self, page: Untyped) -> bool:
        """Whether somebody wrote on the page: into a form, or with a note. That is drawn, but is none of its text."""
        import pypdfium2.raw as pdfium

        written = {pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_INK}
        for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST_NOTES)):
            note = pdfium.FPDFPage_GetAnnot(page, index)
            kind = pdfium.FPDFAnnot_GetSubtype(note)
            # Of an empty value there are the two bytes that end it.
            filled = (
                kind == pdfium.FPDF_ANNOT_WIDGET
                and self._pdf.formenv is not None
                and (pdfium.FPDFAnnot_GetFormFieldValue(self._pdf.formenv, note, None, 0) > 2)
            )
            pdfium.FPDFPage_CloseAnnot(note)
            if kind in written or filled:
                return True
        return False

    def _scale(self, page: Untyped, content: PageContent, number: int) -> float:
        """Pixels a unit of the page. Raises RefusedFile where those asked for are more than the limit allows."""
        max_pixels, dpi = self._request.max_pixels, self._request.dpi
        if dpi is not None:
            scale = dpi * self._units[number - 1] / POINTS_AN_INCH
            width, height = (max(1, round(side * scale)) for side in page.get_size())
            require_size(width, height, max_pixels, f"draw it smaller than dpi={dpi}, or leave dpi out")
            return scale
        unit = 1.0 if is_known(content) else self._units[number - 1]
        return fitting_scale(content, USUAL_DPI * unit / POINTS_AN_INCH, max_pixels)

    @cached_property
    def _units(self) -> list[float]:
        """How many points a unit of each page is (UserUnit), which PDFium does not tell."""
        import pikepdf

        try:
            with pikepdf.open(io.BytesIO(self._file) if isinstance(self._file, bytes) else self._file) as pdf:
                units = [float(page.obj.get("/UserUnit", 1)) for page in pdf.pages]
        except (pikepdf.PdfError, TypeError, ValueError):
            return [1.0] * self.count
        known = [unit if 0 < unit <= _LARGEST_UNIT else 1.0 for unit in units]
        return known if len(known) == self.count else [1.0] * self.count


def _to_units(page: Untyped, width: int, height: int) -> Matrix:
    """From pixels of the drawn page to its own units, which start elsewhere and may be turned (CropBox, /Rotate)."""
    import pypdfium2.raw as pdfium

    x, y = c_double(), c_double()

    def at(column: int, row: int) -> tuple[float, float]:
        pdfium.FPDF_DeviceToPage(page, 0, 0, width, height, 0, column, row, x, y)
        return x.value, y.value

    (e, f), (ax, ay), (cx, cy) = at(0, 0), at(width, 0), at(0, height)
    return (ax - e) / width, (ay - f) / width, (cx - e) / height, (cy - f) / height, e, f


def _without_colour(picture: PIL.Image.Image) -> PIL.Image.Image:
    """As grey where it has no colour: a third of the bytes, and the same levels."""
    red, green, blue = picture.split()
    if PIL.ImageChops.difference(red, green).getbbox() or PIL.ImageChops.difference(green, blue).getbbox():
        return picture
    return red
