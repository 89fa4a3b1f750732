from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segmentation.detection.quads import (
    angles,
    bounds,
    clockwise_from_top_left,
    from_boxes,
    heights,
    mapped,
    turned,
    widths,
)

places = st.floats(-500, 500)
sizes = st.floats(5, 300)


def rectangle(x: float, y: float, width: float, height: float, degrees: float) -> np.ndarray:
    """One rectangle (1, 4, 2) around (x, y) that reads at `degrees`, counter-clockwise."""
    turn = np.radians(degrees)
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (corners @ rotation.T + [x, y])[None].astype(np.float32)


@given(places, places, sizes, sizes, st.floats(-44, 44), st.integers(0, 3), st.booleans())
def test_any_order_of_corners_becomes_clockwise_from_the_top_left(x, y, width, height, degrees, start, backwards):
    wanted = rectangle(x, y, width, height, degrees)
    given_corners = np.roll(wanted, start, axis=1)
    if backwards:
        given_corners = given_corners[:, ::-1]
    assert np.allclose(clockwise_from_top_left(given_corners), wanted, atol=1e-3)


@given(places, places, sizes, sizes, st.floats(-179, 179))
def test_width_height_and_angle_are_those_of_the_text(x, y, width, height, degrees):
    quad = rectangle(x, y, width, height, degrees)
    assert np.allclose(widths(quad), width, rtol=1e-3)
    assert np.allclose(heights(quad), height, rtol=1e-3)
    assert np.allclose(angles(quad), degrees, atol=0.1)


def test_a_quarter_turn_reads_upwards_and_swaps_the_sides():
    quad = turned(from_boxes(np.array([[10, 20, 110, 40]])), 1)
    assert angles(quad)[0] == 90
    assert (widths(quad)[0], heights(quad)[0]) == (20, 100)
    assert np.array_equal(bounds(quad), [[10, 20, 110, 40]])


def test_four_quarter_turns_change_nothing():
    quad = from_boxes(np.array([[10, 20, 110, 40]]))
    assert np.array_equal(turned(quad, 4), quad)


def test_an_affine_map_moves_every_corner():
    quad = from_boxes(np.array([[0, 0, 10, 4]]))
    assert np.array_equal(mapped(quad, np.array([[2.0, 0, 1], [0, 3.0, 5]])), from_boxes(np.array([[1, 5, 21, 17]])))
