"""A second look from nearer at parts of a page whose text is small beside it: drawings, newspapers, long screenshots.

The detector sees a page reduced to a million pixels. On a drawing of A1 letters are then three pixels high, and half of
the lines are lost. Where the first look finds such lines, it looks again at tiles of the page. Lengths are pixels of
the page unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.detection.detector import Detector, DetectorSettings, map_size
from segmentation.detection.quads import Quads, bounds

_REDUCED = 0.5  # a page that is seen at half its size or larger has no text that is too small
_SMALL_PX = 11.0  # height of a line's rectangle on the reduced page; print of ten points on A4 has 18
_NEAR_PX = 32.0  # the same in a tile
_LONG = 3.0  # times as long as high: a line and not a speck
_FEW = 3
_MOST_TILES = 12
_LARGE = 4.0  # times as high as the small lines: seen well enough at the first look
_WHOLE = 0.98  # of a piece
_MARGIN = 2.0  # of the height of a line, around a tile


@dataclass(frozen=True, slots=True)
class TiledDetector:
    """`detector`, which reduces a page as `settings` say, and once more on tiles where there is reason."""

    detector: Detector
    settings: DetectorSettings

    def find(self, pixels: Pixels) -> Quads:
        """Rotated rectangles around the pieces, as `detector` gives them."""
        pieces = self.detector.find(pixels)
        height, width = pixels.shape[:2]
        scale = map_size(width, height, self.settings)[0] / width
        if scale >= _REDUCED or not len(pieces):
            return pieces
        small = _are_small(pieces, _SMALL_PX / scale)
        if np.count_nonzero(small) < _FEW:
            return pieces
        line_px = float(np.median(_heights(pieces[small])))
        side = math.sqrt(self.settings.max_pixels) / min(1.0, _NEAR_PX / line_px)
        tiles = list(_tiles_with(pieces[small], width, height, side))
        near = [self._in_tile(pixels, tile, _MARGIN * line_px, tiles) for tile in tiles]
        kept = pieces[(_heights(pieces) > _LARGE * line_px) | ~_are_covered(pieces, tiles)]
        return np.concatenate([kept, *(_outside(found, kept) for found in near)])

    def _in_tile(self, pixels: Pixels, tile: _Tile, margin: float, tiles: list[_Tile]) -> Quads:
        left, top = max(0, int(tile.left - margin)), max(0, int(tile.top - margin))
        part = pixels[top : int(tile.bottom + margin) + 1, left : int(tile.right + margin) + 1]
        found = self.detector.find(np.ascontiguousarray(part))
        return tile.own(found + np.array([left, top], np.float32), tile.reach(margin, tiles))


@dataclass(frozen=True, slots=True)
class _Tile:
    left: float
    top: float
    right: float
    bottom: float

    def covers(self, pieces: Quads) -> NDArray[np.float32]:
        """Which part of the box of each piece lies in it."""
        box = bounds(pieces)
        width = np.minimum(box[:, 2], self.right) - np.maximum(box[:, 0], self.left)
        height = np.minimum(box[:, 3], self.bottom) - np.maximum(box[:, 1], self.top)
        area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
        return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None) / np.maximum(area, 1.0), np.float32)

    def reach(self, margin: float, tiles: list[_Tile]) -> _Tile:
        """How far the pieces of this tile may go: to its edges where a neighbour is looked at too, else a margin beyond
        them, where they would be lost.
        """
        beside = [other for other in tiles if (other.top, other.bottom) == (self.top, self.bottom)]
        above = [other for other in tiles if (other.left, other.right) == (self.left, self.right)]
        return _Tile(
            self.left - (0.0 if any(other.right == self.left for other in beside) else margin),
            self.top - (0.0 if any(other.bottom == self.top for other in above) else margin),
            self.right + (0.0 if any(other.left == self.right for other in beside) else margin),
            self.bottom + (0.0 if any(other.top == self.bottom for other in above) else margin),
        )

    def own(self, pieces: Quads, reach: _Tile) -> Quads:
        """The pieces that are this tile's and not its neighbour's: across their lines by their middle, along them what
        lies within its `reach`. The parts of a line meet where tiles do, and are put together like other pieces.
        """
        box = bounds(pieces)
        lying = (box[:, 2] - box[:, 0]) >= (box[:, 3] - box[:, 1])
        middle = pieces.mean(axis=1)
        across = np.where(
            lying,
            (reach.top <= middle[:, 1]) & (middle[:, 1] < reach.bottom),
            (reach.left <= middle[:, 0]) & (middle[:, 0] < reach.right),
        )
        clipped = pieces.copy()
        clipped[lying, :, 0] = np.clip(pieces[lying, :, 0], reach.left, reach.right)
        clipped[~lying, :, 1] = np.clip(pieces[~lying, :, 1], reach.top, reach.bottom)
        length = np.where(lying, np.ptp(clipped[:, :, 0], axis=1), np.ptp(clipped[:, :, 1], axis=1))
        return np.ascontiguousarray(clipped[across & (length >= 0.5 * _heights(pieces))])


def _heights(pieces: Quads) -> NDArray[np.float32]:
    """The shorter side of each."""
    sides = np.linalg.norm(pieces[:, [1, 2]] - pieces[:, [0, 1]], axis=2)
    return np.asarray(sides.min(axis=1), np.float32)


def _are_small(pieces: Quads, below_px: float) -> NDArray[np.bool_]:
    """Which pieces are lines lower than that."""
    sides = np.linalg.norm(pieces[:, [1, 2]] - pieces[:, [0, 1]], axis=2)
    low, long = sides.min(axis=1), sides.max(axis=1)
    return np.asarray((low < below_px) & (long >= _LONG * low), np.bool_)


def _tiles_with(pieces: Quads, width: int, height: int, side: float) -> Iterator[_Tile]:
    """The tiles of the page, about `side` long, with some of the pieces; those with the most, if there are many."""
    columns, rows = math.ceil(width / side), math.ceil(height / side)
    x_edges, y_edges = np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1)
    tiles = [
        _Tile(x_edges[column], y_edges[row], x_edges[column + 1], y_edges[row + 1])
        for row in range(rows)
        for column in range(columns)
    ]
    counts = np.array([np.count_nonzero(tile.covers(pieces)) for tile in tiles])
    for index in np.sort(np.argsort(-counts, kind="stable")[:_MOST_TILES]):
        if counts[index]:
            yield tiles[index]


def _are_covered(pieces: Quads, tiles: list[_Tile]) -> NDArray[np.bool_]:
    """Which pieces lie in the tiles as a whole."""
    return np.asarray(np.sum([tile.covers(pieces) for tile in tiles], axis=0) > _WHOLE, np.bool_)


def _outside(pieces: Quads, others: Quads) -> Quads:
    """The pieces whose middle lies in none of the others: a heading was seen as a whole before."""
    box = bounds(others)
    x, y = pieces.mean(axis=1).T[:, :, np.newaxis]
    inside = (box[:, 0] <= x) & (x <= box[:, 2]) & (box[:, 1] <= y) & (y <= box[:, 3])
    return np.ascontiguousarray(pieces[~inside.any(axis=1)])
