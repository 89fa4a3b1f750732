"""Small text on a large page is looked at from nearer; all other pages are looked at once."""

from __future__ import annotations

import numpy as np

from ocr.image import Pixels
from segmentation.detection.detector import DetectorSettings
from segmentation.detection.quads import Quads, bounds, from_boxes, no_quads
from segmentation.detection.tiles import TiledDetector

SETTINGS = DetectorSettings()


class InkDetector:
    """Finds rows of ink: what is black in a row of pixels, unless it is lower than the look is reduced."""

    def __init__(self, blurred_below_px: float = 0.0) -> None:
        self.looks: list[tuple[int, int]] = []
        self._blurred_below_px = blurred_below_px

    def find(self, pixels: Pixels) -> Quads:
        height, width = pixels.shape[:2]
        self.looks.append((width, height))
        boxes = []
        ink = pixels[:, :, 0] < 128
        edges = np.flatnonzero(np.diff(np.concatenate([[0], ink.any(axis=1).astype(int), [0]])))
        for number, (top, bottom) in enumerate(edges.reshape(-1, 2).tolist()):
            columns = np.flatnonzero(ink[top:bottom].any(axis=0))
            missed = len(self.looks) == 1 and bottom - top < self._blurred_below_px and number % 2
            if not missed:
                boxes.append([columns[0], top, columns[-1] + 1, bottom])
        return from_boxes(np.array(boxes, dtype=np.float32)) if boxes else no_quads()


def page(width: int, height: int, *lines: tuple[int, int, int, int]) -> Pixels:
    pixels = np.full((height, width, 3), 255, np.uint8)
    for left, top, right, bottom in lines:
        pixels[top:bottom, left:right] = 0
    return pixels


def found(detector: InkDetector, pixels: Pixels) -> list[list[int]]:
    pieces = TiledDetector(detector, SETTINGS).find(pixels)
    return sorted(np.round(bounds(pieces)).astype(int).tolist(), key=lambda box: (box[1], box[0]))


SMALL = tuple((130, 150 + 40 * number, 500, 165 + 40 * number) for number in range(8))


def test_lines_that_the_first_look_missed_are_found_by_the_second():
    detector = InkDetector(blurred_below_px=20)
    assert found(detector, page(3400, 4800, *SMALL)) == [list(box) for box in SMALL]
    assert len(detector.looks) == 2
    assert max(detector.looks[1]) < 1200


def test_a_page_of_usual_print_is_looked_at_once():
    usual = tuple((200, 300 + 100 * number, 2200, 350 + 100 * number) for number in range(20))
    for pixels in (page(2480, 3508, *usual), page(1000, 1400, *SMALL), page(3400, 4800)):
        detector = InkDetector()
        TiledDetector(detector, SETTINGS).find(pixels)
        assert len(detector.looks) == 1


def test_a_line_over_several_tiles_is_whole_or_in_parts_that_meet():
    long = [(100, 200 + 40 * number, 3300, 215 + 40 * number) for number in range(4)]
    boxes = found(InkDetector(), page(3400, 4800, *long))
    for line in long:
        parts = [box for box in boxes if (box[1], box[3]) == (line[1], line[3])]
        assert (parts[0][0], parts[-1][2]) == (line[0], line[2])
        assert [box[2] for box in parts[:-1]] == [box[0] for box in parts[1:]]


def test_a_heading_beside_small_print_is_found_once():
    heading = (100, 20, 3300, 140)
    boxes = found(InkDetector(), page(3400, 4800, heading, *SMALL))
    assert boxes.count(list(heading)) == 1
    assert len(boxes) == 1 + len(SMALL)


def test_the_number_of_looks_is_bounded():
    everywhere = [(60, 30 + 40 * number, 3340, 45 + 40 * number) for number in range(115)]
    detector = InkDetector()
    boxes = found(detector, page(3400, 4800, *everywhere))
    assert len(detector.looks) <= 13
    assert {box[1] for box in boxes} == {line[1] for line in everywhere}


class CutShort(InkDetector):
    """Misses the beginning of each line at the first look."""

    def find(self, pixels: Pixels) -> Quads:
        pieces = super().find(pixels)
        if len(self.looks) == 1:
            pieces[:, [0, 3], 0] += 25
        return pieces


def test_a_line_that_begins_just_beyond_its_tile_is_found_from_its_beginning():
    for start in range(600, 1300, 20):
        lines = [(start, 150 + 40 * number, start + 370, 165 + 40 * number) for number in range(6)]
        boxes = found(CutShort(), page(3400, 4800, *lines))
        assert min(box[0] for box in boxes) == start
