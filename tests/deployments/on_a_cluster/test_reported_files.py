"""Kinds of files that users report (docs/reported-files.md), read by a real engine on a real local cluster."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pikepdf
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pypdfium2
import pytest
from lxml import etree
from rapidfuzz.distance import Levenshtein

from tests.fakes.files import add_scan_page, saved

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

HEIC = Path(__file__).parents[2] / "fixtures" / "page.heic"
PROSE = (
    "The committee met on Tuesday to discuss the new bridge.",
    "Twelve engineers had measured the river in three places.",
    "Nobody expected the water to be so deep near the mill.",
)


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving({"engines": [{"name": "tesseract"}], "ready_engines": 1})


def sheet(size: tuple[int, int], letters: int, *, mode: str = "L", paper: Any = 255, ink: Any = 0) -> PIL.Image.Image:
    """The prose, one sentence a line."""
    picture = PIL.Image.new(mode, size, paper)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(letters)
    for index, line in enumerate(PROSE):
        pen.text((2 * letters, (2 + 2 * index) * letters), line, fill=ink, font=font)
    return picture


def bilevel(picture: PIL.Image.Image) -> PIL.Image.Image:
    return picture.point(lambda level: 255 if level > 140 else 0).convert("1")


def as_file(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def scan_on(picture: PIL.Image.Image, points: tuple[float, float]) -> bytes:
    """A PDF of the picture on a page of that size."""
    with pikepdf.new() as pdf:
        add_scan_page(pdf, picture, points)
        return saved(pdf)


def deep(picture: PIL.Image.Image) -> bytes:
    """Twelve bits in sixteen, paper near 3,900 and ink near 350."""
    return as_file(PIL.Image.fromarray((np.asarray(picture) / 255 * 3550 + 350).astype(np.uint16)), "PNG")


def small_on_a_drawing() -> bytes:
    """A drawing of A1 at 144 dpi, two colours, with notes of 15 pixels in its corner and strokes below them."""
    picture = PIL.Image.new("L", (3368, 4768), 255)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(15)
    pen.rectangle((60, 60, 3306, 4706), outline=0, width=4)
    for x in range(400, 3000, 520):
        pen.line((x, 900, x + 260, 3600), fill=0, width=3)
    for index, line in enumerate(PROSE):
        pen.text((2500, 4300 + 30 * index), line, fill=0, font=font)
    return as_file(bilevel(picture), "PNG", dpi=(144, 144))


def fax() -> bytes:
    square = sheet((1728, 700), 40)
    return as_file(bilevel(square.resize((1728, 336))), "TIFF", compression="group4", dpi=(204, 98))


KINDS: dict[str, Callable[[], bytes]] = {
    "a photograph on a page of a point a pixel": lambda: scan_on(sheet((3024, 1600), 88, paper=230), (3024, 1600)),
    "a scan on a page of four centimetres": lambda: scan_on(sheet((2480, 1200), 60), (119, 57.6)),
    "a fax of uneven resolution": fax,
    "twelve bits in sixteen": lambda: deep(sheet((1400, 400), 40)),
    "white letters on nothing": lambda: as_file(
        sheet((1400, 400), 40, mode="RGBA", paper=(0, 0, 0, 0), ink=(255, 255, 255, 255)), "PNG"
    ),
    "A4 at 600 dpi, group 4": lambda: as_file(
        bilevel(sheet((4960, 7016), 100)), "TIFF", compression="group4", dpi=(600, 600)
    ),
    "JPEG 2000": lambda: as_file(sheet((1400, 400), 40, mode="RGB", paper="white", ink="black"), "JPEG2000"),
    "AVIF": lambda: as_file(sheet((1400, 400), 40, mode="RGB", paper="white", ink="black"), "AVIF"),
    "WEBP": lambda: as_file(sheet((1400, 400), 40, mode="RGB", paper="white", ink="black"), "WEBP"),
    "a photograph of 48 megapixels": lambda: as_file(sheet((8000, 6000), 220, paper=230).convert("RGB"), "JPEG"),
    "small print on a drawing": small_on_a_drawing,
    "ink of 240 on paper of 250": lambda: as_file(sheet((1400, 400), 40, paper=250, ink=240), "PNG"),
    "ink of 245 on paper of 255": lambda: as_file(sheet((1400, 400), 40, paper=255, ink=245), "PNG"),
    "a PDF behind lines and spaces": lambda: b"\r\n\t \r\n" + scan_on(sheet((1400, 400), 40), (504, 144)),
    "a PDF behind a MIME head": lambda: (
        b"--5f3a\r\nContent-Type: application/pdf\r\n\r\n" + scan_on(sheet((1400, 400), 40), (504, 144))
    ),
    "a PDF behind a byte-order mark": lambda: b"\xef\xbb\xbf\r\n" + scan_on(sheet((1400, 400), 40), (504, 144)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_the_file_is_read(url: str, kind: str) -> None:
    response = httpx.post(f"{url}/predict_text", content=KINDS[kind](), timeout=120)
    assert response.status_code == 200, response.text
    lines = [line for line in response.json()["text"].splitlines() if line]
    assert len(lines) == len(PROSE), lines
    assert Levenshtein.distance("\n".join(lines), "\n".join(PROSE)) <= 2, lines


def test_a_photograph_of_a_phone_as_heic_is_read(url: str) -> None:
    pytest.importorskip("pi_heif")
    response = httpx.post(f"{url}/predict_text", content=HEIC.read_bytes(), timeout=120)
    assert response.status_code == 200, response.text
    assert response.json()["text"].splitlines() == ["Meet at the mill", "before the bridge"]


def test_the_pdf_and_the_pictures_of_twelve_bits_look_like_paper(url: str) -> None:
    file = deep(sheet((1400, 400), 40))
    made = httpx.post(f"{url}/predict_text", content=file, params={"format": "pdf"}, timeout=120)
    with pypdfium2.PdfDocument(made.content) as pdf:
        seen = [pdf[0].render(scale=2).to_pil()]
    answer = httpx.post(f"{url}/predict_text", content=file, params={"pictures": "true"}, timeout=120).json()
    seen += [
        PIL.Image.open(io.BytesIO(base64.b64decode(picture["image"])))
        for picture in answer["pictures"]
        if picture["name"] in ("sent", "lines")
    ]
    assert len(seen) == 3
    for picture in seen:
        levels = np.asarray(picture.convert("L"))
        assert np.median(levels) > 230
        assert levels.min() < 40


@pytest.mark.parametrize(
    "sent",
    [
        lambda file: {"content": file, "headers": {"content-type": "application/x-www-form-urlencoded"}},
        lambda file: {"content": file, "headers": {"content-type": "binary/octet-stream"}},
        lambda file: {"content": gzip.compress(file), "headers": {"content-encoding": "gzip"}},
        lambda file: {"files": {"file": ("page.png", file)}},
    ],
    ids=["as a form it is not", "as S3 sends it", "compressed", "as the form field file"],
)
def test_a_file_is_read_however_it_is_sent(url: str, sent: Callable[[bytes], dict[str, Any]]) -> None:
    response = httpx.post(f"{url}/predict_text", **sent(as_file(sheet((1400, 400), 40), "PNG")), timeout=120)
    assert response.status_code == 200, response.text
    assert PROSE[0] in response.json()["text"]


def contents_page() -> bytes:
    """Titles, leaders and numbers."""
    picture = PIL.Image.new("L", (1240, 420), 255)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(36)
    for index, (title, number) in enumerate((("The river and its mills", "17"), ("Floods", "34"), ("Notes", "140"))):
        y, end = 60 + index * 100, 1150 - pen.textlength(number, font=font)
        start = 100 + pen.textlength(title, font=font)
        pen.text((80, y), title, fill=0, font=font)
        pen.text((start, y), "." * int((end - start - 20) / pen.textlength(".", font=font)), fill=0, font=font)
        pen.text((end, y), number, fill=0, font=font)
    return as_file(picture, "PNG")


@pytest.mark.parametrize("form", ["text", "markdown", "hocr"])
def test_a_line_of_contents_begins_with_its_title_and_ends_with_its_number(url: str, form: str) -> None:
    response = httpx.post(f"{url}/predict_text", content=contents_page(), params={"format": form}, timeout=120)
    if form == "hocr":
        found = etree.fromstring(response.content).findall(".//{*}span[@class='ocr_line']")
        lines = [" ".join("".join(each.itertext()).split()) for each in found]
    else:
        lines = [line for line in response.text.splitlines() if line.strip()]
    assert len(lines) == 3, lines
    for line, (title, number) in zip(lines, (("The river", "17"), ("Floods", "34"), ("Notes", "140")), strict=True):
        assert line.startswith(title)
        assert line.endswith(number)


@pytest.mark.parametrize("form", ["json", "text", "markdown", "hocr", "alto", "page", "pdf"])
def test_a_page_of_a1_between_pages_of_a4_is_in_every_format(url: str, form: str) -> None:
    with pikepdf.new() as pdf:
        for points, pixels, letters in (((595, 842), (1240, 1754), 40), ((1684, 2384), (3368, 4768), 90)) * 2:
            add_scan_page(pdf, sheet(pixels, letters), points)
        file = saved(pdf)
    response = httpx.post(f"{url}/predict_text", content=file, params={"format": form}, timeout=200)
    assert response.status_code == 200, response.text[:300]
    if form == "json":
        pages = response.json()["pages"]
        assert [page["height"] > 4000 for page in pages] == [False, True, False, True]
        assert all(PROSE[0] in page["text"] for page in pages)


def test_one_line_of_several_sentences_is_read_to_its_end(url: str) -> None:
    text = " ".join(PROSE * 2)
    font = PIL.ImageFont.load_default(40)
    picture = PIL.Image.new("L", (int(font.getlength(text)) + 60, 64), 255)
    PIL.ImageDraw.Draw(picture).text((30, 8), text, fill=0, font=font)
    assert picture.width > 66 * picture.height
    response = httpx.post(f"{url}/predict_text", content=as_file(picture, "PNG"), timeout=120)
    assert Levenshtein.distance(" ".join(response.json()["text"].split()), text) <= 3


def test_regions_are_read_by_themselves_and_answered_by_name(url: str) -> None:
    picture = PIL.Image.new("L", (1400, 400), 255)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(48)
    pen.text((60, 60), "Invoice of Harbour Mills", fill=0, font=font)
    pen.text((900, 280), "1284.50", fill=0, font=font)
    regions = [
        {"name": "sender", "box": [0, 0, 1, 0.5]},
        {"name": "total", "box": [800, 220, 600, 180], "characters": "0123456789.", "pattern": r"[0-9]+\.[0-9]{2}"},
        {"name": "date", "box": [0, 0.55, 0.5, 0.45], "pattern": "[0-9]{4}"},
    ]
    options = {"regions": json.dumps(regions)}
    response = httpx.post(f"{url}/predict_text", content=as_file(picture, "PNG"), params=options, timeout=120)
    told = response.json()["regions"]
    assert {name: (each["text"], each["matches"]) for name, each in told.items()} == {
        "sender": ("Invoice of Harbour Mills", None),
        "total": ("1284.50", True),
        "date": ("", False),
    }


def test_a_bilevel_pdf_keeps_its_pictures_and_hardly_grows(url: str) -> None:
    page = bilevel(sheet((2480, 3508), 60))
    file = as_file(page, "PDF", resolution=300, save_all=True, append_images=[page, page])
    response = httpx.post(f"{url}/predict_text", content=file, params={"format": "pdf"}, timeout=200)
    assert response.status_code == 200, response.text[:300]
    assert len(response.content) <= 1.3 * len(file) + 10_000  # the font of the layer counts in so small a file
    with pikepdf.open(io.BytesIO(file)) as before, pikepdf.open(io.BytesIO(response.content)) as after:
        for was, now in zip(before.pages, after.pages, strict=True):
            [(name, old)] = was.obj.Resources.XObject.items()
            assert now.obj.Resources.XObject[name].read_raw_bytes() == old.read_raw_bytes()
