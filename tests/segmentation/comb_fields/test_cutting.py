"""A comb field becomes a line of its characters, without rules and in slots of one width."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr.image import Pixels
from segmentation.comb_fields.cutting import CombCrop, cut_comb_field
from segmentation.comb_fields.finding import find_comb_fields
from segmentation.page_rotation import PageRotation
from tests.segmentation.comb_fields.drawn_fields import APART, BOXES, LEFT, TALL, TICKS, TOP, WIDE, Style, page_with

every_style = pytest.mark.parametrize("style", [BOXES, APART, TICKS], ids=["boxes", "apart", "ticks"])


def cut(page: Pixels) -> CombCrop:
    [field] = find_comb_fields(page, PageRotation.undoing(page.shape[1], page.shape[0], 0.0))
    crop = cut_comb_field(page, field.quad, field)
    assert crop is not None
    return crop


def ink_in(pixels: Pixels) -> int:
    return int(np.count_nonzero(pixels.min(axis=2) < 128))


@every_style
def test_each_character_has_a_box_and_each_run_of_them_a_word(style: Style) -> None:
    crop = cut(page_with("AB12 XY", style, cells=10))
    assert len(crop.characters) == 6
    assert len(crop.words) == 2
    assert crop.words[0].left == crop.characters[0].left
    assert crop.words[1].right == crop.characters[-1].right
    slot = crop.pixels.shape[1] / 10
    numbers = [int((box.left + box.right) / 2 // slot) for box in crop.characters]
    assert numbers == [0, 1, 2, 3, 5, 6]


@every_style
def test_nothing_of_the_rules_is_left(style: Style) -> None:
    crop = cut(page_with("ABC", style, cells=8))
    ruled = crop.pixels.copy()
    for box in crop.characters:
        ruled[box.top : box.bottom, box.left : box.right] = 255
    assert ruled.min() > 200
    font_ink = ink_in(page_with("ABC", Style(thick=0, closed=False, uprights=0.0), cells=8))
    assert ink_in(crop.pixels) == pytest.approx(font_ink, rel=0.2)


def test_a_stroke_that_crosses_a_rule_stays_whole() -> None:
    page = Image.fromarray(page_with("AAAAA"))
    x = LEFT + 2 * WIDE + WIDE // 2
    pen = ImageDraw.Draw(page)
    pen.rectangle((x - 12, TOP + 4, x + 12, TOP + TALL - 4), fill="white")
    pen.line((x, TOP + 8, x, TOP + TALL + 8), "black", 4)  # through the lower rule
    crop = cut(np.asarray(page).copy())
    box = crop.characters[2]
    assert box.height >= TALL - 4
    column = crop.pixels[box.top : box.bottom, (box.left + box.right) // 2].max(axis=1)
    assert (column < 128).all()


def test_what_is_written_in_one_cell_is_no_more_than_its_slot_from_the_next() -> None:
    crop = cut(page_with("HARBOUR"))
    gaps = [after.left - before.right for before, after in zip(crop.characters, crop.characters[1:], strict=False)]
    height = max(box.height for box in crop.characters)
    assert min(gaps) > 0
    assert max(gaps) < height
