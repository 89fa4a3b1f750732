from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.detection.detector import DbDetector, DetectorSettings, core_rectangles, map_size
from segmentation.detection.quads import bounds


class ScriptedNetwork:
    """A network that marks, in its input's size, given boxes (left, top, right, bottom) with a probability."""

    def __init__(self, *marks: tuple[float, tuple[int, int, int, int]]) -> None:
        self.marks = marks
        self.seen: np.ndarray | None = None

    def __call__(self, batch):
        self.seen = batch
        answer = np.zeros((1, 1, *self.seen.shape[2:]), np.float32)
        for probability, (left, top, right, bottom) in self.marks:
            answer[0, 0, top:bottom, left:right] = probability
        return answer


def page(width_px: int, height_px: int) -> np.ndarray:
    return np.full((height_px, width_px, 3), 255, np.uint8)


def test_a_marked_core_grows_to_the_line_around_it():
    detector = DbDetector(ScriptedNetwork((0.9, (40, 60, 140, 70))), DetectorSettings(unclip_ratio=1.5))
    (box,) = bounds(detector.find(page(192, 128)))
    grow = 1.5 * 100 * 10 / 110 / 2
    assert box == pytest.approx([40 - grow, 60 - grow, 140 + grow, 70 + grow], abs=0.6)


def test_places_are_those_of_the_page_and_not_of_the_reduced_map():
    settings = DetectorSettings(max_pixels=128 * 192, unclip_ratio=0.0)
    detector = DbDetector(ScriptedNetwork((0.9, (40, 60, 140, 70))), settings)
    (box,) = bounds(detector.find(page(768, 512)))
    assert box == pytest.approx([160, 240, 560, 280], abs=3)


def test_doubtful_and_tiny_marks_are_not_text():
    network = ScriptedNetwork((0.4, (40, 60, 140, 70)), (0.9, (10, 10, 11, 11)))
    assert DbDetector(network).find(page(192, 128)).shape == (0, 4, 2)


def test_a_line_is_parted_from_a_fainter_blot_that_touches_it():
    probability = np.zeros((200, 400), np.float32)
    probability[150:160, 20:380] = 0.95
    probability[20:150, 20:40] = 0.6
    boxes = [rectangle[1] for rectangle in core_rectangles(probability, DetectorSettings(unclip_ratio=0.0))]
    assert max(max(size) for size in boxes) == pytest.approx(360, abs=2)
    assert min(min(size) for size in boxes if max(size) > 300) == pytest.approx(10, abs=2)


def test_the_network_sees_bgr_pixels_normalised_as_imagenet():
    network = ScriptedNetwork()
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    DbDetector(network).find(red)
    assert network.seen is not None
    assert network.seen.shape == (1, 3, 64, 64)
    assert network.seen[0, :, 0, 0] == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225], abs=1e-4)


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_the_map_is_within_its_limits_for_any_page(width_px, height_px):
    settings = DetectorSettings()
    width, height = map_size(width_px, height_px, settings)
    assert width % 32 == 0
    assert height % 32 == 0
    assert max(width, height) <= settings.max_side_px + 16
    assert width * height <= 1.1 * settings.max_pixels + 32 * settings.max_side_px


def test_settings_refuse_nonsense():
    with pytest.raises(ValueError, match="cannot be looked at"):
        DetectorSettings(max_pixels=10)
    with pytest.raises(ValueError, match="probabilities"):
        DetectorSettings(box_threshold=1.5)
    with pytest.raises(ValueError, match="unclip_ratio is negative"):
        DetectorSettings(unclip_ratio=-1)
