"""Synthetic characters: rendered from fonts, bent like handwriting, printed badly, photographed worse.

A character is drawn large (ink 1 on paper 0), then goes the way that real ones go: the hand (slant, turn, stretch,
elastic bending, width of the pen), the page (size in pixels, blur, grey paper, shading, grain, either polarity), and
at last the preparation that serving uses (engines/common/glyph.py). Every sample comes from (seed, index) alone, so a
set can be made in parallel and made again. Also *junk*: pairs, pieces, punctuation, scribbles, noise - what reaches the
network when splitting fails, so that it can learn to be unsure.

Knows fonts, not networks. Angles are degrees; coordinates of strokes are units of the font.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.glyph import Glyph, prepare
from training.drawing.fonts import ALPHABET, Face, StrokeFace, by_design
from training.drawing.glyphs import FRAME_PX, is_unicase, rendered
from training.random_draws import pick

JUNK_LABEL = len(ALPHABET)
PUNCTUATION = ':;"?-+=*&%$#@<>{}_~^'  # not those that are a bar, a dot or a bow: they look like l, o or c

Ink = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Mix:
    """What a set is made of: shares of its samples; the rest is handwriting fonts."""

    printed: float = 0.38
    stroke: float = 0.22
    junk: float = 0.10


@dataclass(frozen=True, slots=True)
class Fonts:
    """Faces grouped by design, so that a family with forty cuts weighs no more than one with a single cut."""

    printed: tuple[tuple[Face, ...], ...]
    handwritten: tuple[tuple[Face, ...], ...]
    stroke: tuple[StrokeFace, ...] = field(default=())

    @classmethod
    def of(cls, faces: Sequence[Face], strokes: Sequence[StrokeFace] = ()) -> Fonts:
        printed, handwritten = ([f for f in faces if f.handwritten is kind] for kind in (False, True))
        return cls(by_design(printed), by_design(handwritten), tuple(strokes))


def sample(fonts: Fonts, mix: Mix, seed: int, index: int) -> tuple[Picture, int]:
    """Sample `index` of the set: uint8 (28, 28), ink = 255, and its class (0..61 in ByClass order, 62 for junk)."""
    rng = np.random.default_rng((seed, index))
    while True:
        picture, label = raw_sample(fonts, mix, rng)
        glyph = prepare(picture)
        # An upright bar is an honest l: no network can tell the piece of an H from it.
        if isinstance(glyph, Glyph) and not (label == JUNK_LABEL and glyph.box.height > 2 * glyph.box.width):
            return np.round(glyph.pixels * 255.0).astype(np.uint8), label


def raw_sample(fonts: Fonts, mix: Mix, rng: np.random.Generator) -> tuple[Picture, int]:
    """A photographed character before preparation: grey uint8 (H, W), and its class."""
    kind = rng.random()
    label = int(rng.integers(len(ALPHABET)))
    if kind < mix.junk:
        return photographed(_junk(fonts, rng), rng), JUNK_LABEL
    if kind < mix.junk + mix.printed or not (fonts.handwritten or fonts.stroke):
        ink = _printed(fonts, label, rng)
    elif fonts.stroke and kind < mix.junk + mix.printed + mix.stroke:
        ink = written(pick(fonts.stroke, rng), ALPHABET[label], rng)
    else:
        face = _face_with_case(fonts.handwritten, label, rng)
        ink = bent(pen_width(rendered(face, ALPHABET[label]), rng, most=3), rng, strength=1.0)
    return photographed(ink, rng), label


def _printed(fonts: Fonts, label: int, rng: np.random.Generator) -> Ink:
    ink = rendered(_face_with_case(fonts.printed, label, rng), ALPHABET[label])
    return bent(pen_width(ink, rng, most=1), rng, strength=0.25)


def _face_with_case(groups: tuple[tuple[Face, ...], ...], label: int, rng: np.random.Generator) -> Face:
    """A face at random; for a small letter one that has small letters of their own."""
    while True:
        face = pick(pick(groups, rng), rng)
        if label < 36 or not is_unicase(face):
            return face


def written(face: StrokeFace, text: str, rng: np.random.Generator) -> Ink:
    """The text drawn with a pen along the strokes of a face, every stroke shaken on its own: (96, 96)."""
    strokes = _strokes(face, text)
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 64.0 / max(float((high - low).max()), 1.0)
    canvas = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    thickness = int(np.clip(round(float(rng.lognormal(1.45, 0.45))), 1, 14))
    for stroke in strokes:
        moved = (stroke - (low + high) / 2) * scale + _wobble(len(stroke), rng) + rng.normal(0.0, 1.2, 2)
        # Sixteenths of a pixel (shift=4); y grows down on the canvas and up in the font.
        path = np.round((moved * [1.0, -1.0] + FRAME_PX / 2) * 16).astype(np.int32)
        cv2.polylines(canvas, [path.reshape(-1, 1, 2)], False, 255, thickness, cv2.LINE_AA, 4)
    return bent(canvas.astype(np.float32) / np.float32(255.0), rng, strength=1.3)


def _wobble(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random drift of the pen along a stroke: (count, 2) pixels."""
    knots = rng.normal(0.0, 1.6, (max(3, count // 6), 2))
    at = np.linspace(0, len(knots) - 1, count)
    return np.stack([np.interp(at, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], axis=1)


def _strokes(face: StrokeFace, text: str) -> list[NDArray[np.float64]]:
    """The polylines of a character: each (P, 2), y up. The fonts use absolute M and L only."""
    strokes = [
        np.array(re.findall(r"-?[\d.]+(?:e-?\d+)?", part), dtype=np.float64).reshape(-1, 2)
        for part in face.paths[text].split("M")
        if part.strip()
    ]
    return [stroke for stroke in strokes if len(stroke) >= 2] or strokes


def pen_width(ink: Ink, rng: np.random.Generator, *, most: int) -> Ink:
    """Strokes thickened or thinned by up to `most` pixels of the large frame."""
    change = int(rng.integers(-most, most + 1))
    if change == 0:
        return ink
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(change) + 1, abs(change) + 1))
    changed = cv2.dilate(ink, kernel) if change > 0 else cv2.erode(ink, kernel)
    return np.asarray(changed if changed.sum() > 0.3 * ink.sum() else ink, dtype=np.float32)  # thin pens vanish


def bent(ink: Ink, rng: np.random.Generator, *, strength: float) -> Ink:
    """Slant, turn, stretch and elastic bending (after Simard et al. 2003), no quarter turn; 1 is a hand's strength."""
    side = ink.shape[0]
    turn = np.deg2rad(rng.normal(0.0, 3.0 + 3.5 * strength))
    slant = rng.normal(0.05 * strength, 0.05 + 0.13 * strength)
    stretch_x, stretch_y = np.exp(rng.normal(0.0, 0.04 + 0.10 * strength, 2))
    matrix = np.array([[stretch_x, slant], [0.0, stretch_y]]) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    grid = int(rng.integers(3, 7))
    drift = rng.normal(0.0, 2.6 * strength * side / 96 / (grid / 4), (2, grid, grid)).astype(np.float32)
    drift_x, drift_y = (cv2.resize(d, (side, side), interpolation=cv2.INTER_CUBIC) for d in drift)
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) - side / 2
    map_x = (matrix[0, 0] * xs + matrix[0, 1] * ys + side / 2 + drift_x).astype(np.float32)
    map_y = (matrix[1, 0] * xs + matrix[1, 1] * ys + side / 2 + drift_y).astype(np.float32)
    return np.asarray(cv2.remap(ink, map_x, map_y, cv2.INTER_LINEAR), dtype=np.float32)


def photographed(ink: Ink, rng: np.random.Generator) -> Picture:
    """The ink as a camera or scanner sees it: a size, a blur, paper, shading, grain, either polarity. Grey uint8."""
    framed = _framed(ink, rng)
    height_px = int(np.clip(round(float(np.exp(rng.uniform(np.log(11.0), np.log(72.0))))), 11, 72))
    width_px = max(6, round(height_px * framed.shape[1] / framed.shape[0]))
    method = cv2.INTER_AREA if height_px < framed.shape[0] else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(framed, (width_px, height_px), interpolation=method), dtype=np.float32)
    if rng.random() < 0.6:
        sigma = float(rng.uniform(0.2, 0.035 * height_px + 0.35))
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), sigma), dtype=np.float32)
    paper = rng.uniform(90, 255)
    contrast = rng.uniform(0.25, 1.0) * paper
    light = paper + _shading(small.shape, rng) * (0.0 if rng.random() < 0.4 else 0.35 * contrast)
    grain = rng.uniform(0.0, 0.07) if rng.random() < 0.8 else rng.uniform(0.07, 0.22)  # beside the contrast
    noise = rng.normal(0.0, grain * contrast, small.shape)
    picture = np.clip(light - contrast * small + noise, 0.0, 255.0).astype(np.uint8)
    return np.asarray(255 - picture if rng.random() < 0.3 else picture, dtype=np.uint8)


