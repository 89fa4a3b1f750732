"""Pictures of text and PDFs of them, drawn here, with what is written on them known line by line."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache

import pikepdf
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks.harness.serving import PAGE

A4_POINTS = (595.0, 842.0)
_ON_THRESHOLD = 140
_MARGIN = 1 / 12
"""Of the width of a page."""


@cache
def prose() -> tuple[str, ...]:
    """The lines of the sample page, without empty ones."""
    return tuple(line for line in PAGE.with_suffix(".txt").read_text(encoding="utf-8").splitlines() if line.strip())


def lines_of_prose(count: int) -> list[str]:
    """So many, from the beginning again where there are more."""
    return [prose()[at % len(prose())] for at in range(count)]


def sheet(lines: Sequence[str], size: tuple[int, int], letters_px: int, *, step: float = 1.6) -> PIL.Image.Image:
    """A grey page of `size` with the lines one below the other, `step` times their height apart."""
    picture = PIL.Image.new("L", size, 250)
    draw_lines(picture, lines, (int(_MARGIN * size[0]), int(_MARGIN * size[0])), letters_px, step=step)
    return picture


def draw_lines(
    picture: PIL.Image.Image, lines: Sequence[str], at: tuple[int, int], letters_px: int, *, step: float = 1.6
) -> None:
    """Write them on a picture, their left upper corner `at`."""
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(letters_px)
    for index, line in enumerate(lines):
        pen.text((at[0], at[1] + index * step * letters_px), line, fill=25, font=font)


def bilevel(picture: PIL.Image.Image) -> PIL.Image.Image:
    return picture.point(lambda level: 255 if level > _ON_THRESHOLD else 0).convert("1")


def saved(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    """The picture as an image file, as Pillow writes it."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pdf_of(*add_pages: Callable[[pikepdf.Pdf], None]) -> bytes:
    """A PDF to which each of these adds its page."""
    with pikepdf.new() as pdf:
        for add_page in add_pages:
            add_page(pdf)
        file = io.BytesIO()
        pdf.save(file)
    return file.getvalue()


def scanned(picture: PIL.Image.Image, points: tuple[float, float] = A4_POINTS) -> Callable[[pikepdf.Pdf], None]:
    """Adds a page of that many points which the picture fills: CCITT group 4 where it is bilevel, else JPEG."""

    def add(pdf: pikepdf.Pdf) -> None:
        stream = _group_4(pdf, picture) if picture.mode == "1" else _jpeg(pdf, picture)
        stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        stream.Width, stream.Height = picture.size
        stream.ColorSpace = pikepdf.Name.DeviceRGB if picture.mode == "RGB" else pikepdf.Name.DeviceGray
        page = pdf.add_blank_page(page_size=points)
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=stream))
        page.obj.Contents = pdf.make_stream(f"q {points[0]} 0 0 {points[1]} 0 0 cm /Im0 Do Q".encode())

    return add


def _group_4(pdf: pikepdf.Pdf, picture: PIL.Image.Image) -> pikepdf.Stream:
    with pikepdf.open(io.BytesIO(saved(picture, "PDF"))) as made:
        [image] = made.pages[0].get_images().values()
        fax = image.read_raw_bytes()
    stream = pikepdf.Stream(pdf, fax, Filter=pikepdf.Name.CCITTFaxDecode, BitsPerComponent=1)
    stream.DecodeParms = pikepdf.Dictionary(K=-1, BlackIs1=True, Columns=picture.width, Rows=picture.height)
    return stream


def _jpeg(pdf: pikepdf.Pdf, picture: PIL.Image.Image) -> pikepdf.Stream:
    file = saved(picture, "JPEG", quality=80)
    return pikepdf.Stream(pdf, file, Filter=pikepdf.Name.DCTDecode, BitsPerComponent=8)


def typeset(
    lines: Sequence[str], letters_pt: float, points: tuple[float, float] = A4_POINTS
) -> Callable[[pikepdf.Pdf], None]:
    """Adds a page with the lines as real text, in Helvetica."""

    def add(pdf: pikepdf.Pdf) -> None:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type1,
            BaseFont=pikepdf.Name.Helvetica,
            Encoding=pikepdf.Name.WinAnsiEncoding,
        )
        page = pdf.add_blank_page(page_size=points)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        margin = _MARGIN * points[0]
        shown = [
            f"1 0 0 1 {margin:.1f} {points[1] - margin - index * 1.6 * letters_pt:.1f} Tm"
            f" <{line.encode('cp1252', 'replace').hex()}> Tj"
            for index, line in enumerate(lines)
        ]
        page.obj.Contents = pdf.make_stream("\n".join(["BT", f"/F1 {letters_pt} Tf", *shown, "ET"]).encode())

    return add
