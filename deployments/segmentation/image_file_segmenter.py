"""From the bytes of image files to crops: decode, clean, find the lines, crop them. Knows no Serve."""

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

from deployments.messages.answers import CharacterCropsAnswer, ImageRefused, NamedPicture
from deployments.messages.request import SegmentationRequest
from deployments.segmentation.page_errors import abandoned, past_deadline, too_much_processor_time
from ocr import Image, Layout, Pixels, Polygon, Region, SegmentedPage, StepTimer
from ocr.contract import PageRegion
from ocr.errors import InternalFailure, OutOfRange, QuorumError, TooLarge
from ocr.interfaces import MAX_LINES, Checkpoint, go_on
from segmentation.files.images.decoding import DecodedImage, DecodingLimits, decode, open_image
from segmentation.page_parts import Part, lines_of_parts
from segmentation.preprocessing import PROFILES, pipeline_for

log = logging.getLogger("quorum.segmentation")

# A phone's photograph has 12 million, A4 at 300 dpi 9. Around the decoding of more all memory is let go that can be.
_LARGE_PIXELS = 13_000_000
# Pictures of a page are for looking at: they are scaled down to this longer side.
_SHOWN_PX = 1600


class PageSegmenter(Protocol):
    """What is needed of segmentation/."""

    def segment(self, image: Image, *, max_lines: int = MAX_LINES, checkpoint: Checkpoint = go_on) -> SegmentedPage:
        """The lines of a page; see ocr.interfaces."""

    def character(self, image: Image) -> SegmentedPage:
        """The one crop of an image of one character."""


