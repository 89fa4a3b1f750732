from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr.errors import DeadlineExceeded, TooLarge
from ocr.geometry import Box
from ocr.image import Image, Scope
from segmentation.detection.projection import ProjectionDetector
from segmentation.detection.quads import from_boxes, no_quads
from segmentation.orientation import OrientationEstimator
from segmentation.page_rotation import PageRotation, crop_upright
from segmentation.preprocessing import Pipeline, Resize
from segmentation.segmenter import MAX_SIDE_PX, TextSegmenter
from tests.segmentation.comb_fields.drawn_fields import LEFT, TALL, TOP, WIDE, page_with

# Lines of a page 900 x 700, told apart by their lengths, in reading order.
LINES = [Box(100, 100 + 60 * row, 800 - 40 * row, 130 + 60 * row) for row in range(8)]


@pytest.fixture
def page(combs):
    return combs(900, 700, LINES)


def lengths(segmented) -> list[int]:
    return [region.width_px for region in segmented.layout.regions]


def nearest(places: np.ndarray, wanted: np.ndarray) -> float:
    """The largest distance of a corner to where it should be."""
    return float(np.linalg.norm(places - wanted, axis=-1).max())


@settings(max_examples=12)
@given(degrees=st.one_of(st.floats(-15, 15), st.sampled_from([90.0, 180.0, -90.0]), st.floats(80, 100)))
def test_a_turned_page_has_the_same_lines_in_the_same_order(combs, comb_detector, degrees):
    upright = combs(900, 700, LINES)
    sent = PageRotation.undoing(900, 700, -degrees).pixels(upright)  # turned counter-clockwise by `degrees`
    segmented = TextSegmenter(comb_detector()).segment(Image(sent))
    assert lengths(segmented) == pytest.approx([line.width + 8 for line in LINES], abs=6)
    assert (segmented.layout.rotation_degrees - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.6)
    back = PageRotation.undoing(sent.shape[1], sent.shape[0], degrees)
    shift = np.array([back.upright_width_px - 900, back.upright_height_px - 700]) / 2
    for region, line in zip(segmented.layout.regions, LINES, strict=True):
        upright_corners = back.to_upright(region.polygon.array()[None])[0] - shift
        assert nearest(upright_corners, line.polygon().array()) < 12


def test_the_crops_of_a_page_on_its_side_are_those_of_the_upright_page(page, comb_detector):
    segmenter = TextSegmenter(comb_detector())
    upright = segmenter.segment(Image(page))
    lying = segmenter.segment(Image(np.ascontiguousarray(np.rot90(page))))
    for first, second in zip(upright.pixels, lying.pixels, strict=True):
        assert abs(first.shape[0] - second.shape[0]) <= 2
        height, width = min(first.shape[0], second.shape[0]), min(first.shape[1], second.shape[1])
        assert np.abs(first[:height, :width].astype(int) - second[:height, :width]).mean() < 25


def test_a_straight_page_is_looked_at_once_and_a_turned_one_twice(page, comb_detector):
    detector = comb_detector()
    segmenter = TextSegmenter(detector)
    segmenter.segment(Image(page))
    assert detector.looks == 1
    segmenter.segment(Image(np.ascontiguousarray(np.rot90(page))))
    assert detector.looks == 3


def test_the_second_look_at_a_page_askew_is_at_its_text_not_at_the_corners_that_turning_adds(page, comb_detector):
    seen = []

    class Watched(comb_detector):
        def find(self, pixels):
            seen.append(pixels.shape[:2])
            return super().find(pixels)

    sent = PageRotation.undoing(900, 700, -15.0).pixels(page)
    segmented = TextSegmenter(Watched()).segment(Image(sent))
    assert len(segmented.pixels) == len(LINES)
    (high, wide), (inner_high, inner_wide) = seen
    assert inner_wide <= 900 < wide
    assert inner_high <= 700 < high


def test_lines_of_a_page_askew_are_cut_with_a_sharper_filter(page, comb_detector):
    segmenter = TextSegmenter(comb_detector())
    for degrees, filtering in ((0.0, cv2.INTER_LINEAR), (12.0, cv2.INTER_CUBIC)):
        sent = PageRotation.undoing(900, 700, -degrees).pixels(page)
        segmented = segmenter.segment(Image(sent))
        for region, crop in zip(segmented.layout.regions, segmented.pixels, strict=True):
            assert np.array_equal(crop, crop_upright(sent, region.polygon.array().astype(np.float32), filtering))


def test_a_margin_line_is_cut_lying_and_its_polygon_begins_where_it_begins_to_read(combs, comb_detector):
    upwards = np.rot90(combs(400, 30, [Box(5, 2, 395, 28)]))
    page = combs(900, 700, LINES)
    page[150:550, 20:50] = upwards
    segmented = TextSegmenter(comb_detector()).segment(Image(page))
    (margin,) = [region for region in segmented.layout.regions if region.polygon.corners[0][0] < 60]
    assert margin.width_px > 10 * margin.height_px
    first, second = margin.polygon.corners[:2]
    assert first[1] > second[1]


