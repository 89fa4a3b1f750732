"""What kind of writing a line is: printed, written by hand, or noisy (typewritten, faint, copied).

A multinomial logistic regression on a handful of features of the line's ink and paper. Receipts and letters mix kinds
on one page, so each line is judged by itself. Lengths are in units of the typical height of a component, brightnesses
in units of the contrast. The coefficients are training's (training/votes/material_fit.py); this file applies them.
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
FEATURES = ("joined", "crowded", "uneven heights", "uneven steps", "noise of paper", "noise of ink", "edge")

Floats = NDArray[np.float64]

_ARRAYS = ("mean", "scale", "weights", "base")
_HEIGHT_PX = 32
_NOTHING = np.zeros(len(FEATURES))


def features(line: Pixels) -> Floats:
    """(7,) float64 of one upright line, RGB uint8 (H, W, 3), in the order of FEATURES; zeros where there is no ink.

    None of them changes with the size of the page in pixels, nor with how dark the ink is.
    """
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
        ]
    )


def _spread(lengths: Floats) -> float:
    """Standard deviation in units of the mean."""
    return float(lengths.std() / max(1e-6, lengths.mean()))


def _brightness(luma: Floats, ink: NDArray[np.bool_]) -> tuple[float, float, float]:
    """How far paper, and ink, vary, and how steep edges are."""
    near = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    paper, dark = luma[~near], luma[ink]
    if not len(paper):
        paper = luma[~ink]
    contrast = max(4.0, abs(float(paper.mean() - dark.mean())))
    across = np.abs(np.diff(luma, axis=1))
    return (
        float(paper.std()) / contrast,
        float(dark.std()) / contrast,
        float(np.percentile(across, 98)) / contrast,
    )


@dataclass(frozen=True, slots=True, eq=False)
class MaterialClassifier:
    """`weights` (K, 7), `base` (K,) of K materials; features are taken less `mean` (7,), in units of `scale` (7,)."""

    materials: tuple[Material, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    base: Floats

    def classify(self, line: Pixels) -> Material:
        """The likeliest kind of an upright line, RGB uint8 (H, W, 3)."""
        scores = self.weights @ ((features(line) - self.mean) / self.scale) + self.base
        return self.materials[int(scores.argmax())]


@cache
def material_classifier(path: Path = BUNDLED) -> MaterialClassifier:
    """The classifier in a file that `write_material_classifier` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return MaterialClassifier(
        tuple(Material(name) for name in content["materials"]),
        *(np.array(content[name], dtype=np.float64) for name in _ARRAYS),
    )


def write_material_classifier(found: MaterialClassifier, path: Path) -> None:
    """With four decimals."""
    arrays = {name: np.round(getattr(found, name), 4).tolist() for name in _ARRAYS}
    path.write_text(json.dumps({"materials": found.materials, "measures": FEATURES, **arrays}, indent=1) + "\n")
