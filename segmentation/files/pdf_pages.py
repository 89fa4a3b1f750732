"""The pages of a PDF, drawn by PDFium."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import cached_property
from typing import Any

import PIL.Image
import PIL.ImageChops

from segmentation.files.pdf_resolution import POINTS_AN_INCH, USUAL_DPI, PageContent, content_of
from segmentation.files.rendered_page import RefusedFile, RenderRequest, require_size
from segmentation.files.resolution import Resolution


class PdfPages:
    """The pages of a PDF, each drawn at the resolution asked for, else at the one that fits what is on it."""

    def __init__(self, file: bytes, request: RenderRequest) -> None:
        import pypdfium2

        self._file = file
        self._request = request
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
        with suppress(self._damaged):  # what is filled into a form is part of the page
            self._pdf.init_forms()

    def draw(self, number: int) -> tuple[PIL.Image.Image, Resolution]:
        """The page in mode L or RGB, and its pixels an inch. Raises RefusedFile."""
        try:
            page = self._pdf[number - 1]
            try:
                scale = self._scale(page, number)
                picture = page.render(scale=scale, rev_byteorder=True).to_pil()
            finally:
                page.close()
        except self._damaged as error:
            raise RefusedFile("not_an_image", f"the page is damaged: {error}", "send a file that opens") from error
        dpi = scale * POINTS_AN_INCH
        return _without_colour(picture.convert("RGB")), (dpi, dpi)

    def _scale(self, page: Any, number: int) -> float:  # noqa: ANN401 - pypdfium2 is not typed
        """Pixels a unit of the page. Raises RefusedFile where those asked for are more than the limit allows."""
        max_pixels, dpi = self._request.max_pixels, self._request.dpi
        if dpi is not None:
            scale = dpi * self._units[number - 1] / POINTS_AN_INCH
            width, height = (max(1, round(side * scale)) for side in page.get_size())
            require_size(width, height, max_pixels, f"draw it smaller than dpi={dpi}, or leave dpi out")
            return scale
        content = content_of(page)
        return content.scale(USUAL_DPI * self._unit_of(content, number) / POINTS_AN_INCH, max_pixels)

    def _unit_of(self, content: PageContent, number: int) -> float:
        return 1.0 if content.is_known else self._units[number - 1]

    @cached_property
    def _units(self) -> list[float]:
        """How many points a unit of each page is (UserUnit), which PDFium does not tell."""
        import pikepdf

        try:
            with pikepdf.open(io.BytesIO(self._file)) as pdf:
                units = [float(page.obj.get("/UserUnit", 1)) for page in pdf.pages]
        except (pikepdf.PdfError, TypeError, ValueError):
            return [1.0] * self.count
        known = [unit if 0 < unit <= _LARGEST_UNIT else 1.0 for unit in units]
        return known if len(known) == self.count else [1.0] * self.count


_LARGEST_UNIT = 75_000.0  # what Acrobat takes (PDF 32000-1, annex C)


def _without_colour(picture: PIL.Image.Image) -> PIL.Image.Image:
    """As grey where it has no colour: a third of the bytes, and the same levels."""
    red, green, blue = picture.split()
    if PIL.ImageChops.difference(red, green).getbbox() or PIL.ImageChops.difference(green, blue).getbbox():
        return picture
    return red
