from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.detection.quads import from_boxes, turned
from segmentation.page_rotation import MAX_CROP_SIDE_PX, PageRotation, crop_upright


def gradient(width_px: int, height_px: int) -> np.ndarray:
    """A page on which every pixel tells its place: red is x, green is y."""
    y, x = np.mgrid[:height_px, :width_px]
    return np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)


@given(st.integers(1, 900), st.integers(1, 900), st.floats(-180, 180))
def test_a_turn_and_its_inverse_leave_a_place_where_it_was(width_px, height_px, degrees):
    turn = PageRotation.undoing(width_px, height_px, degrees)
    quad = from_boxes(np.array([[0, 0, width_px, height_px]]))
    assert np.allclose(turn.to_page(turn.to_upright(quad)), quad, atol=0.01)


@given(st.integers(1, 900), st.integers(1, 900), st.floats(-180, 180))
def test_the_upright_page_holds_the_whole_page(width_px, height_px, degrees):
    turn = PageRotation.undoing(width_px, height_px, degrees)
    corners = turn.to_upright(from_boxes(np.array([[0, 0, width_px, height_px]])))
    assert corners.min() >= -0.51
    assert corners[..., 0].max() <= turn.upright_width_px + 0.51
    assert corners[..., 1].max() <= turn.upright_height_px + 0.51


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_quarter_turns_are_exact(degrees):
    page = gradient(7, 5)
    lying = np.rot90(page, degrees // 90)
    turn = PageRotation.undoing(lying.shape[1], lying.shape[0], degrees)
    assert np.array_equal(turn.pixels(np.ascontiguousarray(lying)), page)
    assert (turn.upright_width_px, turn.upright_height_px) == (7, 5)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_places_turn_as_the_pixels_do(degrees):
    page = np.zeros((50, 80, 3), np.uint8)
    page[10:14, 20:40] = 255
    lying = np.ascontiguousarray(np.rot90(page, degrees // 90))
    turn = PageRotation.undoing(lying.shape[1], lying.shape[0], degrees)
    on_page = turn.to_page(from_boxes(np.array([[20, 10, 40, 14]])))
    crop = crop_upright(lying, on_page[0])
    assert crop.shape == (4, 20, 3)
    assert (crop == 255).all()


def test_a_small_turn_brings_a_skewed_bar_level():
    page = np.zeros((200, 300, 3), np.uint8)
    page[90:110, 50:250] = 255
    skewed = PageRotation.undoing(300, 200, -10).pixels(page)  # a page that lies 10 degrees counter-clockwise
    turn = PageRotation.undoing(skewed.shape[1], skewed.shape[0], 10)
    rows = np.flatnonzero(turn.pixels(skewed)[:, :, 0].max(axis=1) > 128)
    assert rows[-1] - rows[0] <= 22


def test_a_cut_at_whole_pixels_copies_them():
    page = gradient(60, 40)
    assert np.array_equal(crop_upright(page, from_boxes(np.array([[5, 7, 25, 17]]))[0]), page[7:17, 5:25])


def test_a_cut_read_upwards_lies_on_its_side():
    page = gradient(60, 40)
    crop = crop_upright(page, turned(from_boxes(np.array([[5, 7, 25, 17]])), 1)[0])
    assert np.array_equal(crop, np.rot90(page[7:17, 5:25], -1))


def test_a_cut_beyond_the_page_repeats_its_edge():
    page = np.full((20, 20, 3), 200, np.uint8)
    crop = crop_upright(page, from_boxes(np.array([[-5, -5, 30, 10]]))[0])
    assert crop.shape == (15, 35, 3)
    assert (crop == 200).all()


@given(st.lists(st.floats(-200, 200), min_size=8, max_size=8))
def test_any_four_corners_give_a_crop(values):
    crop = crop_upright(gradient(50, 30), np.array(values, dtype=np.float32).reshape(4, 2))
    assert crop.dtype == np.uint8
    assert crop.shape[2] == 3
    assert min(crop.shape[:2]) >= 1
    assert max(crop.shape[:2]) <= MAX_CROP_SIDE_PX
