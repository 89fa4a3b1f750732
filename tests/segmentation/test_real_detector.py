"""The detector and the classifier that the rapidocr package carries, on drawn pages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ocr.image import Image
from ocr.interfaces import LoadOptions
from ocr.runtime.process_memory import own_memory_mb
from segmentation.detection.onnx_network import open_network
from segmentation.loading import load
from segmentation.page_rotation import PageRotation
from segmentation.segmenter import TextSegmenter

pytestmark = pytest.mark.engines

PROSE = [
    "Call me Ishmael. Some years ago, never",
    "mind how long precisely, having little",
    "or no money in my purse, and nothing",
    "particular to interest me on shore, I",
    "thought I would sail about a little and",
    "see the watery part of the world.",
]
PITCH_PX = 50


@pytest.fixture(scope="module")
def models() -> Path:
    package = importlib.util.find_spec("rapidocr")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "models"


@pytest.fixture(scope="module")
def segmenter(models) -> TextSegmenter:
    return load(
        LoadOptions(model=models / "PP-OCRv6_det_small.onnx"),
        models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        models / "PP-OCRv6_rec_small.onnx",
    )


@pytest.fixture(scope="module")
def letter(written) -> np.ndarray:
    return written(800, 420, {(60, 50 + PITCH_PX * row): text for row, text in enumerate(PROSE)})


def test_every_line_of_a_page_is_found_in_order_and_upright(segmenter, letter):
    page = segmenter.segment(Image(letter))
    assert page.layout.rotation_degrees == 0.0
    assert len(page.pixels) == len(PROSE)
    for row, (region, text) in enumerate(zip(page.layout.regions, PROSE, strict=True)):
        middle = np.mean([y for _, y in region.polygon.corners])
        assert middle == pytest.approx(50 + PITCH_PX * row + 20, abs=12)
        assert len(region.word_boxes) == len(text.split())


@pytest.mark.parametrize("degrees", [90, 180, -90, 8, -15, 98])
def test_a_turned_page_gives_the_lines_of_the_upright_one(segmenter, letter, degrees):
    upright = segmenter.segment(Image(letter))
    turned = segmenter.segment(Image(PageRotation.undoing(letter.shape[1], letter.shape[0], -degrees).pixels(letter)))
    assert (turned.layout.rotation_degrees - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1.0)
    widths = [region.width_px for region in upright.layout.regions]
    assert [region.width_px for region in turned.layout.regions] == pytest.approx(widths, rel=0.05)


def test_two_columns_are_read_one_after_the_other(segmenter, written):
    left = {(40, 40 + PITCH_PX * row): text for row, text in enumerate(PROSE)}
    right = {(760, 60 + PITCH_PX * row): text for row, text in enumerate(PROSE)}
    page = segmenter.segment(Image(written(1440, 420, left | right)))
    lefts = [region.polygon.bounding_box().left for region in page.layout.regions]
    assert len(lefts) == 12
    assert all(left < 700 for left in lefts[:6])
    assert all(left > 700 for left in lefts[6:])


def test_a_number_along_the_margin_is_cut_lying(segmenter, letter, written):
    page = np.full((420, 900, 3), 255, np.uint8)
    page[:, 100:] = letter
    page[60:360, 20:70] = np.rot90(written(300, 50, {(10, 5): "No. 2026-11-0042"}))
    regions = segmenter.segment(Image(page)).layout.regions
    (margin,) = [region for region in regions if region.polygon.bounding_box().right < 100]
    assert margin.width_px > 4 * margin.height_px
    assert margin.polygon.corners[0][1] > margin.polygon.corners[1][1]
    assert len(regions) == len(PROSE) + 1


@pytest.mark.parametrize("shape", [(1, 1), (10, 20_000), (20_000, 10), (40, 40), (1200, 900)])
@pytest.mark.parametrize("level", [0, 255])
def test_an_empty_page_of_any_shape_has_no_lines(segmenter, shape, level):
    page = segmenter.segment(Image(np.full((*shape, 3), level, np.uint8)))
    assert page.layout.regions == ()


def test_the_memory_of_a_page_is_let_go_and_the_next_page_has_the_same_lines(segmenter, written):
    page = Image(written(1000, 1000, {(60, 50 + PITCH_PX * row): text for row, text in enumerate(PROSE)}))
    before = segmenter.segment(page)
    held_mb = own_memory_mb()
    segmenter.release_memory()
    assert own_memory_mb() < held_mb - 100
    assert segmenter.segment(page).layout == before.layout


def test_all_threads_look_at_one_page_in_one_memory(models):
    """Each stream would hold the memory of a page, and all but one would stand idle."""
    compiled = open_network(models / "PP-OCRv6_det_small.onnx", 2).network.compiled
    assert (compiled.get_property("NUM_STREAMS"), compiled.get_property("INFERENCE_NUM_THREADS")) == (1, 2)
