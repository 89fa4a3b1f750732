"""Which way a page lies, from the direction of its lines."""

from __future__ import annotations

import math

import pytest

from ocr.contract import LineAnswer
from ocr.page_geometry import direction_degrees, quarter_turns, skew_degrees
from tests.fakes.answers import line


def turned(degrees: float, text: str = "some words") -> LineAnswer:
    """A line of 200 x 20 pixels around (300, 300), turned clockwise."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(-100, -10), (100, -10), (100, 10), (-100, 10)]
    return line([(text, None)], tuple((300 + x * cosine - y * sine, 300 + x * sine + y * cosine) for x, y in corners))


@pytest.mark.parametrize("degrees", [0, 3, -3, 90, 178, -90])
def test_the_direction_of_a_line_is_clockwise_from_rightwards(degrees):
    assert direction_degrees(turned(degrees).polygon) == pytest.approx(degrees)


@pytest.mark.parametrize(("degrees", "needed"), [(0, 0), (90, 270), (180, 180), (-90, 90), (93, 270), (-3, 0)])
def test_a_page_is_turned_back_by_what_its_lines_are_turned(degrees, needed):
    assert quarter_turns([turned(degrees)] * 3) == (needed, 1.0)


def test_most_characters_decide_and_say_how_many_they_are():
    assert quarter_turns([turned(0, "x" * 30), turned(90, "x" * 10)]) == (0, 0.75)
    assert quarter_turns([]) == (0, 0.0)


@pytest.mark.parametrize("degrees", [0.0, 2.5, -4.0])
def test_skew_is_what_is_left_beside_quarter_turns(degrees):
    lines = [turned(degrees), turned(90 + degrees), turned(45)]
    assert skew_degrees(lines) == pytest.approx(degrees)


def test_a_page_without_lines_has_no_skew():
    assert skew_degrees([]) == 0.0
