"""What kind of writing a line is: printed, written by hand, or noisy (typewritten, faint, copied).

A multinomial logistic regression on a handful of measures of the line's ink and paper. Receipts and letters mix kinds on
one page, so each line is judged by itself. Lengths are in units of the typical height of a component, brightnesses in
units of the contrast. The coefficients are training's (`quorum tune`); this file applies them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Material, Pixels
from segmentation.characters import writing
from segmentation.ink import gray, ink_mask

BUNDLED = Path(__file__).parent / "bundled" / "material.json"
MEASURES = ("joined", "crowded", "even heights", "even steps", "contrast", "paper noise", "ink noise", "edge", "height")

Floats = NDArray[np.float64]

_HEIGHT_PX = 32
_NOTHING = np.zeros(len(MEASURES))


def measures(line: Pixels) -> Floats:
    """(9,) float64 of one upright line, RGB uint8 (H, W, 3), in the order of MEASURES; zeros where there is no ink."""
    luma = gray(line)
    if luma.shape[0] > _HEIGHT_PX:
        size = max(1, round(luma.shape[1] * _HEIGHT_PX / luma.shape[0])), _HEIGHT_PX
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ink = ink_mask(luma)
    glyphs, height = writing(ink)
    if not glyphs or not ink.any() or ink.all():
        return _NOTHING
    boxes = np.array(glyphs, dtype=np.float64)  # (N, 4)
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    steps = np.diff(boxes[:, 0]) if len(boxes) > 1 else np.ones(1)
    return np.array(
        [
            np.log((widths**2).sum() / (height * widths.sum())),
            np.log(1.0 + len(boxes) * height / luma.shape[1]),
            _spread(heights),
            _spread(np.minimum(steps, 2.5 * np.median(steps))),
            *_brightness(luma.astype(np.float64), ink),
            np.log(line.shape[0]),
        ]
    )


def _spread(lengths: Floats) -> float:
    """Standard deviation in units of the mean."""
    return float(lengths.std() / max(1e-6, lengths.mean()))


def _brightness(luma: Floats, ink: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Contrast in [0, 1]; how far paper, and ink, vary; how steep edges are; the last three in units of the contrast."""
    near = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    paper, dark = luma[~near], luma[ink]
    if not len(paper):
        paper = luma[~ink]
    contrast = max(4.0, abs(float(paper.mean() - dark.mean())))
    across = np.abs(np.diff(luma, axis=1))
    return (
        contrast / 255.0,
        float(paper.std()) / contrast,
        float(dark.std()) / contrast,
        float(np.percentile(across, 98)) / contrast,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """`weights` (K, 9), `base` (K,) of K materials; measures are taken after `mean` (9,) and in units of `scale` (9,)."""

    materials: tuple[Material, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    base: Floats

    def material(self, line: Pixels) -> Material:
        """The likeliest kind of an upright line, RGB uint8 (H, W, 3)."""
        scores = self.weights @ ((measures(line) - self.mean) / self.scale) + self.base
        return self.materials[int(scores.argmax())]


@cache
def judge(path: Path = BUNDLED) -> Judge:
    """The judge in a file that `quorum tune` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    arrays = {name: np.array(content[name]) for name in ("mean", "scale", "weights", "base")}
    return Judge(tuple(Material(name) for name in content["materials"]), **arrays)
