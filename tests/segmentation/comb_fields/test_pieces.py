"""Detected pieces make way for comb fields, and labels beside these stay."""

from __future__ import annotations

import numpy as np

from segmentation.comb_fields.finding import CombField
from segmentation.comb_fields.pieces import beside_fields, outside_text
from segmentation.detection.quads import bounds, from_boxes

FIELD = CombField(from_boxes(np.array([[200, 100, 500, 140]]))[0].astype(np.float32), ((0.0, 0.5), (0.5, 1.0)))


def left_of(*boxes: tuple[int, int, int, int]) -> list[list[float]]:
    pieces = from_boxes(np.array(boxes, dtype=np.float64)).astype(np.float32)
    found: list[list[float]] = sorted(bounds(beside_fields(pieces, [FIELD])).tolist())
    return found


def test_pieces_in_a_field_are_taken_away_and_others_stay() -> None:
    assert left_of((210, 105, 230, 135), (300, 95, 480, 145), (20, 105, 120, 135), (200, 10, 500, 40)) == [
        [20, 105, 120, 135],
        [200, 10, 500, 40],
    ]


def test_of_a_piece_with_a_label_the_label_stays() -> None:
    assert left_of((50, 105, 450, 135), (480, 105, 700, 135)) == [[50, 105, 200, 135], [500, 105, 700, 135]]


def test_a_piece_that_is_far_taller_than_a_field_stays() -> None:
    assert left_of((210, 0, 490, 240)) == [[210, 0, 490, 240]]


def test_letters_of_a_line_that_goes_on_beside_them_are_no_field() -> None:
    def kept(*boxes: tuple[int, int, int, int]) -> bool:
        pieces = from_boxes(np.array(boxes, dtype=np.float64)).astype(np.float32)
        return outside_text([FIELD], pieces) == [FIELD]

    assert not kept((150, 90, 900, 150))
    assert kept((150, 105, 900, 140))  # a label of the boxes' height, and what stands behind them
    assert kept((180, 90, 520, 150))  # what was written in them
    assert kept((150, 200, 900, 260))
