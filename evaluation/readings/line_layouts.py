"""The lines of pages: along the outlines of the ground truth, or as the segmentation finds them, kept on disk."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2

import segmentation
from cluster.weights import models, rapidocr_models
from deployments.messages.request import Handling
from deployments.segmentation.page_cutting import Scissors
from evaluation.pages.ground_truth import TruePage
from evaluation.readings.reader import CACHE_DIR, MODEL_DIR
from evaluation.readings.serialization import layout_as_json, layout_from_json, read_json, write_json
from ocr import Layout, LoadOptions, SegmentedPage
from ocr.image import Pixels
from segmentation.segmenter import cut_line
from segmentation.upright import Turn

DETECTOR = "paddleocr_detector"


_MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class View:
    """How lines are cut: `found` by the segmentation or true; from the page turned by `turned_degrees` (found only)."""

    found: bool
    turned_degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.turned_degrees and not self.found:
            raise ValueError("true lines are cut upright however the page lies")

    @property
    def name(self) -> str:
        return f"found{self.turned_degrees:+g}" if self.turned_degrees else "found" if self.found else "true"


TRUE = View(found=False)


FOUND = View(found=True)


class Layouts:
    """The lines of pages, by view. Where the segmentation finds them is kept on disk, the pixels are cut when asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def layout(self, page: TruePage, view: View) -> Layout:
        """Where the lines are, without their pixels where that is known already."""
        path = self._path(page, view)
        if not path.exists():
            self.lines(page, view)
        return layout_from_json(read_json(path))

    def lines(self, page: TruePage, view: View) -> SegmentedPage:
        """The lines with their pixels."""
        cut = self._cut(page, view)
        if not self._path(page, view).exists():
            write_json(self._path(page, view), layout_as_json(cut.layout))
        return cut

    def _path(self, page: TruePage, view: View) -> Path:
        return self._folder / f"{page_key(page)}.{view.name}.json.gz"

    def _cut(self, page: TruePage, view: View) -> SegmentedPage:
        if not view.found:
            return true_lines(page)
        encoded = page.image.read_bytes()
        if view.turned_degrees:
            encoded = cv2.imencode(".png", turned(page.pixels(), view.turned_degrees)[:, :, ::-1])[1].tobytes()
        cut = _scissors().page(encoded, Handling("printed", None, _MAX_PIXELS, math.inf))
        if not isinstance(cut, SegmentedPage):
            raise cut.error
        return cut


def true_lines(page: TruePage) -> SegmentedPage:
    """The true lines of a page, each cut along the smallest rectangle around its outline."""
    pixels = page.pixels()
    cuts = [cut_line(pixels, line.quad(), 0) for line in page.lines]
    layout = Layout(pixels.shape[1], pixels.shape[0], tuple(region for region, _ in cuts))
    return SegmentedPage(layout, tuple(crop for _, crop in cuts))


def turned(page: Pixels, degrees: float) -> Pixels:
    """The page turned counter-clockwise, RGB uint8 (H, W, 3), as large as it has to be; as sharp as can be, because a
    page that was laid askew into a scanner has lost nothing by it.
    """
    return Turn.back(page.shape[1], page.shape[0], -degrees).pixels(page, cv2.INTER_LANCZOS4)


@cache
def _scissors() -> Scissors:
    detector = models.resolve(DETECTOR, model_dir=MODEL_DIR, cache_dir=CACHE_DIR)
    return Scissors(segmentation.load(LoadOptions(detector), *rapidocr_models.orientation_files()))


def set_of(page: TruePage) -> str:
    """The name of the page's folder."""
    folder = page.image.parent
    return folder.parent.name if folder.name == "images" else folder.name


def page_key(page: TruePage) -> str:
    """Names the page by its folder, its file and its content: the picture and the outlines of its lines."""
    digest = hashlib.sha256(page.image.read_bytes())
    for line in page.lines:
        digest.update(line.outline.tobytes())
    return f"{set_of(page)}/{page.image.stem}-{digest.hexdigest()[:12]}"
