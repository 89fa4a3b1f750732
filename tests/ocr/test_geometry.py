"""Rectangles around corners, and medians of what counts more than once."""

from __future__ import annotations

import pytest

from ocr.geometry import bounds, weighted_median


def test_bounds_lie_around_all_corners() -> None:
    assert bounds([(3.0, 1.0), (-2.0, 5.0), (0.5, 0.0)]) == (-2.0, 0.0, 3.0, 5.0)


@pytest.mark.parametrize(
    ("values", "median"),
    [([], 0.0), ([(4.0, 0)], 4.0), ([(9.0, 3), (1.0, 1), (5.0, 1)], 9.0), ([(2.0, 1), (1.0, 1)], 1.0)],
)
def test_the_weighted_median_is_the_first_value_that_has_half_of_the_counts(
    values: list[tuple[float, int]], median: float
) -> None:
    assert weighted_median(values) == median
