"""One prepared glyph in, a different hand's version of it out: for training on real characters.

Small turns, slant, stretch, elastic bending (after Simard et al. 2003), pen width, softness and coarse pixels; then
the glyph is placed again as serving would place it. Never a quarter turn, never a mirror: N is not Z and b is not d.
Works on uint8 (28, 28), ink = 255. Randomness is an argument.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.glyph import Glyph, glyph_in_ink

CANVAS_PX = 48
_ROWS, _COLUMNS = (np.mgrid[0:CANVAS_PX, 0:CANVAS_PX] - CANVAS_PX / 2 + 0.5).astype(np.float32)
_PEN = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Picture = NDArray[np.uint8]


def augmented(image: Picture, rng: np.random.Generator, *, strength: float = 1.0) -> Picture:
    """A variation of the glyph: uint8 (28, 28), ink = 255. `strength` 0 keeps its shape."""
    ink = _taken_again(_pen(_bent(image, rng, strength), rng, strength), rng)
    glyph = glyph_in_ink(ink)
    if not isinstance(glyph, Glyph):
        return image
    pixels = glyph.pixels
    if rng.random() < 0.2 * strength:
        pixels = np.clip(pixels + rng.normal(0.0, 0.06, pixels.shape).astype(np.float32), 0.0, 1.0)
    return np.round(pixels * 255.0).astype(np.uint8)


def _bent(image: Picture, rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """(48, 48) float32 in [0, 1]: the glyph turned, slanted, stretched and bent."""
    turn = np.deg2rad(np.clip(rng.normal(0.0, 6.0 * strength), -18.0, 18.0))
    slant = rng.normal(0.0, 0.14 * strength)
    zoom_x, zoom_y = np.exp(rng.normal(0.0, 0.10 * strength, 2))
    cos, sin = np.cos(turn), np.sin(turn)
    grid = int(rng.integers(3, 6))
    drift = rng.normal(0.0, 1.1 * strength * 4 / grid, (2, grid, grid)).astype(np.float32)
    middle = np.float32(image.shape[0] / 2 - 0.5)
    map_x = np.float32(zoom_x * cos) * _COLUMNS + np.float32(slant - sin) * _ROWS + middle
    map_y = np.float32(sin) * _COLUMNS + np.float32(zoom_y * cos) * _ROWS + middle
    map_x += cv2.resize(drift[0], (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_CUBIC)
    map_y += cv2.resize(drift[1], (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_CUBIC)
    moved = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR)
    return np.asarray(moved, dtype=np.float32) * np.float32(1.0 / 255.0)


def _pen(ink: NDArray[np.float32], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """A broader or a finer pen, or a softer one."""
    kind = rng.random()
    if kind < 0.15 * strength:
        share = np.float32(rng.uniform(0.3, 1.0))
        return np.asarray(share * cv2.dilate(ink, _PEN) + (1 - share) * ink, dtype=np.float32)
    if kind < 0.30 * strength:
        share = np.float32(rng.uniform(0.3, 0.8))
        return np.asarray(share * cv2.erode(ink, _PEN) + (1 - share) * ink, dtype=np.float32)
    if kind < 0.42 * strength:
        return np.asarray(cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.4, 1.0))), dtype=np.float32)
    return ink


def _taken_again(ink: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Now and then as a poor photograph gives it, whatever the strength: of few pixels, or grainy and smoothed."""
    kind = rng.random()
    if kind >= 0.24:
        return ink
    side = int(rng.integers(16, 34))  # the 24 px of the glyph become 8 to 16
    coarse = np.asarray(cv2.resize(ink, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
    if kind >= 0.12:
        grain = rng.uniform(0.03, 0.16)
        noisy = coarse + rng.normal(0.0, grain, coarse.shape).astype(np.float32)
        smooth = np.asarray(cv2.GaussianBlur(noisy, (0, 0), float(rng.uniform(0.5, 0.8))), dtype=np.float32)
        # As preparation does it: the floor of the grain is taken off, the contrast stretched.
        floor = np.float32(rng.uniform(0.5, 1.5) * grain)
        coarse = np.clip((smooth - floor) / (np.float32(0.8) - floor), 0.0, 1.0)
    return np.asarray(cv2.resize(coarse, (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