def test_a_margin_line_that_reads_down_is_not_put_on_its_head(combs, comb_detector):
    downwards = np.rot90(combs(400, 30, [Box(5, 2, 395, 28)]), -1)
    page = combs(900, 700, LINES)
    page[150:550, 20:50] = downwards
    segmented = TextSegmenter(comb_detector()).segment(Image(page))
    (margin,) = [region for region in segmented.layout.regions if region.polygon.corners[0][0] < 60]
    first, second = margin.polygon.corners[:2]
    assert first[1] < second[1]


def test_two_columns_are_numbered_as_blocks(combs, comb_detector):
    columns = [Box(left, top, left + 380, top + 20) for left in (20, 480) for top in range(20, 380, 40)]
    segmented = TextSegmenter(comb_detector()).segment(Image(combs(900, 400, columns)))
    lefts = [region.polygon.bounding_box().left for region in segmented.layout.regions]
    assert [block for block, _ in itertools.groupby(region.block for region in segmented.layout.regions)] == [0, 1]
    assert all(left < 450 for left in lefts[:9])
    assert all(left > 450 for left in lefts[9:])


def test_where_the_detector_finds_nothing_the_rows_of_ink_are_lines(written, scripted):
    page = written(500, 200, {(30, 20): "the first line", (30, 100): "and the second"})
    segmented = TextSegmenter(scripted(no_quads())).segment(Image(page))
    assert len(segmented.pixels) == 2
    assert segmented.layout.rotation_degrees == 0.0


def test_lines_come_with_their_words_and_characters(written):
    page = written(600, 80, {(20, 20): "four words in print"})
    (region,) = TextSegmenter(ProjectionDetector()).segment(Image(page)).layout.regions
    assert region.scope is Scope.LINE
    assert len(region.word_boxes) == 4
    assert len(region.character_boxes) == len("fourwordsinprint")


def test_polygons_refer_to_the_page_as_sent_even_if_a_step_resized_it(page, comb_detector):
    half = Pipeline((Resize(max_side_px=450),))
    segmented = TextSegmenter(comb_detector()).segment(Image(page), half)
    assert (segmented.layout.width_px, segmented.layout.height_px) == (900, 700)
    assert lengths(segmented) == pytest.approx([line.width / 2 + 8 for line in LINES], abs=3)
    for region, line in zip(segmented.layout.regions, LINES, strict=True):
        assert nearest(region.polygon.array(), line.polygon().array()) < 14


def test_the_page_that_was_sent_stays_as_it_is(page, comb_detector):
    before = page.copy()
    TextSegmenter(comb_detector()).segment(Image(page), Pipeline.named(["normalise", "sharpen"]))
    assert np.array_equal(page, before)


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_a_character_is_its_ink_with_a_margin(written, light_on_dark):
    image = written(300, 200, {(120, 60): "R"}, size_px=60)
    ink = np.argwhere(image.min(axis=2) < 128)
    segmented = TextSegmenter(ProjectionDetector()).character(Image(255 - image if light_on_dark else image))
    (region,), (crop,) = segmented.layout.regions, segmented.pixels
    assert region.scope is Scope.CHARACTER
    assert crop.shape[:2] == (region.height_px, region.width_px)
    box = region.polygon.bounding_box()
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0)
    assert 5 <= left - box.left <= 20
    assert 5 <= box.right - right <= 20
    assert 5 <= top - box.top <= 20
    assert 5 <= box.bottom - bottom <= 20


def test_a_character_that_does_not_stand_out_is_the_whole_image():
    segmented = TextSegmenter(ProjectionDetector()).character(Image(np.full((28, 30, 3), 99, np.uint8)))
    assert segmented.pixels[0].shape == (28, 30, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (10, 20_000), (20_000, 10), (3, 3)])
@pytest.mark.parametrize("noise", [False, True])
def test_pages_of_any_shape_are_segmented(shape, noise, scripted):
    pixels = np.full((*shape, 3), 180, np.uint8)
    if noise:
        pixels = np.random.default_rng(1).integers(0, 256, pixels.shape, dtype=np.uint8)
    everything = scripted(from_boxes(np.array([[0, 0, shape[1], shape[0]]])))
    segmented = TextSegmenter(everything).segment(Image(pixels))
    assert len(segmented.pixels) == 1
    assert len(TextSegmenter(scripted(no_quads())).character(Image(pixels)).pixels) == 1