class ImageFileSegmenter:
    """Turns image files into the crops of their lines, or of their one character."""

    def __init__(
        self,
        segmenter: PageSegmenter,
        clock: Callable[[], float] = time.time,
        processor_clock: Callable[[], float] = time.thread_time,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`make_room` lets go of memory that is kept for later; called before and after a large picture is decoded."""
        self._segmenter = segmenter
        self._clock = clock
        self._processor_clock = processor_clock
        self._make_room = make_room
        self.is_wanted: Callable[[], bool] = lambda: True
        """Whether anybody waits for the page that is being looked at; asked between any two steps."""

    def warm_up(self) -> None:
        """Let the detector allocate and compile what it needs before the first request."""
        self._segmenter.segment(Image(np.full((480, 640, 3), 255, np.uint8)))

    def page(
        self, data: bytes, request: SegmentationRequest, timer: StepTimer | None = None
    ) -> SegmentedPage | ImageRefused:
        """The lines of a page, or why it cannot be read. `timer` gets its steps."""
        timer = timer or StepTimer("segmentation")
        checkpoint = self._checkpoint(request)
        try:
            checkpoint()
            decoded = self._decoded(data, request)
            size_px = decoded.sent_width_px, decoded.sent_height_px
            steps = _cleaned(decoded.image, request, checkpoint)
            del decoded
            timer.end_step("decode")
            _, image = next(steps)
            for _, cleaned in steps:  # one after the other, so that no more than two pages are in memory
                image = cleaned
            timer.end_step("clean")
            found = self._lines(image, request, size_px, checkpoint)
            segmented = _in_sent_coordinates(found, size_px)
            timer.end_step("find lines")
            return segmented
        except QuorumError as error:
            return ImageRefused(error)

    def _decoded(self, data: bytes, request: SegmentationRequest) -> DecodedImage:
        opened = open_image(data, DecodingLimits.of(request))
        if opened.header.width_px * opened.header.height_px <= _LARGE_PIXELS:
            return opened.decode(request.max_pixels)
        self._make_room()
        decoded = opened.decode(request.max_pixels)
        del opened  # with all that its decoder holds
        self._make_room()
        return decoded

    def _lines(
        self, image: Image, request: SegmentationRequest, size_px: tuple[int, int], checkpoint: Checkpoint
    ) -> SegmentedPage:
        """The lines of the page, or of the parts that the request names on the page as it was sent."""

        def segment(page: Image) -> SegmentedPage:
            return self._segmenter.segment(page, max_lines=request.max_lines, checkpoint=checkpoint)

        if not request.regions:
            return segment(image)
        parts = [_part(region, size_px, image) for region in request.regions]
        found = lines_of_parts(image, parts, segment)
        if len(found.pixels) > request.max_lines:
            raise TooLarge(
                f"the regions of the page have {len(found.pixels)} lines; the limit is {request.max_lines} "
                "(limits.max_lines)",
                "ask for fewer regions at once",
            )
        return found

    def pictures(self, data: bytes, request: SegmentationRequest) -> tuple[NamedPicture, ...] | ImageRefused:
        """The page as it was sent, after each step and with its lines drawn in, and each line as it is cut."""
        checkpoint = self._checkpoint(request)
        try:
            checkpoint()
            taken = list(_cleaned(self._decoded(data, request).image, request, checkpoint))
            _, last = taken[-1]
            segmented = self._lines(last, request, (taken[0][1].width_px, taken[0][1].height_px), checkpoint)
        except QuorumError as error:
            return ImageRefused(error)
        steps = (NamedPicture(name, _png(image.pixels, _SHOWN_PX)) for name, image in taken)
        lines = (NamedPicture(f"line {number}", _png(line)) for number, line in enumerate(segmented.pixels, 1))
        return (*steps, NamedPicture("lines", _png(_with_lines(last, segmented.layout), _SHOWN_PX)), *lines)

    def _checkpoint(self, request: SegmentationRequest) -> Checkpoint:
        """Stops a page that nobody waits for any more, or that takes more than its share of the processor: all others
        wait for it meanwhile.
        """
        begun_s = self._processor_clock()

        def require_time() -> None:
            if not self.is_wanted():
                raise abandoned()
            if self._clock() > request.deadline:
                raise past_deadline()
            if self._processor_clock() - begun_s > request.max_processor_s:
                raise too_much_processor_time(request)

        return require_time

    def characters(
        self, images: Sequence[bytes], request: SegmentationRequest
    ) -> tuple[CharacterCropsAnswer, SegmentedPage]:
        """One crop per image that can be read, and for every image the index of its crop or what is wrong with it. All
        images together may take as much of the processor as one page.
        """
        checkpoint = self._checkpoint(request)
        outcomes: list[int | QuorumError] = []
        regions: list[Region] = []
        pixels: list[Pixels] = []
        for data in images:
            try:
                checkpoint()
                segmented = self._segmenter.character(decode(data, DecodingLimits.of(request)).image)
            except QuorumError as error:
                outcomes.append(error)
                continue
            except Exception:  # a fault of ours on one image costs the others nothing
                log.exception("preparing an image of one character failed")
                outcomes.append(InternalFailure("the image could not be prepared", "the log has the details"))
                continue
            outcomes.append(len(regions))
            regions.extend(segmented.layout.regions)
            pixels.extend(segmented.pixels)
        layout = Layout(1, 1, tuple(regions))
        return CharacterCropsAnswer(tuple(outcomes), layout), SegmentedPage(layout, tuple(pixels))


def _cleaned(image: Image, request: SegmentationRequest, checkpoint: Checkpoint) -> Iterator[tuple[str, Image]]:
    """The image as it is, and after each step."""
    yield "sent", image
    known = request.profile if request.profile in PROFILES else "general"  # a profile may be of weights only
    for number, step in enumerate(pipeline_for(image.pixels, known, request.steps).steps, 1):
        checkpoint()
        image = Image(step(image.pixels))
        yield f"{number} {step.name}", image


def _part(region: PageRegion, size_px: tuple[int, int], image: Image) -> Part:
    """The region on the page as it was cleaned. Raises OutOfRange where it lies outside."""
    left, top, right, bottom = region.pixels(*size_px)
    if right <= left or bottom <= top:
        raise OutOfRange(
            f"region {region.name!r} lies outside of the page of {size_px[0]}x{size_px[1]} px",
            "give its box in pixels of the page, or in parts of it between 0 and 1",
        )
    x_scale, y_scale = image.width_px / size_px[0], image.height_px / size_px[1]
    left, top = min(int(left * x_scale), image.width_px - 1), min(int(top * y_scale), image.height_px - 1)
    return left, top, max(left + 1, round(right * x_scale)), max(top + 1, round(bottom * y_scale))


def _in_sent_coordinates(segmented: SegmentedPage, size_px: tuple[int, int]) -> SegmentedPage:
    """The same crops, placed on the page of the width and height as it was sent, which a step may have scaled."""
    layout = segmented.layout
    if (layout.width_px, layout.height_px) == size_px:
        return segmented
    x_scale, y_scale = size_px[0] / layout.width_px, size_px[1] / layout.height_px
    regions = tuple(
        replace(region, polygon=Polygon.from_array(region.polygon.array() * (x_scale, y_scale)))
        for region in layout.regions
    )
    return SegmentedPage(Layout(*size_px, regions, layout.rotation_degrees), segmented.pixels)


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
