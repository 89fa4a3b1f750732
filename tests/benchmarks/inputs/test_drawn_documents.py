"""The documents that benchmarks draw are what they say."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pypdfium2
import pytest

from benchmarks.inputs.drawn_documents import bilevel, lines_of_prose, pdf_of, prose, saved, scanned, sheet, typeset

SIZE = (600, 400)


def drawn(pdf: bytes) -> list[PIL.Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render().to_pil().convert("L") for page in document]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_scanned_page_looks_like_its_picture_and_is_as_large_as_it_should_be(mode: str) -> None:
    picture = sheet(lines_of_prose(5), SIZE, 20)
    picture = bilevel(picture) if mode == "1" else picture.convert(mode)
    [page] = drawn(pdf_of(scanned(picture, SIZE)))
    assert page.size == SIZE
    difference = np.abs(np.asarray(page).astype(int) - np.asarray(picture.convert("L")))
    assert difference.mean() < 3
    assert np.asarray(page).min() < 60


def test_a_typeset_page_has_its_lines_as_text() -> None:
    with pypdfium2.PdfDocument(pdf_of(typeset(lines_of_prose(40), 11.0), typeset(["£ 4"], 11.0))) as document:
        texts = [page.get_textpage().get_text_bounded().split() for page in document]
    assert texts == [" ".join(lines_of_prose(40)).split(), ["£", "4"]]


def test_prose_begins_again_where_it_ends() -> None:
    assert lines_of_prose(len(prose()) + 1)[-1] == prose()[0]
    assert all(line.strip() for line in prose())


def test_a_picture_is_saved_as_pillow_would() -> None:
    with PIL.Image.open(io.BytesIO(saved(sheet([], SIZE, 20), "TIFF", compression="tiff_lzw"))) as read:
        assert (read.format, read.size) == ("TIFF", SIZE)
