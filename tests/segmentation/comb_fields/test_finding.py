"""Comb fields are found by their rules, however they are drawn; tables and text are none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr.image import Pixels
from segmentation.comb_fields.finding import CombField, find_comb_fields
from segmentation.detection.quads import bounds
from segmentation.page_rotation import PageRotation
from tests.segmentation.comb_fields.drawn_fields import APART, BOXES, LEFT, TALL, TICKS, TOP, WIDE, Style, page_with

every_style = pytest.mark.parametrize("style", [BOXES, APART, TICKS], ids=["boxes", "apart", "ticks"])


def found(page: Pixels, degrees: float = 0.0) -> list[CombField]:
    return find_comb_fields(page, PageRotation.undoing(page.shape[1], page.shape[0], degrees))


def middles(field: CombField) -> list[float]:
    """Of the cells, in pixels of the page."""
    left, _, right, _ = bounds(field.quad[None])[0]
    return [float(left + (start + end) / 2 * (right - left)) for start, end in field.cells]


@every_style
def test_a_field_has_a_cell_for_each_box(style: Style) -> None:
    [field] = found(page_with("QUORUM7", style, cells=9))
    expected = [LEFT + number * (WIDE + style.room) + WIDE / 2 for number in range(9)]
    assert middles(field) == pytest.approx(expected, abs=2.5)
    _, top, _, bottom = bounds(field.quad[None])[0]
    assert bottom == pytest.approx(TOP + TALL, abs=3)
    assert top == pytest.approx(TOP, abs=3 if style.closed else 0.3 * TALL)


@every_style
def test_a_field_on_a_large_scan_is_found_as_well(style: Style) -> None:
    small = np.concatenate([page_with("CARTER", style), np.full((900, 900, 3), 255, np.uint8)])
    page = np.asarray(Image.fromarray(small).resize((2700, 3600), Image.Resampling.BICUBIC))
    [field] = found(page)
    assert np.array(middles(field)) / 3 == pytest.approx(
        [LEFT + number * (WIDE + style.room) + WIDE / 2 for number in range(6)], abs=2.5
    )


def test_a_page_that_lies_on_its_side_has_the_field_on_the_upright_one() -> None:
    page = page_with("DOVER")
    [upright], [field] = found(page), found(np.ascontiguousarray(np.rot90(page)), 90.0)
    np.testing.assert_allclose(field.quad, upright.quad, atol=3)
    assert len(field.cells) == len(upright.cells)


def test_an_empty_field_is_none() -> None:
    assert found(page_with("", cells=9)) == []


def test_a_page_of_print_has_none() -> None:
    page = Image.new("RGB", (900, 300), "white")
    pen = ImageDraw.Draw(page)
    for row in range(6):
        pen.text((40, 20 + 44 * row), "HILL IIII llll BILL HILL 1111 LITTLE", "black", ImageFont.load_default(30))
        pen.line((40, 58 + 44 * row, 700, 58 + 44 * row), "black", 2)
    assert found(np.asarray(page)) == []


def test_a_table_whose_cells_hold_words_is_none() -> None:
    page = Image.new("RGB", (900, 300), "white")
    pen = ImageDraw.Draw(page)
    for row in range(4):
        for column in range(8):
            left, top = 40 + 90 * column, 40 + 50 * row
            pen.rectangle((left, top, left + 90, top + 50), outline="black", width=2)
            pen.text((left + 8, top + 12), "word", "black", ImageFont.load_default(24))
    assert found(np.asarray(page)) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_page_has_none(level: int) -> None:
    assert found(np.full((50, 70, 3), level, np.uint8)) == []


def test_noise_has_none() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    assert found(noise) == []


def test_letters_whose_serifs_nearly_touch_are_none() -> None:
    page = np.full((300, 900, 3), 255, np.uint8)
    for left in range(100, 400, 30):
        page[100:130, left + 10 : left + 14] = 0  # a stem
        page[128:130, left : left + 24] = 0  # its foot
        page[108:120, left + 20 : left + 23] = 0
    assert found(page) == []
