"""From the bytes of images to crops, apart from any replica: decode, clean, find the lines, cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from deployments.messages import CutCharacters, CutRefused
from ocr import Image, Layout, Pixels, Polygon, Region, SegmentedPage
from ocr.errors import InternalFailure, QuorumError
from segmentation.decoding import decode
from segmentation.preprocessing import PROFILES, pipeline_for

log = logging.getLogger("quorum.segmentation")


class PageSegmenter(Protocol):
    """What is needed of the segmentation."""

    def segment(self, image: Image) -> SegmentedPage:
        """The lines of a page."""

    def character(self, image: Image) -> SegmentedPage:
        """The one crop of an image of one character."""


class Scissors:
    """Cuts pages into lines and prepares single characters."""

    def __init__(self, segmenter: PageSegmenter) -> None:
        self._segmenter = segmenter

    def warm_up(self) -> None:
        """Let the detector allocate and compile what it needs before the first request."""
        self._segmenter.segment(Image(np.full((480, 640, 3), 255, np.uint8)))

    def page(
        self, data: bytes, steps: tuple[str, ...] | None, profile: str, max_pixels: int
    ) -> SegmentedPage | CutRefused:
        """The lines of a page, or why it cannot be read."""
        try:
            image = decode(data, max_pixels=max_pixels)
            known = profile if profile in PROFILES else "general"  # a profile may be of weights only
            cleaned = Image(pipeline_for(image.pixels, known, steps)(image.pixels))
            return _as_sent(self._segmenter.segment(cleaned), image)
        except QuorumError as error:
            return CutRefused(error)

    def characters(self, images: Sequence[bytes], max_pixels: int) -> tuple[CutCharacters, SegmentedPage]:
        """One crop per image that can be read, and for every image the index of its crop or what is wrong with it."""
        outcomes: list[int | QuorumError] = []
        regions: list[Region] = []
        pixels: list[Pixels] = []
        for data in images:
            try:
                cut = self._segmenter.character(decode(data, max_pixels=max_pixels))
            except QuorumError as error:
                outcomes.append(error)
                continue
            except Exception:  # a fault of ours on one image costs the others nothing
                log.exception("preparing an image of one character failed")
                outcomes.append(InternalFailure("the image could not be prepared", "the log has the details"))
                continue
            outcomes.append(len(regions))
            regions.extend(cut.layout.regions)
            pixels.extend(cut.pixels)
        layout = Layout(1, 1, tuple(regions))
        return CutCharacters(tuple(outcomes), layout), SegmentedPage(layout, tuple(pixels))


def _as_sent(cut: SegmentedPage, sent: Image) -> SegmentedPage:
    """The same crops, placed on the page as it was sent, which a cleaning step may have scaled."""
    layout = cut.layout
    if (layout.width_px, layout.height_px) == (sent.width_px, sent.height_px):
        return cut
    x_scale, y_scale = sent.width_px / layout.width_px, sent.height_px / layout.height_px
    regions = tuple(
        replace(region, polygon=Polygon.from_array(region.polygon.array() * (x_scale, y_scale)))
        for region in layout.regions
    )
    return SegmentedPage(Layout(sent.width_px, sent.height_px, regions, layout.rotation_degrees), cut.pixels)
