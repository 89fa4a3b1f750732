"""Pictures of lines that hold no text: what shows through from the other side of the sheet, scrawl, dust, photographs.

Show-through is made of true lines: mirrored, faint and blurred. Everything else is drawn, from a seed. A vote that is
worth its doubt has no words for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.pages.ground_truth import GroundTruthPage, line_crops
from ocr import Crop
from ocr.image import Pixels

SHOW_THROUGH = "show-through"
LINES_OF_A_PAGE = 20
"""At most so many of a page are mirrored."""

_HEIGHT, _WIDTH = 40, 600


def mirrored_lines(page: GroundTruthPage) -> list[Crop]:
    """The first lines of a page as they show through the sheet: from right to left, with a third of the contrast."""
    return [Crop.whole(_shown_through(pixels)) for pixels in line_crops(page)[:LINES_OF_A_PAGE]]


def drawn_lines(kind: str, count: int, seed: int = 0) -> list[Crop]:
    """`count` lines of one of KINDS."""
    return [Crop.whole(_DRAW[kind](np.random.default_rng((seed, number)))) for number in range(count)]


def _shown_through(pixels: Pixels) -> Pixels:
    paper = np.quantile(pixels.astype(np.float64), 0.9, axis=(0, 1))
    faint = paper + 0.35 * (pixels[:, ::-1].astype(np.float64) - paper)
    blurred = cv2.GaussianBlur(faint, (0, 0), max(0.5, pixels.shape[0] / 40.0))
    return np.ascontiguousarray(np.clip(blurred, 0, 255), dtype=np.uint8)


def _scrawl(rng: np.random.Generator) -> Pixels:
    """A pen that runs to and fro."""
    line = _paper(rng)
    steps = int(rng.integers(40, 90))
    xs = np.linspace(10, _WIDTH - 10, steps) + rng.normal(0.0, 12.0, steps)
    ys = _HEIGHT / 2 + rng.normal(0.0, 9.0, steps)
    smooth = [np.convolve(np.repeat(own, 6), np.ones(9) / 9, mode="valid") for own in (xs, ys)]
    points = np.stack(smooth, axis=1).round().astype(np.int32)
    cv2.polylines(line, [points], False, _ink(rng), int(rng.integers(1, 4)), cv2.LINE_AA)
    return line


def _dust(rng: np.random.Generator) -> Pixels:
    """Specks and hairs."""
    line = _paper(rng)
    for _ in range(int(rng.integers(15, 60))):
        centre = int(rng.integers(_WIDTH)), int(rng.integers(_HEIGHT))
        axes = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        cv2.ellipse(line, centre, axes, float(rng.integers(180)), 0, 360, _ink(rng), -1, cv2.LINE_AA)
    return line


def _photograph(rng: np.random.Generator) -> Pixels:
    """A strip of a picture: clouds of brightness at several scales, with edges."""
    cloud: NDArray[np.float64] = np.zeros((_HEIGHT, _WIDTH))
    for cells in (3, 8, 20, 60):
        coarse = rng.normal(0.0, 1.0, (max(2, cells // 8), cells))
        cloud += cv2.resize(coarse, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC) / cells**0.3
    edges = np.where(cloud > np.quantile(cloud, rng.uniform(0.3, 0.7)), 0.5, -0.5)
    grey = 128 + 45 * (cloud + edges) + rng.normal(0.0, 6.0, cloud.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _paper(rng: np.random.Generator) -> Pixels:
    shade = rng.uniform(200.0, 250.0) + rng.normal(0.0, 4.0, (_HEIGHT, _WIDTH))
    return np.ascontiguousarray(np.repeat(np.clip(shade, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2))


def _ink(rng: np.random.Generator) -> Sequence[float]:
    return [float(rng.uniform(20.0, 110.0))] * 3


_DRAW: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "scrawl": _scrawl,
    "dust": _dust,
    "photograph": _photograph,
}
KINDS = tuple(_DRAW)
