"""A page becomes upright lines in reading order: the parts of this folder put together.

The detector looks at the page after its preprocessing. If its pieces run sideways or at an angle, the page is turned
and looked at again. Pieces become lines, lines are ordered, and each is cut upright from the page as it lies, with one
interpolation. Lengths are pixels; polygons refer to the page as it was sent, even if a step resized it. Nothing here
reads text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.errors import TooLarge
from ocr.geometry import Polygon
from ocr.image import Image, Layout, Pixels, Region, SegmentedPage
from ocr.interfaces import MAX_LINES, Checkpoint, go_on
from segmentation.comb_fields.finding import CombField, find_comb_fields
from segmentation.comb_fields.pieces import beside_fields, outside_text
from segmentation.cutting import Place, cut_character, cut_comb, cut_line
from segmentation.detection.detector import Detector
from segmentation.detection.line_grouping import are_vertical, group_into_lines, without_nested, without_specks
from segmentation.detection.projection import ProjectionDetector
from segmentation.detection.quads import (
    Quads,
    bounds,
    clockwise_from_top_left,
    heights,
    mapped,
    no_quads,
    turned,
    widths,
)
from segmentation.orientation import OrientationEstimator, line_angle, reading_along
from segmentation.page_rotation import OBLIQUE_DEGREES, PageRotation, crop_upright
from segmentation.preprocessing import Pipeline
from segmentation.reading_order import reading_order

MAX_SIDE_PX = 32_000  # OpenCV warps images of less than 2**15 pixels a side
# Pages are sent upright far more often than not: only this much evidence (log-odds, see orientation.py) turns one
# round.
_UPSIDE_DOWN = -1.5
_STRAIGHT_DEGREES = 0.3  # below this a page counts as not skewed
_AS_IT_IS = Pipeline()
_CLOCKWISE = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])  # what reads upwards reads to the right
_COUNTER_CLOCKWISE = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_READS_DOWN = -1.0  # evidence (log-odds) from which a line along the margin reads down the page
_READ_MARGIN_LINES = 16  # reading a line both ways takes 60 ms: the longest of a page are read where there is doubt
_MISSED = 0.05  # of the sides of the text, and a line, around it, where a first look may have missed some


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """A line on the upright page, (4, 2), and where it is read; `field` where it is a comb field."""

    quad: NDArray[np.float32]
    place: Place
    field: CombField | None = None


def _nothing_kept() -> None:
    """What a detector without a network has to let go of."""


@dataclass(frozen=True, slots=True)
class TextSegmenter:
    """Finds the lines of a page with `detector`; `orientation` says which way up they are. `release_memory` lets go of
    what the detector keeps from one page for the next: some 330 MB after a page of a million pixels.
    """

    detector: Detector
    orientation: OrientationEstimator = field(default_factory=OrientationEstimator)
    fallback: Detector = field(default_factory=ProjectionDetector)
    release_memory: Callable[[], None] = _nothing_kept

    def segment(
        self,
        image: Image,
        pipeline: Pipeline = _AS_IT_IS,
        *,
        max_lines: int = MAX_LINES,
        checkpoint: Checkpoint = go_on,
    ) -> SegmentedPage:
        """The lines of `image` after `pipeline`, upright and in reading order; no regions where there is no text.

        Raises:
            TooLarge: a side is longer than MAX_SIDE_PX, or there are more than `max_lines` lines.
            QuorumError: what `checkpoint` raises.
        """
        _require_size(image)
        pixels = pipeline(image.pixels)
        rotation, pieces = self._upright(pixels, checkpoint)
        pieces = without_specks(pieces)
        fields = outside_text(find_comb_fields(pixels, rotation), pieces)
        checkpoint()
        lines = self._lines(pixels, pieces, fields, rotation, max_lines, checkpoint)
        # Between the pixels of a page that lies askew a straight line is too blunt, at letters of ten pixels.
        filtering = cv2.INTER_CUBIC if rotation.is_oblique else cv2.INTER_LINEAR
        cuts = []
        for quad, line in zip(rotation.to_page(_quads(lines)), lines, strict=True):
            checkpoint()
            if line.field is None:
                cuts.append(cut_line(pixels, quad, line.place, filtering))
            else:
                cuts.append(cut_comb(pixels, quad, line.field, line.place, filtering))
        return _page(image, pixels, cuts, rotation.degrees)

    def _upright(self, page: Pixels, checkpoint: Checkpoint) -> tuple[PageRotation, Quads]:
        """How the page lies, and the pieces of text on the upright page."""
        checkpoint()
        pieces = self.detector.find(page)
        checkpoint()
        rotation = PageRotation.undoing(page.shape[1], page.shape[0], self._rotation_degrees(page, pieces))
        checkpoint()
        pieces = self._upright_pieces(page, pieces, rotation)
        checkpoint()
        if len(pieces):
            return rotation, pieces
        return PageRotation.undoing(page.shape[1], page.shape[0], 0.0), self.fallback.find(page)

    def character(self, image: Image, pipeline: Pipeline = _AS_IT_IS) -> SegmentedPage:
        """The one character of `image` after `pipeline`: its ink with a margin, without looking for lines."""
        _require_size(image)
        pixels = pipeline(image.pixels)
        return _page(image, pixels, [cut_character(pixels)], 0.0)

    def _rotation_degrees(self, page: Pixels, pieces: Quads) -> float:
        """How far the page lies from upright, in (-180, 180] degrees counter-clockwise."""
        degrees = line_angle(pieces)
        if abs(degrees) < _STRAIGHT_DEGREES:
            degrees = 0.0
        elif abs(degrees - 90) < _STRAIGHT_DEGREES:
            degrees = 90.0
        upside_down = self._is_upside_down(page, _reading_at(pieces, degrees), on_its_side=degrees > 45)
        return degrees - (180.0 if degrees > 0 else -180.0) if upside_down else degrees

    def _is_upside_down(self, page: Pixels, lines: Quads, *, on_its_side: bool) -> bool:
        """Whether `lines` lie upside down when they are read in the direction they have."""
        longest = np.argsort(-widths(lines), kind="stable")[: self.orientation.more_lines]
        crops = [crop_upright(page, lines[index]) for index in longest]
        # Neither way of lying on the side is more usual.
        return self.orientation.log_odds(crops) < (0.0 if on_its_side else _UPSIDE_DOWN)

    def _upright_pieces(self, page: Pixels, pieces: Quads, rotation: PageRotation) -> Quads:
        """The pieces on the upright page, found again if the page lay too far from upright for the first look."""
        upright = rotation.to_upright(pieces)
        if abs((rotation.degrees + 90) % 180 - 90) < OBLIQUE_DEGREES:
            return clockwise_from_top_left(upright)
        if not rotation.is_oblique or not len(pieces):
            return self.detector.find(rotation.pixels(page))
        left, top, right, bottom = _text_area(upright, rotation)
        # The page has grown by turning it, text has not: to look at all of it would be to look from farther away.
        found = self.detector.find(np.ascontiguousarray(rotation.pixels(page)[top:bottom, left:right]))
        return found + np.array([left, top], dtype=np.float32)

    def _lines(
        self,
        page: Pixels,
        pieces: Quads,
        fields: Sequence[CombField],
        rotation: PageRotation,
        max_lines: int,
        checkpoint: Checkpoint,
    ) -> list[_Line]:
        """The lines on the upright page in reading order, of which each comb field is one.

        Text that runs up or down the page stands beside the rest, mostly in a margin: each such line is a block and a
        row of its own after the others.
        """
        pieces = beside_fields(pieces, fields)
        upright = are_vertical(pieces)
        lying = without_nested(group_into_lines(pieces[~upright]))
        lines = np.concatenate([lying, *(field.quad[np.newaxis] for field in fields)])
        margin = mapped(group_into_lines(mapped(turned(pieces[upright], 1), _CLOCKWISE)), _COUNTER_CLOCKWISE)
        _require_few(len(lines) + len(margin), max_lines)
        checkpoint()
        reading = reading_order(bounds(lines), checkpoint)
        margin = self._oriented(page, margin, rotation, checkpoint)
        of_line = (*[None] * len(lying), *fields)
        blocks, rows = max(reading.blocks, default=-1) + 1, max(reading.rows, default=-1) + 1
        in_order = zip(reading.order, reading.blocks, reading.rows, strict=True)
        found = [_Line(lines[index], Place(block, row), of_line[index]) for index, block, row in in_order]
        beside = enumerate(margin)
        return found + [_Line(quad, Place(blocks + number, rows + number)) for number, quad in beside]

    def _oriented(self, page: Pixels, margin: Quads, rotation: PageRotation, checkpoint: Checkpoint) -> Quads:
        """Lines that run up or down, from left to right on the upright page, each read in its own direction."""
        lines = margin[np.argsort(margin[:, :, 0].mean(axis=1), kind="stable")]
        read = set(np.argsort(-widths(lines), kind="stable")[:_READ_MARGIN_LINES].tolist())
        without_reader = replace(self.orientation, reader=None)
        for index, quad in enumerate(rotation.to_page(lines)):
            checkpoint()
            orientation = self.orientation if index in read else without_reader
            # Upwards unless there is evidence for the other: spines and margin notes mostly are turned that way.
            if orientation.log_odds([crop_upright(page, quad)]) < _READS_DOWN:
                lines[index] = turned(lines[index : index + 1], 2)[0]
        return lines


def _quads(lines: Sequence[_Line]) -> Quads:
    return np.stack([line.quad for line in lines]) if lines else no_quads()


def _text_area(pieces: Quads, rotation: PageRotation) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the upright page that holds some pieces of text, with a margin for
    what a first look has missed.
    """
    box = bounds(pieces)
    low, high = box[:, :2].min(axis=0), box[:, 2:].max(axis=0)
    margin = _MISSED * (high - low) + float(np.median(heights(reading_along(pieces))))
    size = np.array([rotation.upright_width_px, rotation.upright_height_px])
    left, top = np.clip(np.floor(low - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], size).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _reading_at(pieces: Quads, degrees: float) -> Quads:
    """The elongated pieces that run along `degrees`, read in that direction."""
    along = reading_along(pieces)
    along = along[widths(along) >= 2.0 * heights(along)]
    if not len(along):
        return no_quads()
    direction = np.array([np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])
    agreement = (along[:, 1] - along[:, 0]) @ direction / np.maximum(widths(along), 1.0)
    return np.concatenate([along[agreement > 0.7], turned(along[agreement < -0.7], 2)])


def _require_few(lines: int, max_lines: int) -> None:
    if lines > max_lines:
        raise TooLarge(
            f"segmentation: the page has {lines} lines of text, a cell of a table counting as one; "
            f"the limit is {max_lines} (limits.max_lines)",
            "cut the page into parts and send them one by one",
        )


def _require_size(image: Image) -> None:
    if max(image.width_px, image.height_px) > MAX_SIDE_PX:
        raise TooLarge(
            f"segmentation: a page of {image.width_px}x{image.height_px} px has a side above {MAX_SIDE_PX} px",
            "cut the page into parts or reduce it",
        )


def _page(sent: Image, pixels: Pixels, cuts: list[tuple[Region, Pixels]], degrees: float) -> SegmentedPage:
    """The cuts as one page; their polygons are scaled to the page as it was sent if a step has resized it."""
    scale = np.array([sent.width_px / pixels.shape[1], sent.height_px / pixels.shape[0]], dtype=np.float32)
    regions = [replace(region, polygon=Polygon.from_array(region.polygon.array() * scale)) for region, _ in cuts]
    layout = Layout(sent.width_px, sent.height_px, tuple(regions), degrees)
    return SegmentedPage(layout, tuple(crop for _, crop in cuts))
