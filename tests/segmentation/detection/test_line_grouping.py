from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.detection.line_grouping import (
    GroupingRule,
    are_vertical,
    group_into_lines,
    without_nested,
    without_specks,
)
from segmentation.detection.quads import bounds, clockwise_from_top_left, from_boxes, heights, no_quads


def boxes_of(quads: np.ndarray) -> list[list[int]]:
    return sorted(np.round(bounds(quads)).astype(int).tolist())


def test_neighbouring_words_of_a_row_become_one_line():
    words = from_boxes(np.array([[0, 0, 100, 20], [110, 1, 200, 21], [208, 0, 300, 20]]))
    assert boxes_of(group_into_lines(words)) == [[0, 0, 300, 21]]


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
    assert boxes_of(group_into_lines(from_boxes(np.array([first, second])))) == sorted([first, second])


def test_the_rows_of_two_columns_are_not_joined_across_the_gutter():
    rows = [[x, y, x + 300, y + 20] for y in range(0, 300, 30) for x in (0, 330)]
    assert len(group_into_lines(from_boxes(np.array(rows)))) == len(rows)


def test_pieces_of_a_skewed_line_are_joined_along_it():
    slope = 0.02
    words = [[x, x * slope, x + 90, x * slope + 20] for x in range(0, 1000, 100)]
    assert len(group_into_lines(from_boxes(np.array(words)))) == 1


def test_no_pieces_make_no_lines():
    assert group_into_lines(no_quads()).shape == (0, 4, 2)
    assert without_nested(no_quads()).shape == (0, 4, 2)
    assert are_vertical(no_quads()).shape == (0,)


def test_a_tall_piece_among_lines_stands_but_a_lone_digit_one_does_not():
    pieces = from_boxes(np.array([[0, 0, 200, 20], [0, 30, 200, 50], [300, 0, 320, 150], [220, 0, 230, 22]]))
    assert are_vertical(pieces).tolist() == [False, False, True, False]


def test_a_piece_inside_another_is_dropped():
    lines = from_boxes(np.array([[0, 0, 200, 20], [50, 2, 90, 18], [300, 0, 400, 20]]))
    assert boxes_of(without_nested(lines)) == [[0, 0, 200, 20], [300, 0, 400, 20]]


def test_specks_are_dropped_but_small_print_is_kept():
    pieces = [[0, y, 200, y + 20] for y in range(0, 150, 30)]
    speck, small_print = [300, 0, 305, 4], [300, 50, 380, 60]
    kept = boxes_of(without_specks(from_boxes(np.array([*pieces, speck, small_print]))))
    assert speck not in kept
    assert small_print in kept


def plainly_joined(pieces: np.ndarray) -> np.ndarray:
    """Each piece compared with the end of every chain there is, from left to right."""
    chains: list[list[int]] = []
    for index in np.argsort(pieces[:, :, 0].min(axis=1), kind="stable"):
        fitting = [chain for chain in chains if fits(pieces[chain[-1]], pieces[index])]
        if fitting:
            max(fitting, key=lambda chain: float(pieces[chain[-1]][:, 0].max())).append(int(index))
        else:
            chains.append([int(index)])
    rectangles = [cv2.boxPoints(cv2.minAreaRect(pieces[chain].reshape(-1, 2))) for chain in chains]
    return np.stack(
        [
            pieces[chain[0]] if len(chain) == 1 else clockwise_from_top_left(rectangle[None])[0]
            for chain, rectangle in zip(chains, rectangles, strict=True)
        ]
    )


def fits(left: np.ndarray, right: np.ndarray, rule: GroupingRule = GroupingRule()) -> bool:  # noqa: B008
    smaller, taller = sorted(float(height) for height in heights(np.stack([left, right])))
    gap = float((right[0, 0] + right[3, 0] - left[1, 0] - left[2, 0]) / 2)
    shared = float(min(left[2, 1], right[3, 1]) - max(left[1, 1], right[0, 1]))
    return (
        taller <= rule.max_height_ratio * smaller
        and shared >= rule.min_shared_height * smaller
        and -rule.max_overlap * smaller <= gap <= rule.max_gap * (smaller + taller) / 2
    )


def plainly_without_nested(lines: np.ndarray) -> np.ndarray:
    """Each rectangle compared with every other."""
    box = bounds(lines)
    area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    low, high = np.maximum(box[:, None, :2], box[None, :, :2]), np.minimum(box[:, None, 2:], box[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    return lines[~((shared >= 0.8 * area[:, None]) & (area[:, None] < area[None, :])).any(axis=1)]


@st.composite
def crowded_pages(draw) -> np.ndarray:
    """Rectangles of any height, many of a like one, on common rows, close together, on top of each other, askew."""
    sizes = st.tuples(st.integers(1, 120), st.sampled_from([2, 10, 11, 18, 19, 40, 300]))
    places = st.tuples(st.integers(0, 250), st.one_of(st.integers(0, 150), st.sampled_from([0, 5, 100])))
    boxes = [(*place, *size) for place, size in draw(st.lists(st.tuples(places, sizes), min_size=1, max_size=40))]
    quads = from_boxes(np.array([(x, y, x + width, y + height) for x, y, width, height in boxes]))
    degrees = np.radians(draw(st.lists(st.sampled_from([0, 0, 2, -20]), min_size=len(boxes), max_size=len(boxes))))
    turns = np.array([[[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] for turn in degrees])
    middle = quads.mean(axis=1, keepdims=True)
    return ((quads - middle) @ turns.transpose(0, 2, 1) + middle).astype(np.float32)


@pytest.mark.parametrize("first", [[[0, 0, 100, 20], [10, 6, 100, 26]], [[10, 6, 100, 26], [0, 0, 100, 20]]])
def test_of_two_lines_that_reach_as_far_the_one_that_begins_first_goes_on(first):
    lines = group_into_lines(from_boxes(np.array([*first, [105, 3, 200, 23]])))
    assert [10, 6, 100, 26] in boxes_of(lines)
    assert [0, 0, 100, 20] not in boxes_of(lines)


@settings(max_examples=200)
@given(crowded_pages())
def test_lines_are_those_that_comparing_all_pieces_with_all_gives(pieces):
    assert np.array_equal(group_into_lines(pieces), plainly_joined(pieces))


@settings(max_examples=200)
@given(crowded_pages())
def test_the_rectangles_left_are_those_that_comparing_all_with_all_leaves(lines):
    assert np.array_equal(without_nested(lines), plainly_without_nested(lines))
