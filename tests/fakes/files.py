"""Small files of every kind that the service takes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pikepdf
import PIL.Image
import PIL.ImageDraw


def picture(width: int = 60, height: int = 40, mode: str = "RGB", mark: int = 0) -> PIL.Image.Image:
    """White, with `mark` black bars, so that pages can be told apart."""
    image = PIL.Image.new("L", (width, height), "white")
    draw = PIL.ImageDraw.Draw(image)
    for bar in range(mark):
        draw.rectangle((2 + 4 * bar, 2, 3 + 4 * bar, height - 3), fill="black")
    return image.convert(mode)


def image_file(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture(**options).save(file, kind)  # type: ignore[arg-type]
    return file.getvalue()


def tiff(pages: int, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    first, *others = [picture(mode=mode, mark=number) for number in range(1, pages + 1)]
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


def pdf(pages: int, width_pt: float = 72.0, height_pt: float = 36.0) -> bytes:
    """Each page has as many bars as its number says."""
    with pikepdf.new() as document:
        for number in range(1, pages + 1):
            page = document.add_blank_page(page_size=(width_pt, height_pt))
            bars = "\n".join(f"{4 + 8 * bar} 4 4 {height_pt - 8} re f" for bar in range(number))
            page.Contents = document.make_stream(bars.encode())
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


def saved(document: pikepdf.Pdf, **options: object) -> bytes:
    file = io.BytesIO()
    document.save(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def add_text_page(
    document: pikepdf.Pdf, lines: Sequence[str], letters: float, size: tuple[float, float] = (595, 842), mode: int = 0
) -> pikepdf.Page:
    """A page of Helvetica, `letters` units high and in rendering mode `mode` (3: invisible)."""
    page = document.add_blank_page(page_size=size)
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    rows = (
        f"1 0 0 1 {4 * letters:.3f} {size[1] - (4 + 2 * index) * letters:.3f} Tm ({line}) Tj"
        for index, line in enumerate(lines)
    )
    page.obj.Contents = document.make_stream("\n".join([f"BT {mode} Tr /F1 {letters} Tf", *rows, "ET"]).encode())
    return page


def add_scan_page(
    document: pikepdf.Pdf, scan: PIL.Image.Image, size: tuple[float, float], kind: str = "JPEG"
) -> pikepdf.Page:
    """A page that a picture fills, as scanners and phones write it."""
    file = io.BytesIO()
    if kind == "JPEG":
        scan.save(file, "JPEG", quality=80)
        image = pikepdf.Stream(document, file.getvalue(), Filter=pikepdf.Name.DCTDecode)
    else:
        image = pikepdf.Stream(document, scan.tobytes())
    colours = {"1": (pikepdf.Name.DeviceGray, 1), "L": (pikepdf.Name.DeviceGray, 8), "RGB": (pikepdf.Name.DeviceRGB, 8)}
    image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    image.ColorSpace, image.BitsPerComponent = colours[scan.mode]
    image.Width, image.Height = scan.size
    page = document.add_blank_page(page_size=size)
    page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=image))
    page.obj.Contents = document.make_stream(f"q {size[0]} 0 0 {size[1]} 0 0 cm /Im Do Q".encode())
    return page


def locked_pdf() -> bytes:
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(1))) as document:
        document.save(file, encryption=pikepdf.Encryption(owner="owner", user="secret"))
    return file.getvalue()


def bars_of(file: bytes) -> int:
    """How many bars the picture in `file` shows."""
    with PIL.Image.open(io.BytesIO(file)) as image:
        row = image.convert("L").crop((0, image.height // 2, image.width, image.height // 2 + 1))
    dark = [level < 128 for level in row.tobytes()]
    return sum(now and not before for before, now in zip([False, *dark], dark, strict=False))
