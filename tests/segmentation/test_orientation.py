from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.geometry import Box
from segmentation.detection.quads import clockwise_from_top_left, from_boxes, heights, no_quads, widths
from segmentation.orientation import (
    OnnxOrientationReader,
    OnnxUpsideDownClassifier,
    OrientationEstimator,
    asymmetry,
    line_angle,
    reading_along,
    weighted_median,
)
from segmentation.page_rotation import PageRotation


class ScriptedClassifier:
    """Says of pieces whose left half is darker that they stand, with a given probability that they do not."""

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.asked = 0

    def upside_down(self, crops):
        self.asked += len(crops)
        stands = [crop[:, : crop.shape[1] // 2].mean() < crop[:, crop.shape[1] // 2 :].mean() for crop in crops]
        return np.array([self.probability if stand else 1 - self.probability for stand in stands], np.float32)


class ScriptedReader:
    """Reads pieces whose left half is darker, and is as sure of them as it is told; of others it is not."""

    def __init__(self, sure: float) -> None:
        self.sure = sure
        self.asked = 0

    def confidence(self, crops):
        self.asked += len(crops)
        stands = [crop[:, : crop.shape[1] // 2].mean() < crop[:, crop.shape[1] // 2 :].mean() for crop in crops]
        return np.array([self.sure if stand else 0.5 for stand in stands], np.float32)


def half_dark() -> np.ndarray:
    """Three bars, as letters stand apart, in the left half."""
    crop = np.full((48, 192, 3), 255, np.uint8)
    for left in (5, 35, 65):
        crop[2:46, left : left + 20] = 0
    return crop


def lying(degrees: float) -> np.ndarray:
    """The rectangles of a page of lines that lies `degrees` counter-clockwise."""
    lines = from_boxes(np.array([[100, y, 100 + 400 + y, y + 20] for y in range(0, 400, 40)]))
    return clockwise_from_top_left(PageRotation.undoing(600, 600, degrees).to_page(lines))


@given(st.floats(-44, 134))
def test_the_angle_of_the_lines_is_that_of_the_page(degrees):
    assert line_angle(lying(degrees)) == pytest.approx(degrees, abs=0.2)


@given(st.floats(-44, 134))
def test_a_page_on_its_head_has_the_same_angle(degrees):
    assert line_angle(lying(degrees + 180)) == pytest.approx(degrees, abs=0.2)


def test_one_line_across_the_others_does_not_turn_the_page():
    across = from_boxes(np.array([[700, 0, 720, 300]]))
    assert line_angle(np.concatenate([lying(3), across])) == pytest.approx(3, abs=0.2)


def test_without_elongated_pieces_a_page_counts_as_straight():
    assert line_angle(no_quads()) == 0.0
    assert line_angle(from_boxes(np.array([[0, 0, 20, 20]]))) == 0.0


def test_reading_along_turns_tall_pieces_only():
    pieces = reading_along(from_boxes(np.array([[0, 0, 100, 20], [200, 0, 220, 100]])))
    assert (widths(pieces) == 100).all()
    assert (heights(pieces) == 20).all()


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=1, max_size=9))
def test_the_weighted_median_has_half_of_the_weight_on_each_side(pairs):
    values, weights = np.array(pairs).T
    middle = weighted_median(values, weights)
    assert weights[values < middle].sum() <= weights.sum() / 2 + 1e-9
    assert weights[values > middle].sum() <= weights.sum() / 2 + 1e-9


def test_written_lines_reach_up_more_than_down(written):
    line = written(700, 60, {(10, 8): "Both ladies had killed the third bottle"})
    assert asymmetry(line) > 0.1
    assert asymmetry(line[::-1, ::-1]) == pytest.approx(-asymmetry(line), abs=0.02)


def test_an_empty_line_leans_to_neither_side():
    assert asymmetry(np.full((20, 50, 3), 255, np.uint8)) == 0.0
    assert OrientationEstimator().log_odds([]) == 0.0


@given(st.floats(0.01, 0.99))
def test_lines_turned_round_give_the_opposite_evidence(probability):
    estimator = OrientationEstimator(ScriptedClassifier(probability))
    crop = half_dark()
    assert estimator.log_odds([crop]) == pytest.approx(-estimator.log_odds([crop[::-1, ::-1]]), abs=1e-6)


def test_nobody_but_the_ink_is_asked_about_joined_writing(combs):
    comb = combs(400, 40, [Box(5, 5, 395, 35)])  # hangs together from end to end
    classifier = ScriptedClassifier(0.9999)
    assert OrientationEstimator(classifier).log_odds([comb]) == OrientationEstimator().log_odds([comb])
    assert classifier.asked == 0


def test_a_sure_first_look_is_enough_and_a_doubt_asks_for_more():
    sure, doubting = ScriptedClassifier(0.001), ScriptedClassifier(0.4)
    lines = [half_dark()] * 16
    OrientationEstimator(sure).log_odds(lines)
    OrientationEstimator(doubting).log_odds(lines)
    assert sure.asked == 8
    assert doubting.asked == 8 + 32


def test_a_doubt_is_settled_by_reading_a_few_lines_both_ways():
    reader = ScriptedReader(0.9)
    estimator = OrientationEstimator(ScriptedClassifier(0.5), reader)
    lines = [half_dark()] * 16
    assert estimator.log_odds(lines) > 5
    assert estimator.log_odds([line[::-1, ::-1] for line in lines]) < -5
    assert reader.asked == 2 * 8


def test_where_the_classifier_is_sure_nothing_is_read():
    reader = ScriptedReader(0.9)
    OrientationEstimator(ScriptedClassifier(0.001), reader).log_odds([half_dark()] * 16)
    assert reader.asked == 0


def test_letters_alone_tell_combs_from_combs_on_their_head(combs):
    comb = combs(400, 40, [Box(5, 5, 395, 35)])
    assert OrientationEstimator().log_odds([comb]) > 3
    assert OrientationEstimator().log_odds([comb[::-1, ::-1]]) < -3


def test_the_classifier_gets_pieces_of_its_size_between_minus_one_and_one():
    def network(blob):
        assert blob.shape == (2, 3, 48, 192)
        assert blob.min() >= -1
        assert blob.max() <= 1
        return np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)

    crops = [np.zeros((30, 500, 3), np.uint8), np.full((100, 10, 3), 255, np.uint8)]
    assert OnnxUpsideDownClassifier(network).upside_down(crops).tolist() == pytest.approx([0.1, 0.8])
    assert OnnxUpsideDownClassifier(network).upside_down([]).shape == (0,)


def test_a_reader_is_as_sure_as_of_the_characters_that_it_sees(tmp_path, monkeypatch):
    opened = []

    def network(blob):
        assert blob.shape == (1, 3, 48, 480)
        if blob.max() > 0.9:  # white paper
            return np.array([[[0.9, 0.1, 0.0], [0.8, 0.1, 0.1]]], np.float32)  # no character in either step
        return np.array([[[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.0, 0.9]]], np.float32)

    def open_it(model, threads):
        opened.append(model)
        return network

    monkeypatch.setattr("segmentation.orientation.open_network", open_it)
    reader = OnnxOrientationReader(tmp_path / "inference.onnx", threads=1)
    assert not opened
    crops = [np.zeros((30, 500, 3), np.uint8), np.full((100, 10, 3), 255, np.uint8)]
    assert reader.confidence(crops).tolist() == pytest.approx([0.8, 0.0])
    assert reader.confidence([]).shape == (0,)
    assert len(opened) == 1
