from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.reading_order import reading_order
from tests.segmentation.plain_order import plain_blocks

HEIGHT, PITCH = 20, 30


def column(left: int, top: int, rows: int, width: int = 400) -> list[list[int]]:
    return [[left, top + row * PITCH, left + width, top + row * PITCH + HEIGHT] for row in range(rows)]


def blocks_of(boxes: list[list[int]]) -> list[list[int]]:
    """The indices of the boxes, block by block, as they are read."""
    reading = reading_order(np.array(boxes, dtype=np.float32))
    assert sorted(reading.order) == list(range(len(boxes)))
    assert list(reading.blocks) == sorted(reading.blocks)
    found: list[list[int]] = [[] for _ in range(max(reading.blocks) + 1)]
    for index, block in zip(reading.order, reading.blocks, strict=True):
        found[block].append(index)
    return found


def test_an_empty_page_has_no_order():
    reading = reading_order(np.zeros((0, 4), dtype=np.float32))
    assert reading.order == ()
    assert reading.blocks == ()


def test_one_column_is_read_from_top_to_bottom():
    assert blocks_of(column(50, 0, 6)[::-1]) == [[5, 4, 3, 2, 1, 0]]


@pytest.mark.parametrize("shift", [0, 7, 15], ids=["rows level", "rows shifted", "rows staggered"])
def test_two_columns_are_read_one_after_the_other(shift):
    page = column(50, 0, 8) + column(500, shift, 8)
    assert blocks_of(page) == [list(range(8)), list(range(8, 16))]


def test_a_heading_over_two_columns_is_read_first_and_a_footer_last():
    heading, footer = [50, 0, 900, 30], [50, 400, 900, 420]
    page = [*column(50, 80, 8), *column(500, 80, 8), heading, footer]
    order = [index for block in blocks_of(page) for index in block]
    assert order == [16, *range(16), 17]


def test_columns_of_different_length_stay_columns():
    page = column(50, 0, 12) + column(500, 0, 5)
    assert blocks_of(page) == [list(range(12)), list(range(12, 17))]


def test_three_columns_are_read_from_left_to_right():
    page = column(0, 0, 6, 280) + column(320, 0, 6, 280) + column(640, 0, 6, 280)
    assert [index for block in blocks_of(page) for index in block] == list(range(18))


def test_a_receipt_with_prices_at_the_right_is_read_row_by_row():
    items = [[0, row * PITCH, 250, row * PITCH + HEIGHT] for row in range(8)]
    prices = [[500, row * PITCH + 2, 570, row * PITCH + HEIGHT + 2] for row in range(8)]
    order = [index for block in blocks_of(items + prices) for index in block]
    assert order == [index for row in range(8) for index in (row, 8 + row)]


def test_wider_white_between_lines_begins_a_new_block():
    page = column(50, 0, 4) + column(50, 4 * PITCH + 40, 4)
    assert blocks_of(page) == [[0, 1, 2, 3], [4, 5, 6, 7]]


@given(st.permutations(range(16)), st.floats(0.2, 5), st.integers(-500, 500))
def test_neither_the_order_nor_the_scale_nor_the_place_of_the_boxes_matters(permutation, scale, shift):
    page = np.array(column(50, 0, 8) + column(500, 7, 8), dtype=np.float32)
    reading = reading_order(page[list(permutation)] * np.float32(scale) + shift)
    assert [permutation[index] for index in reading.order] == list(range(16))


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 2, *[st.integers(1, 300)] * 2), min_size=1, max_size=25))
def test_every_box_is_read_exactly_once(corners):
    boxes = [[left, top, left + width, top + height] for left, top, width, height in corners]
    assert sorted(index for block in blocks_of(boxes) for index in block) == list(range(len(boxes)))


@st.composite
def mixed_pages(draw) -> np.ndarray:
    """Stretches of columns side by side whose lines are of one length, ragged, or cells of a table, and stray boxes."""
    boxes: list[list[int]] = []
    top = 0
    for _ in range(draw(st.integers(1, 4))):
        lengths = draw(st.lists(st.sampled_from([30, 100, 150, 260, 400]), min_size=1, max_size=4))
        gaps = draw(st.lists(st.sampled_from([5, 16, 40]), min_size=4, max_size=4))
        pitch = draw(st.sampled_from([18, 30]))
        for _ in range(draw(st.integers(1, 9))):
            for number, length in enumerate(lengths):
                left = number * 400 + sum(gaps[:number]) + draw(st.sampled_from([0, 0, 3]))
                cut = draw(st.sampled_from([1.0, 1.0, 0.6, 0.2]))
                boxes.append([left, top, left + max(1, round(cut * length)), top + HEIGHT])
            top += pitch
        top += draw(st.sampled_from([0, 15, 60]))
    for left, shift in draw(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 500)), max_size=4)):
        boxes.append(
            [left, shift, left + draw(st.sampled_from([20, 300, 1200])), shift + draw(st.sampled_from([5, 40]))]
        )
    return np.array(draw(st.permutations(boxes)), dtype=np.float32)


@settings(max_examples=150)
@given(mixed_pages())
def test_the_order_is_that_of_the_plain_definition(page):
    assert blocks_of(page.tolist()) == plain_blocks(page)


@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 30)] * 2), min_size=1, max_size=25))
def test_boxes_that_overlap_in_any_way_are_in_the_order_of_the_plain_definition(corners):
    boxes = [[left, top, left + width, top + height] for left, top, width, height in corners]
    assert blocks_of(boxes) == plain_blocks(np.array(boxes, dtype=np.float32))


def rows_of(boxes: list[list[int]]) -> list[list[int]]:
    """The indices of the boxes, row by row, as they are read."""
    reading = reading_order(np.array(boxes, dtype=np.float32))
    found: list[list[int]] = [[] for _ in range(max(reading.rows) + 1)]
    for index, row in zip(reading.order, reading.rows, strict=True):
        found[row].append(index)
    return found


def test_a_title_and_the_number_behind_its_leader_stand_in_one_row():
    titles = [[80, y, 80 + width, y + 30] for y, width in ((70, 120), (150, 420), (230, 480), (310, 90))]
    numbers = [[1100, y + 2, 1150, y + 28] for y in (70, 150, 230, 310)]
    assert rows_of(titles + numbers) == [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_the_cells_of_a_table_and_the_fields_of_a_form_stand_in_rows():
    cells = [[x, y, x + 90, y + 20] for y in (0, 40, 80) for x in (300, 0, 600)]
    assert rows_of(cells) == [[1, 0, 2], [4, 3, 5], [7, 6, 8]]


def test_the_lines_of_two_columns_of_prose_stand_in_rows_of_their_own():
    page = column(50, 0, 8) + column(500, 0, 8)
    assert rows_of(page) == [[index] for index in range(16)]
