"""Cutting apart from any replica: one image that goes wrong costs the others nothing, and places are those as sent."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest

from deployments.messages.answers import ImageRefused
from deployments.messages.request import SegmentationRequest
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from ocr import Box, Crop, Image, Layout, Scope, SegmentedPage
from ocr.contract import PageRegion
from ocr.errors import DeadlineExceeded, InternalFailure, NotAnImage, OutOfRange, TooLarge
from ocr.image import BLOCKS_OF_A_PART
from ocr.interfaces import Checkpoint, go_on


class WholeImage:
    """One region that is the whole image; stumbles over images of 13 px."""

    def segment(self, image: Image, *, max_lines: int = 6000, checkpoint: Checkpoint = go_on) -> SegmentedPage:
        checkpoint()
        if max_lines < 1:
            raise TooLarge("a line is too many")
        return self._whole(image, Scope.LINE)

    def character(self, image: Image) -> SegmentedPage:
        if image.width_px == 13:
            raise ZeroDivisionError("a bug")
        return self._whole(image, Scope.CHARACTER)

    def _whole(self, image: Image, scope: Scope) -> SegmentedPage:
        region = Crop.whole(image.pixels, scope).region
        return SegmentedPage(Layout(image.width_px, image.height_px, (region,)), (image.pixels,))


def png(width: int, height: int = 20) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def request(*steps: str, deadline: float = math.inf, **limits: Any) -> SegmentationRequest:
    return SegmentationRequest("general", steps or None, 1_000_000, deadline, **limits)


def test_an_image_that_goes_wrong_is_an_error_in_its_place_and_the_others_are_cut() -> None:
    segmented, crops = ImageFileSegmenter(WholeImage()).characters([png(20), b"junk", png(13), png(30)], request())
    first, junk, bug, last = segmented.outcomes
    assert (first, last) == (0, 1)
    assert isinstance(junk, NotAnImage)
    assert isinstance(bug, InternalFailure)
    assert "a bug" not in str(bug)
    assert [pixels.shape[1] for pixels in crops.pixels] == [20, 30]


def test_a_page_that_cleaning_scaled_has_its_places_on_the_page_as_it_was_sent() -> None:
    segmented = ImageFileSegmenter(WholeImage()).page(png(7000), request("resize"))
    assert not isinstance(segmented, ImageRefused)
    assert (segmented.layout.width_px, segmented.layout.height_px) == (7000, 20)
    assert segmented.layout.regions[0].polygon.bounding_box() == Box(0, 0, 7000, 20)
    assert segmented.pixels[0].shape == (10, 3500, 3)


def test_a_page_that_is_too_large_is_reduced_and_has_its_places_as_it_was_sent() -> None:
    segmented = ImageFileSegmenter(WholeImage()).page(png(2000, 1000), request())
    assert not isinstance(segmented, ImageRefused)
    assert segmented.pixels[0].shape == (707, 1414, 3)
    assert (segmented.layout.width_px, segmented.layout.height_px) == (2000, 1000)
    assert segmented.layout.regions[0].polygon.bounding_box() == Box(0, 0, 2000, 1000)


@pytest.mark.parametrize(("width", "times"), [(2000, 0), (4100, 2)])
def test_memory_is_let_go_before_and_after_a_large_picture_is_decoded(width: int, times: int) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (width, 3200)).save(file, "PNG", compress_level=1)
    done: list[str] = []
    segmenter = ImageFileSegmenter(WholeImage(), make_room=lambda: done.append("room"))
    assert not isinstance(segmenter.page(file.getvalue(), request()), ImageRefused)
    assert len(done) == times


def test_a_page_that_cannot_be_decoded_is_refused_as_a_value() -> None:
    refused = ImageFileSegmenter(WholeImage()).page(b"junk", request())
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, NotAnImage)


def test_pictures_show_the_page_after_each_step_and_every_line() -> None:
    pictures = ImageFileSegmenter(WholeImage()).pictures(png(60), request("denoise", "sharpen"))
    assert not isinstance(pictures, ImageRefused)
    assert [picture.name for picture in pictures] == ["sent", "1 denoise", "2 sharpen", "lines", "line 1"]
    sizes = [PIL.Image.open(io.BytesIO(picture.file)).size for picture in pictures]
    assert sizes == [(60, 20)] * 5


def ticking() -> Iterator[float]:
    yield from range(100)


def test_a_page_that_nobody_waits_for_is_not_prepared_any_further() -> None:
    moments = ticking()
    segmenter = ImageFileSegmenter(WholeImage(), clock=lambda: next(moments))
    refused = segmenter.page(png(60), request("denoise", "sharpen", deadline=1.5))
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, DeadlineExceeded)
    assert next(moments) == 3  # before it was decoded, before the first step, and not past the second


def test_the_segmenter_is_told_how_many_lines_a_page_may_have() -> None:
    refused = ImageFileSegmenter(WholeImage()).page(png(60), request(max_lines=0))
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, TooLarge)


@pytest.mark.parametrize("call", ["page", "pictures"])
def test_a_page_that_takes_more_than_its_share_of_the_processor_is_refused_while_its_lines_are_looked_for(
    call: str,
) -> None:
    processor_s = iter([0.0, 5.0, 8.0, 10.5])  # at the beginning, before it was decoded, before its one step, and then
    segmenter = ImageFileSegmenter(WholeImage(), processor_clock=lambda: next(processor_s))
    refused = getattr(segmenter, call)(png(60), request("denoise", max_processor_s=10.0))
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, TooLarge)
    assert "limits.max_page_processor_s" in refused.error.message
    assert "scale" in refused.error.hint


def test_of_many_characters_those_are_refused_that_the_time_did_not_suffice_for() -> None:
    moments = iter([1.0, 2.0, 9.0, 9.5])
    segmenter = ImageFileSegmenter(WholeImage(), clock=lambda: next(moments))
    segmented, _ = segmenter.characters([png(20)] * 4, request(deadline=3.0))
    assert segmented.outcomes[:2] == (0, 1)
    assert all(isinstance(outcome, DeadlineExceeded) for outcome in segmented.outcomes[2:])


def of_region(**fields: Any) -> PageRegion:
    return PageRegion.model_validate({"name": "part", **fields})


def test_only_the_regions_that_are_asked_for_are_cut_and_placed_on_the_page_as_it_was_sent() -> None:
    regions = (of_region(box=[1000, 0, 2000, 10]), of_region(box=[0.5, 0.5, 0.5, 0.5]))
    segmented = ImageFileSegmenter(WholeImage()).page(png(7000), request("resize", regions=regions))
    assert not isinstance(segmented, ImageRefused)
    first, second = (region.polygon.bounding_box() for region in segmented.layout.regions)
    assert (first.left + first.right) / 2 == pytest.approx(2000, abs=4)  # the middle of each region, with a margin
    assert (second.left + second.right) / 2 == pytest.approx(5250, abs=4)
    assert [region.block // BLOCKS_OF_A_PART for region in segmented.layout.regions] == [0, 1]


def test_a_region_outside_of_the_page_is_refused_with_its_name() -> None:
    refused = ImageFileSegmenter(WholeImage()).page(png(700), request(regions=(of_region(box=[900, 0, 50, 10]),)))
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, OutOfRange)
    assert "'part'" in refused.error.message