def _framed(ink: Ink, rng: np.random.Generator) -> Ink:
    """Cut to the ink with a margin of its own on each side, from almost none to half the character.

    At times with a ruled line at the bottom.
    """
    rows, columns = np.nonzero(ink.max(axis=1) > 0.2)[0], np.nonzero(ink.max(axis=0) > 0.2)[0]
    if len(rows) == 0:
        return ink
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longest = max(tight.shape)
    margins = [round(float(m)) for m in rng.uniform(0.08, rng.choice([0.15, 0.5]), 4) * longest]
    framed = np.pad(tight, ((margins[0] + 2, margins[1] + 2), (margins[2] + 2, margins[3] + 2)))
    if rng.random() < 0.04:
        framed[-2:, :] = np.float32(rng.uniform(0.3, 1.0))
    return framed


def _shading(shape: tuple[int, ...], rng: np.random.Generator) -> Ink:
    """A smooth change of light over the picture, about [-1, 1]: (H, W)."""
    coarse = rng.normal(0.0, 0.4, (2, 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _junk(fonts: Fonts, rng: np.random.Generator) -> Ink:
    """What is no single character: a joined pair, a piece of one, punctuation, a scribble or noise."""
    kind = rng.random()
    groups = fonts.printed if rng.random() < 0.5 or not fonts.handwritten else fonts.handwritten
    face = pick(pick(groups, rng), rng)
    if kind < 0.55:
        letters = "".join(ALPHABET[int(i)] for i in rng.integers(0, len(ALPHABET), int(rng.integers(2, 4))))
        return bent(rendered(face, letters), rng, strength=0.6)
    if kind < 0.68:
        return _piece(rendered(face, ALPHABET[int(rng.integers(len(ALPHABET)))]), rng)
    if kind < 0.82:
        return bent(rendered(face, PUNCTUATION[int(rng.integers(len(PUNCTUATION)))]), rng, strength=0.5)
    if kind < 0.95:
        return _scribble(rng)
    coarse = int(rng.integers(6, 24))
    blotches = cv2.resize(rng.random((coarse, coarse)).astype(np.float32), (FRAME_PX, FRAME_PX))
    return np.asarray(blotches > rng.uniform(0.4, 0.7), dtype=np.float32)


def _piece(ink: Ink, rng: np.random.Generator) -> Ink:
    """Part of a character, as a wrong cut leaves it: 30 to 60 % of its width or height."""
    rows, columns = np.nonzero(ink.max(axis=1) > 0.2)[0], np.nonzero(ink.max(axis=0) > 0.2)[0]
    if len(rows) < 8 or len(columns) < 8:
        return ink
    piece = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    axis = int(rng.integers(2))
    length = max(3, int(piece.shape[axis] * rng.uniform(0.3, 0.6)))
    start = int(rng.integers(piece.shape[axis] - length + 1))
    piece = piece[start : start + length] if axis == 0 else piece[:, start : start + length]
    return np.pad(piece, 16)


def _scribble(rng: np.random.Generator) -> Ink:
    """A random walk of the pen: (96, 96)."""
    knots = rng.uniform(18, 78, (int(rng.integers(5, 14)), 2))
    at = np.linspace(0, len(knots) - 1, 12 * len(knots))
    path = np.stack([np.interp(at, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], axis=1)
    path = np.asarray(cv2.GaussianBlur(path, (1, 9), 0), dtype=np.float64)
    canvas = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.polylines(canvas, [np.round(path * 16).astype(np.int32).reshape(-1, 1, 2)], False, 255,
                  int(rng.integers(2, 8)), cv2.LINE_AA, 4)  # fmt: skip
    return canvas.astype(np.float32) / np.float32(255.0)


def make_set(
    fonts: Fonts, mix: Mix, *, seed: int, first: int, count: int, progress: Callable[[int], None] = lambda _: None
) -> tuple[Picture, NDArray[np.int64]]:
    """Samples `first` to `first + count`: uint8 (count, 28, 28), classes (count,). `progress` gets the number done."""
    images = np.zeros((count, 28, 28), np.uint8)
    labels = np.zeros(count, np.int64)
    for at in range(count):
        images[at], labels[at] = sample(fonts, mix, seed, first + at)
        progress(at + 1)
    return images, labels
