from __future__ import annotations

import numpy as np
import pytest

from segmentation.detection.lines import joined, standing, without_inner, without_specks
from segmentation.detection.quads import bounds, from_boxes, no_quads


def boxes_of(quads: np.ndarray) -> list[list[int]]:
    return sorted(np.round(bounds(quads)).astype(int).tolist())


def test_neighbouring_words_of_a_row_become_one_line():
    words = from_boxes(np.array([[0, 0, 100, 20], [110, 1, 200, 21], [208, 0, 300, 20]]))
    assert boxes_of(joined(words)) == [[0, 0, 300, 21]]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param([140, 0, 240, 20], id="a gap of two line heights"),
        pytest.param([105, 14, 205, 34], id="another row"),
        pytest.param([105, 0, 205, 60], id="three times the height"),
        pytest.param([10, 0, 110, 20], id="one on top of the other"),
    ],
)
def test_two_pieces_stay_apart_with(second):
    first = [0, 0, 100, 20]
    assert boxes_of(joined(from_boxes(np.array([first, second])))) == sorted([first, second])


def test_the_rows_of_two_columns_are_not_joined_across_the_gutter():
    rows = [[x, y, x + 300, y + 20] for y in range(0, 300, 30) for x in (0, 330)]
    assert len(joined(from_boxes(np.array(rows)))) == len(rows)


def test_pieces_of_a_skewed_line_are_joined_along_it():
    slope = 0.02
    words = [[x, x * slope, x + 90, x * slope + 20] for x in range(0, 1000, 100)]
    assert len(joined(from_boxes(np.array(words)))) == 1


def test_no_pieces_make_no_lines():
    assert joined(no_quads()).shape == (0, 4, 2)
    assert without_inner(no_quads()).shape == (0, 4, 2)
    assert standing(no_quads()).shape == (0,)


def test_a_tall_piece_among_lines_stands_but_a_lone_digit_one_does_not():
    pieces = from_boxes(np.array([[0, 0, 200, 20], [0, 30, 200, 50], [300, 0, 320, 150], [220, 0, 230, 22]]))
    assert standing(pieces).tolist() == [False, False, True, False]


def test_a_piece_inside_another_is_dropped():
    lines = from_boxes(np.array([[0, 0, 200, 20], [50, 2, 90, 18], [300, 0, 400, 20]]))
    assert boxes_of(without_inner(lines)) == [[0, 0, 200, 20], [300, 0, 400, 20]]


def test_specks_are_dropped_but_small_print_is_kept():
    pieces = [[0, y, 200, y + 20] for y in range(0, 150, 30)]
    speck, small_print = [300, 0, 305, 4], [300, 50, 380, 60]
    kept = boxes_of(without_specks(from_boxes(np.array([*pieces, speck, small_print]))))
    assert speck not in kept
    assert small_print in kept
