from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.detection.neighbours import points_in_boxes

corners = st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 1, 3, 50]), st.integers(0, 20))


@given(st.lists(corners, max_size=40), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=40))
def test_every_point_in_every_box_is_found_once(boxes, points):
    low = np.array([box[:2] for box in boxes], dtype=float).reshape(-1, 2)
    high = low + np.array([box[2:] for box in boxes], dtype=float).reshape(-1, 2)
    places = np.array(points, dtype=float).reshape(-1, 2)
    box, point = points_in_boxes(low, high, places)
    inside = ((low[:, None] <= places) & (places <= high[:, None])).all(axis=2)
    assert sorted(zip(box.tolist(), point.tolist(), strict=True)) == sorted(map(tuple, np.argwhere(inside).tolist()))


def test_a_box_that_is_far_from_the_origin_and_very_long_holds_its_edges():
    low, high = np.array([[1e6, 2e6, 0.1]]), np.array([[1e6 + 3e4, 2e6 + 0.01, 0.1]])
    found, _ = points_in_boxes(low, high, np.concatenate([low, high, high + np.array([0, 0.01, 0])]))
    assert found.tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(0, 2), (0, 3)])
def test_no_boxes_hold_no_points(shape):
    box, point = points_in_boxes(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    assert box.size == point.size == 0
