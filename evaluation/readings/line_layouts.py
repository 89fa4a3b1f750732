"""The lines of pages: along the outlines of the ground truth, or as the segmentation finds them, kept on disk."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2

from cluster.weights import models, rapidocr_models
from deployments.messages.request import SegmentationRequest
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.reader import cache_dir, model_dir
from evaluation.readings.serialization import layout_as_json, layout_from_json, read_json, write_json
from ocr import Layout, LoadOptions, SegmentedPage
from ocr.image import Pixels
from segmentation.cutting import cut_line
from segmentation.loading import load
from segmentation.page_rotation import PageRotation
from segmentation.segmenter import TextSegmenter

DETECTOR = "paddleocr_detector"


_MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class LineSource:
    """Where the lines of a page come from: `detected` by the segmentation, on the page turned by `rotation_degrees`, or
    cut along the outlines of the ground truth, which are upright however the page lies.
    """

    detected: bool
    rotation_degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.rotation_degrees and not self.detected:
            raise ValueError("true lines are cut upright however the page lies")

    @property
    def name(self) -> str:
        """As it is typed, and as files on disk are named."""
        return f"found{self.rotation_degrees:+g}" if self.rotation_degrees else "found" if self.detected else "true"


GROUND_TRUTH = LineSource(detected=False)


DETECTED = LineSource(detected=True)


class LayoutStore:
    """Where the lines of pages lie, by source. What the segmentation finds is kept on disk; pixels are cut when asked
    for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def layout(self, page: GroundTruthPage, source: LineSource) -> Layout:
        """Where the lines are, without their pixels where that is known already."""
        path = self._path(page, source)
        if not path.exists():
            self.segmented(page, source)
        return layout_from_json(read_json(path))

    def segmented(self, page: GroundTruthPage, source: LineSource) -> SegmentedPage:
        """The lines with their pixels."""
        cut = self._segment(page, source)
        if not self._path(page, source).exists():
            write_json(self._path(page, source), layout_as_json(cut.layout))
        return cut

    def _path(self, page: GroundTruthPage, source: LineSource) -> Path:
        return self._folder / f"{page_key(page)}.{source.name}.json.gz"

    def _segment(self, page: GroundTruthPage, source: LineSource) -> SegmentedPage:
        if not source.detected:
            return ground_truth_lines(page)
        encoded = page.image.read_bytes()
        if source.rotation_degrees:
            encoded = cv2.imencode(".png", rotated(page.pixels(), source.rotation_degrees)[:, :, ::-1])[1].tobytes()
        cut = _page_segmenter().page(encoded, SegmentationRequest("printed", None, _MAX_PIXELS, math.inf))
        if not isinstance(cut, SegmentedPage):
            raise cut.error
        return cut


def ground_truth_lines(page: GroundTruthPage) -> SegmentedPage:
    """The lines of the ground truth, each cut along the smallest rectangle around its outline."""
    pixels = page.pixels()
    cuts = [cut_line(pixels, line.quad()) for line in page.lines]
    layout = Layout(pixels.shape[1], pixels.shape[0], tuple(region for region, _ in cuts))
    return SegmentedPage(layout, tuple(crop for _, crop in cuts))


def rotated(page: Pixels, degrees: float) -> Pixels:
    """The page turned counter-clockwise, RGB uint8 (H, W, 3), as large as it has to be; as sharp as can be, because a
    page that was laid askew into a scanner has lost nothing by it.
    """
    return PageRotation.undoing(page.shape[1], page.shape[0], -degrees).pixels(page, cv2.INTER_LANCZOS4)


@cache
def _page_segmenter() -> ImageFileSegmenter:
    return ImageFileSegmenter(load_segmenter())


def load_segmenter(threads: int = 1) -> TextSegmenter:
    """The segmentation as it is served, with the models of this machine."""
    detector = models.resolve(DETECTOR, model_dir=model_dir(), cache_dir=cache_dir())
    return load(LoadOptions(detector, threads=threads), *rapidocr_models.orientation_files())


def set_name_of(page: GroundTruthPage) -> str:
    """The name of the page's folder."""
    folder = page.image.parent
    return folder.parent.name if folder.name == "images" else folder.name


def page_key(page: GroundTruthPage) -> str:
    """Names the page by its folder, its file and its content: the picture and the outlines of its lines."""
    digest = hashlib.sha256(page.image.read_bytes())
    for line in page.lines:
        digest.update(line.outline.tobytes())
    name = os.fsencode(f"{set_name_of(page)}/{page.image.stem}").decode("utf-8", "backslashreplace")
    return f"{name}-{digest.hexdigest()[:12]}"
