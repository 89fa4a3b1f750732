from __future__ import annotations

import numpy as np
import pytest

from segmentation.detection.projection import ProjectionDetector, runs
from segmentation.detection.quads import bounds

LINES = {(30, 20): "the first line of it", (30, 80): "then a second", (30, 140): "and the third"}


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_every_row_of_ink_is_a_line_in_either_polarity(written, light_on_dark):
    page = written(500, 200, LINES)
    boxes = bounds(ProjectionDetector().find(255 - page if light_on_dark else page))
    assert len(boxes) == 3
    for (left, top), box in zip(LINES, boxes, strict=True):
        assert box[0] <= left + 3
        assert top - 5 <= box[1] < box[3] <= top + 50


def test_far_cells_of_a_row_are_lines_of_their_own(written):
    boxes = bounds(ProjectionDetector().find(written(800, 80, {(20, 20): "total", (600, 20): "12.50"})))
    assert len(boxes) == 2


def test_a_shadow_over_the_page_hides_no_line(written):
    page = written(800, 900, {(30, y): "a line in the shade" for y in range(40, 840, 80)})
    shade = np.linspace(1.0, 0.35, 900)[:, None, None]
    assert len(ProjectionDetector().find((page * shade).astype(np.uint8))) == 10


@pytest.mark.parametrize("shape", [(1, 1), (10, 20_000), (20_000, 10), (50, 50), (900, 1200)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_page_of_any_size_has_no_lines(shape, level):
    assert ProjectionDetector().find(np.full((*shape, 3), level, np.uint8)).shape == (0, 4, 2)


def test_runs_are_half_open():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []
