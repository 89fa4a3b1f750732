"""The reading order by its plain definition: every run of bands is tried, every box is compared with its whole row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from segmentation.reading_order import (
    _MIN_COLUMN_LINES,
    _MIN_GUTTER,
    _PARAGRAPH_GAP,
    _PROSE_FILL,
    _PROSE_WIDTH,
)

Box = tuple[float, float, float, float]
Page = dict[int, Box]
"""Boxes (left, top, right, bottom) by their index."""


def plain_blocks(boxes: np.ndarray) -> list[list[int]]:
    """The indices of `boxes` (N, 4), block by block, as they are read."""
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    return blocks({index: tuple(box) for index, box in enumerate(boxes.tolist())}, height)


def blocks(page: Page, height: float) -> list[list[int]]:
    found = []
    for run in runs(page, height):
        gutter = gutter_of(run, height)
        if gutter is None:
            found += paragraphs(run, height)
        else:
            for side in (True, False):
                found += blocks({index: box for index, box in run.items() if (box[2] <= gutter) == side}, height)
    return found


def runs(page: Page, height: float) -> list[Page]:
    bands = bands_of(page, height)
    found: list[Page] = []
    while bands:
        best = 1
        for stop in range(1, len(bands) + 1):
            together = union(bands[:stop])
            if not gaps_of(together, height):
                break
            if gutter_of(together, height) is not None:
                best = stop
        found.append(union(bands[:best]))
        bands = bands[best:]
    merged: list[Page] = []
    for number, run in enumerate(found):
        if number and all(gutter_of(found[n], height) is None for n in (number - 1, number)):
            merged[-1] |= run
        else:
            merged.append(dict(run))
    return merged


def union(bands: list[Page]) -> Page:
    return {index: box for band in bands for index, box in band.items()}


def bands_of(page: Page, height: float) -> list[Page]:
    bands: list[Page] = []
    bottom = -np.inf
    for index, box in sorted(page.items(), key=lambda item: item[1][1] + item[1][3]):
        if box[1] + 0.2 * height >= bottom:
            bands.append({})
        bands[-1][index] = box
        bottom = max(bottom, box[3] - 0.2 * height)
    return bands


def gaps_of(page: Page, height: float) -> list[tuple[float, float]]:
    gaps, end = [], np.inf
    for left, _, right, _ in sorted(page.values()):
        if left - end >= _MIN_GUTTER * height:
            gaps.append((end, left))
        end = right if end == np.inf else max(end, right)
    return gaps


def gutter_of(page: Page, height: float) -> float | None:
    for start, _ in sorted(gaps_of(page, height), key=lambda gap: gap[0] - gap[1]):
        if all(is_prose({i: box for i, box in page.items() if (box[2] <= start) == s}, height) for s in (True, False)):
            return start
    return None


def is_prose(page: Page, height: float) -> bool:
    for start, _ in gaps_of(page, height):
        return all(is_prose({i: b for i, b in page.items() if (b[2] <= start) == s}, height) for s in (True, False))
    typical = float(np.median([right - left for left, _, right, _ in page.values()]))
    column = max(box[2] for box in page.values()) - min(box[0] for box in page.values())
    return len(page) >= _MIN_COLUMN_LINES and typical >= max(_PROSE_WIDTH * height, _PROSE_FILL * column)


def paragraphs(page: Page, height: float) -> list[list[int]]:
    rows = rows_of(page)
    gaps = [min(page[i][1] for i in low) - max(page[i][3] for i in high) for high, low in pairwise(rows)]
    usual = max(float(np.median(gaps)), 0.0) if gaps else 0.0
    found = [list(rows[0])]
    for gap, row in zip(gaps, rows[1:], strict=True):
        if gap > usual + _PARAGRAPH_GAP * height:
            found.append([])
        found[-1] += row
    return found


def rows_of(page: Page) -> list[list[int]]:
    rows: list[list[int]] = []
    for index, box in sorted(page.items(), key=lambda item: (item[1][1] + item[1][3]) / 2):
        if rows and all(beside(page[other], box) for other in rows[-1]):
            rows[-1].append(index)
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: page[index][0]) for row in rows]


def beside(other: Box, box: Box) -> bool:
    shared = min(other[2], box[2]) - max(other[0], box[0])
    narrower = min(other[2] - other[0], box[2] - box[0])
    return other[1] <= (box[1] + box[3]) / 2 <= other[3] and shared <= 0.5 * narrower
