"""From the bytes of images to crops, apart from any replica: decode, clean, find the lines, cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from deployments.messages import CutCharacters, CutRefused
from ocr import Image, Layout, Pixels, Region, SegmentedPage
from ocr.errors import QuorumError
from segmentation import preprocessing
from segmentation.decoding import decode


class PageSegmenter(Protocol):
    """What is needed of the segmentation."""

    def segment(self, image: Image) -> SegmentedPage:
        """The lines of a page."""

    def character(self, image: Image) -> SegmentedPage:
        """The one crop of an image of one character."""


class Scissors:
    """Cuts pages into lines and prepares single characters."""

    def __init__(self, segmenter: PageSegmenter, max_pixels: int) -> None:
        self._segmenter = segmenter
        self._max_pixels = max_pixels

    def warm_up(self) -> None:
        """Let the detector allocate and compile what it needs before the first request."""
        self._segmenter.segment(Image(np.full((480, 640, 3), 255, np.uint8)))

    def page(self, data: bytes, steps: tuple[str, ...] | None, profile: str) -> SegmentedPage | CutRefused:
        """The lines of a page, or why it cannot be read."""
        try:
            image = decode(data, max_pixels=self._max_pixels)
            pipeline = preprocessing.for_profile(profile) if steps is None else preprocessing.named(steps)
            return self._segmenter.segment(Image(pipeline(image.pixels)))
        except QuorumError as error:
            return CutRefused(error)

    def characters(self, images: Sequence[bytes]) -> tuple[CutCharacters, SegmentedPage]:
        """One crop per image that can be read, and for every image the index of its crop or what is wrong with it."""
        outcomes: list[int | QuorumError] = []
        regions: list[Region] = []
        pixels: list[Pixels] = []
        for data in images:
            try:
                cut = self._segmenter.character(decode(data, max_pixels=self._max_pixels))
            except QuorumError as error:
                outcomes.append(error)
                continue
            outcomes.append(len(regions))
            regions.extend(cut.layout.regions)
            pixels.extend(cut.pixels)
        layout = Layout(1, 1, tuple(regions))
        return CutCharacters(tuple(outcomes), layout), SegmentedPage(layout, tuple(pixels))
