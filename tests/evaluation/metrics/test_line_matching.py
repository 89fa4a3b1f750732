"""Which found lines say what which true lines say."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.line_matching import LineMatch, Quad, match_lines, recall


def quad(left: float, top: float, right: float, bottom: float) -> Quad:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def test_lines_in_the_same_place_belong_together_whatever_their_order() -> None:
    true = [quad(0, 0, 100, 20), quad(0, 30, 100, 50)]
    assert match_lines(true, true[::-1]) == [LineMatch((0,), (1,)), LineMatch((1,), (0,))]


def test_a_line_found_in_two_pieces_is_read_from_left_to_right() -> None:
    assert match_lines([quad(0, 0, 100, 20)], [quad(60, 1, 100, 19), quad(0, 2, 55, 21)]) == [LineMatch((0,), (1, 0))]


def test_two_columns_found_as_one_line_are_one_group_and_rows_come_before_columns() -> None:
    true = [quad(0, 40, 40, 60), quad(60, 0, 100, 20), quad(0, 1, 40, 21)]
    found = [quad(0, 0, 100, 60)]
    assert match_lines(true, found) == [LineMatch((2, 1, 0), (0,))]


def test_what_has_no_partner_is_missed_or_invented() -> None:
    groups = match_lines([quad(0, 0, 100, 20), quad(0, 30, 100, 50)], [quad(0, 0, 100, 20), quad(0, 200, 100, 220)])
    assert groups == [LineMatch((0,), (0,)), LineMatch((1,), ()), LineMatch((), (1,))]
    assert recall(groups) == pytest.approx(0.5)


def test_neighbours_that_touch_do_not_belong_together() -> None:
    assert match_lines([quad(0, 0, 100, 20)], [quad(0, 15, 100, 35)]) == [LineMatch((0,), ()), LineMatch((), (0,))]
    assert match_lines([], []) == []
