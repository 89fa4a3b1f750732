"""The lines of some parts of a page, each found by itself. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ocr.geometry import Polygon
from ocr.image import BLOCKS_OF_A_PART, Image, Layout, Pixels, Region, SegmentedPage

Part = tuple[int, int, int, int]
"""Left, top, right and bottom on the page."""

_MARGIN = 0.15  # of the height of a part: detectors miss text that touches the border of what they look at
_LEAST_MARGIN_PX, _MOST_MARGIN_PX = 8, 64


def lines_of_parts(page: Image, parts: Sequence[Part], segment: Callable[[Image], SegmentedPage]) -> SegmentedPage:
    """The lines of each part in the order of the parts, on the whole page. `segment` finds the lines of a page, and
    raises what is wrong with it.
    """
    regions: list[Region] = []
    pixels: list[Pixels] = []
    for number, (left, top, right, bottom) in enumerate(parts):
        margin = int(np.clip(_MARGIN * (bottom - top), _LEAST_MARGIN_PX, _MOST_MARGIN_PX))
        found = segment(_framed(page.pixels[top:bottom, left:right], margin))
        offset = np.array([left - margin, top - margin], dtype=np.float32)
        for region in found.layout.regions:
            place = Polygon.from_array(region.polygon.array() + offset)
            block = number * BLOCKS_OF_A_PART + min(region.block, BLOCKS_OF_A_PART - 1)
            regions.append(replace(region, polygon=place, block=block))
        pixels += found.pixels
    return SegmentedPage(Layout(page.width_px, page.height_px, tuple(regions)), tuple(pixels))


def _framed(part: Pixels, margin: int) -> Image:
    """The part with a margin of the colour that its border mostly has."""
    border = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    colour = [int(level) for level in np.median(border, axis=0)]
    return Image(cv2.copyMakeBorder(part, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=colour))