def test_of_many_lines_in_the_margin_only_the_longest_are_read_in_doubt(combs, comb_detector):
    class Reader:
        """Cannot tell one way from the other."""

        asked = 0

        def confidence(self, crops):
            self.asked += 1
            return np.full(len(crops), 0.5, np.float32)

    lines = [Box(20, 250 + 50 * row, 1500, 280 + 50 * row) for row in range(8)]
    page = combs(1600, 700, lines)
    for number in range(40):
        page[50 : 150 - number, 20 + 38 * number : 30 + 38 * number] = 0
    reader = Reader()
    segmented = TextSegmenter(comb_detector(), OrientationEstimator(reader=reader)).segment(Image(page))
    assert len(segmented.pixels) == 40 + len(lines)
    assert 16 <= reader.asked <= 17  # once for the page


def test_a_page_with_a_side_that_cannot_be_warped_is_refused(scripted):
    page = Image(np.zeros((1, MAX_SIDE_PX + 1, 3), np.uint8))
    with pytest.raises(TooLarge, match="32001x1 px"):
        TextSegmenter(scripted(no_quads())).segment(page)
    with pytest.raises(TooLarge, match="32001x1 px"):
        TextSegmenter(scripted(no_quads())).character(page)


def test_a_page_of_as_many_lines_as_are_allowed_is_read_and_of_one_of_more_none_is_cut(page, comb_detector):
    segmenter = TextSegmenter(comb_detector())
    assert len(segmenter.segment(Image(page), max_lines=len(LINES)).pixels) == len(LINES)
    stages = Stages()
    with pytest.raises(TooLarge, match=rf"{len(LINES)} lines of text.*the limit is {len(LINES) - 1}.*cut the page"):
        segmenter.segment(Image(page), max_lines=len(LINES) - 1, checkpoint=stages)
    assert stages.passed < len(LINES)


def test_lines_in_the_margin_count_as_well(combs, comb_detector):
    page = combs(900, 700, LINES)
    page[150:550, 20:50] = np.rot90(combs(400, 30, [Box(5, 2, 395, 28)]))
    with pytest.raises(TooLarge, match=f"{len(LINES) + 1} lines"):
        TextSegmenter(comb_detector()).segment(Image(page), max_lines=len(LINES))


class Stages:
    """A checkpoint that stops the work the `last` time it is asked."""

    def __init__(self, last: int = 10_000) -> None:
        self.last = last
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.last:
            raise DeadlineExceeded("nobody waits any more")


def test_a_page_is_given_up_at_every_stage_and_before_every_line(combs, comb_detector):
    page = combs(900, 700, LINES)
    page[150:550, 20:50] = np.rot90(combs(400, 30, [Box(5, 2, 395, 28)]))
    segmenter = TextSegmenter(comb_detector())
    stages = Stages()
    segmenter.segment(Image(page), checkpoint=stages)
    # before and after the first look, after the page is laid, after the second look, when it is known how many lines
    # there are, for each margin line and line
    assert stages.passed >= 5 + 1 + len(LINES) + 1
    for last in range(1, stages.passed + 1):
        stopped = Stages(last)
        with pytest.raises(DeadlineExceeded):
            segmenter.segment(Image(page), checkpoint=stopped)
        assert stopped.passed == last


def test_a_page_that_nobody_waits_for_is_not_even_looked_at(page, comb_detector):
    detector = comb_detector()
    with pytest.raises(DeadlineExceeded):
        TextSegmenter(detector).segment(Image(page), checkpoint=Stages(1))
    assert detector.looks == 0


@settings(max_examples=15)
@given(st.lists(st.tuples(*[st.floats(-100, 400)] * 8), max_size=8))
def test_whatever_the_detector_says_every_line_is_cut_once_and_nothing_breaks(scripted, corners):
    quads = np.array(corners, dtype=np.float32).reshape(-1, 4, 2)
    page = np.random.default_rng(2).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    segmented = TextSegmenter(scripted(quads)).segment(Image(page))
    assert len(segmented.layout.regions) == len(segmented.pixels)


def test_a_comb_field_is_one_line_beside_its_label_whatever_the_detector_found_in_it(scripted):
    page = page_with("QUO 42", cells=9)
    inside = [Box(LEFT + WIDE * cell, TOP, LEFT + WIDE * (cell + 1), TOP + TALL) for cell in (0, 2, 4)]
    label = Box(LEFT, 20, LEFT + 150, 50)
    boxes = np.array([(box.left, box.top, box.right, box.bottom) for box in (*inside, label)], dtype=np.float32)
    segmented = TextSegmenter(scripted(from_boxes(boxes))).segment(Image(page))
    first, field = segmented.layout.regions
    assert nearest(first.polygon.array(), label.polygon().array()) < 1
    assert nearest(field.polygon.array(), Box(LEFT, TOP, LEFT + 9 * WIDE, TOP + TALL).polygon().array()) < 4
    assert (len(field.character_boxes), len(field.word_boxes)) == (5, 2)
