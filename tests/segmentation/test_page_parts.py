"""Lines of parts of a page, each found by itself and placed on the whole page."""

from __future__ import annotations

import numpy as np

from ocr.geometry import Box
from ocr.image import BLOCKS_OF_A_PART, Image, Layout, Region, SegmentedPage
from segmentation.page_parts import lines_of_parts


def dark_box(page: Image) -> SegmentedPage:
    """The one dark box of a page, as a line."""
    rows, columns = np.nonzero(page.pixels[:, :, 0] < 100)
    if not len(rows):
        return SegmentedPage(Layout(page.width_px, page.height_px, ()), ())
    box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    region = Region(box.polygon(), box.width, box.height, block=1)
    crop = page.pixels[box.top : box.bottom, box.left : box.right].copy()
    return SegmentedPage(Layout(page.width_px, page.height_px, (region,)), (crop,))


def page() -> Image:
    pixels = np.full((400, 600, 3), 220, np.uint8)
    pixels[100:120, 50:150] = 10
    pixels[300:330, 400:500] = 20
    return Image(pixels)


def test_lines_are_placed_on_the_page_and_numbered_by_their_part() -> None:
    found = lines_of_parts(page(), [(380, 280, 560, 380), (0, 0, 600, 90), (20, 80, 200, 140)], dark_box)
    assert [region.polygon.bounding_box().xywh for region in found.layout.regions] == [
        (400, 300, 100, 30),
        (50, 100, 100, 20),
    ]
    assert [region.block for region in found.layout.regions] == [1, 2 * BLOCKS_OF_A_PART + 1]
    assert (found.layout.width_px, found.layout.height_px) == (600, 400)
    assert [crop.shape[:2] for crop in found.pixels] == [(30, 100), (20, 100)]


def test_a_part_is_looked_at_with_a_margin_of_its_paper() -> None:
    seen: list[Image] = []

    def look(part: Image) -> SegmentedPage:
        seen.append(part)
        return dark_box(part)

    lines_of_parts(page(), [(45, 95, 155, 125)], look)
    assert seen[0].pixels.shape[:2] == (30 + 16, 110 + 16)
    assert seen[0].pixels[0, 0].tolist() == [220, 220, 220]
