"""From the bytes of images to crops, apart from any replica: decode, clean, find the lines, cut."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import PIL.Image
import PIL.ImageDraw

from deployments.messages.answers import CutCharacters, CutRefused, NamedPicture
from deployments.messages.request import Handling
from ocr import Image, Laps, Layout, Pixels, Polygon, Region, SegmentedPage
from ocr.errors import DeadlineExceeded, InternalFailure, QuorumError
from segmentation.files.decoding import decode
from segmentation.preprocessing import PROFILES, pipeline_for

log = logging.getLogger("quorum.segmentation")

# Pictures of a page are for looking at: they are scaled down to this longer side.
_SHOWN_PX = 1600


class PageSegmenter(Protocol):
    """What is needed of the segmentation."""

    def segment(self, image: Image) -> SegmentedPage:
        """The lines of a page."""

    def character(self, image: Image) -> SegmentedPage:
        """The one crop of an image of one character."""


class Scissors:
    """Cuts pages into lines and prepares single characters."""

    def __init__(self, segmenter: PageSegmenter, clock: Callable[[], float] = time.time) -> None:
        self._segmenter = segmenter
        self._clock = clock

    def warm_up(self) -> None:
        """Let the detector allocate and compile what it needs before the first request."""
        self._segmenter.segment(Image(np.full((480, 640, 3), 255, np.uint8)))

    def page(self, data: bytes, handling: Handling, laps: Laps | None = None) -> SegmentedPage | CutRefused:
        """The lines of a page, or why it cannot be read. `laps` learns what the time went to."""
        laps = laps or Laps("segmentation")
        try:
            steps = self._cleaned(self._decoded(data, handling), handling)
            laps.lap("decode")
            _, image = next(steps)
            size_px = image.width_px, image.height_px
            for _, cleaned in steps:  # one after the other, so that no more than two pages are in memory
                image = cleaned
            laps.lap("clean")
            cut = _as_sent(self._segmenter.segment(image), size_px)
            laps.lap("find lines")
            return cut
        except QuorumError as error:
            return CutRefused(error)

    def pictures(self, data: bytes, handling: Handling) -> tuple[NamedPicture, ...] | CutRefused:
        """The page as it was sent, after each step and with its lines drawn in, and each line as it is cut."""
        try:
            taken = list(self._cleaned(self._decoded(data, handling), handling))
            _, last = taken[-1]
            cut = self._segmenter.segment(last)
        except QuorumError as error:
            return CutRefused(error)
        steps = (NamedPicture(name, _png(image.pixels, _SHOWN_PX)) for name, image in taken)
        lines = (NamedPicture(f"line {number}", _png(line)) for number, line in enumerate(cut.pixels, 1))
        return (*steps, NamedPicture("lines", _png(_with_lines(last, cut.layout), _SHOWN_PX)), *lines)

    def _decoded(self, data: bytes, handling: Handling) -> Image:
        self._require_time(handling)
        return decode(data, max_pixels=handling.max_pixels)

    def _cleaned(self, image: Image, handling: Handling) -> Iterator[tuple[str, Image]]:
        """The image as it is, and after each step."""
        yield "sent", image
        known = handling.profile if handling.profile in PROFILES else "general"  # a profile may be of weights only
        for number, step in enumerate(pipeline_for(image.pixels, known, handling.steps).steps, 1):
            self._require_time(handling)
            image = Image(step(image.pixels))
            yield f"{number} {step.name}", image

    def _require_time(self, handling: Handling) -> None:
        """Raise when nobody waits for the page any more: a step over a large page can take seconds, for all others."""
        if self._clock() > handling.deadline:
            raise DeadlineExceeded("preparing the page took until the deadline", "give more time with timeout_s", 1.0)

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


def _as_sent(cut: SegmentedPage, size_px: tuple[int, int]) -> SegmentedPage:
    """The same crops, placed on the page of the width and height as it was sent, which a step may have scaled."""
    layout = cut.layout
    if (layout.width_px, layout.height_px) == size_px:
        return cut
    x_scale, y_scale = size_px[0] / layout.width_px, size_px[1] / layout.height_px
    regions = tuple(
        replace(region, polygon=Polygon.from_array(region.polygon.array() * (x_scale, y_scale)))
        for region in layout.regions
    )
    return SegmentedPage(Layout(*size_px, regions, layout.rotation_degrees), cut.pixels)


def _with_lines(image: Image, layout: Layout) -> Pixels:
    """The page with a frame around each line; blue where it begins."""
    picture = PIL.Image.fromarray(image.pixels)
    draw = PIL.ImageDraw.Draw(picture)
    width = max(2, image.width_px // 600)
    for region in layout.regions:
        corners = region.polygon.corners
        draw.polygon(corners, outline="red", width=width)
        draw.line((corners[3], corners[0]), fill="blue", width=2 * width)
    return np.asarray(picture)


def _png(pixels: Pixels, longer_side_px: int | None = None) -> bytes:
    picture = PIL.Image.fromarray(pixels)
    if longer_side_px is not None:
        picture.thumbnail((longer_side_px, longer_side_px))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
