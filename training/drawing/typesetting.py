"""A line of text set in a font: its ink, with pieces of the lines above and below it.

The strip is SHEET_PX high. The letters, from the top of the highest to the foot of the lowest that the face has,
take LETTERS_PX in its middle; what is left above and below shows the neighbours, so that a crop of any margin can be
cut. Lengths are pixels of that strip. The hand, the machine and the press are here (spacing, letters that dance,
weak and fat strokes, underlining); paper, camera and scanner are in training/lines/degradation.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.drawing.fonts import Face, by_design
from training.drawing.glyphs import is_unicase

STRIP_PX = 72
LETTERS_PX = 38
SIDE_PX = 24
"""Paper to the left and right of the text."""
_TRIES = 400

Ink = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class TypesetLine:
    """A line as it was set: ink uint8 (SHEET_PX, W), 255 = ink; the rows top <= y < bottom hold its own letters."""

    ink: Ink
    top: int
    bottom: int
    text: str
    handwritten: bool


@dataclass(frozen=True, slots=True)
class FontSampler:
    """Faces grouped by what they imitate, and within it by design."""

    groups: tuple[tuple[tuple[Face, ...], ...], ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, faces: Sequence[Face]) -> FontSampler:
        """Book types 34 %, typewriters and tills 24 %, other print 24 %, handwriting 18 %, of those that are there."""
        kinds = (
            [face for face in faces if face.bookish and not face.handwritten],
            [face for face in faces if face.typewritten and not face.handwritten],
            [face for face in faces if not (face.bookish or face.typewritten or face.handwritten)],
            [face for face in faces if face.handwritten],
        )
        present = [
            (by_design(kind), share) for kind, share in zip(kinds, (0.34, 0.24, 0.24, 0.18), strict=True) if kind
        ]
        total = sum(share for _, share in present)
        return cls(tuple(group for group, _ in present), tuple(share / total for _, share in present))

    def sample(self, text: str, rng: np.random.Generator) -> Face:
        """A face at random that has all characters of `text`. Raises ValueError when none was found."""
        wanted = set(text) - {" "}
        for _ in range(_TRIES):
            face = self._any(rng)
            if wanted <= face.characters:
                return face
        raise ValueError(f"no font was found that has all of {text!r}: install those of training/drawing/fonts.py")

    def _any(self, rng: np.random.Generator) -> Face:
        designs = self.groups[int(rng.choice(len(self.groups), p=self.shares))]
        design = designs[int(rng.integers(len(designs)))]
        face = design[int(rng.integers(len(design)))]
        if re.search("Ital|Obli|Bold|Slant|-(BI?|I)\\.", face.path.name) and rng.random() < 0.5:  # most text is plain
            face = design[int(rng.integers(len(design)))]
        return face


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How a line is set. Lengths are pixels; `shake` is by how much letters leave the baseline, one by one."""

    spacing: float
    word_spacing: float
    shake: float
    weakness: float
    stretch: float
    slant: float
    weight: int
    pitch: float

    @classmethod
    def sample(cls, face: Face, rng: np.random.Generator) -> LineStyle:
        typed, hand = face.typewritten, face.handwritten
        return cls(
            spacing=float(rng.normal(0.0, 0.9)) if rng.random() < 0.5 else 0.0,
            word_spacing=float(abs(rng.normal(0.0, 5.0))) if rng.random() < 0.4 else 0.0,
            shake=float(rng.uniform(0.0, 1.6)) if rng.random() < (0.7 if typed or hand else 0.05) else 0.0,
            weakness=float(rng.uniform(0.0, 0.5)) if rng.random() < (0.5 if typed else 0.1) else 0.0,
            stretch=float(np.exp(rng.normal(0.0, 0.14))),
            slant=float(rng.normal(0.0, 0.18)) if hand else float(rng.normal(0.0, 0.03)),
            weight=int(rng.choice((-1, 0, 0, 0, 0, 0, 1, 2))),
            pitch=float(rng.uniform(0.86, 1.35)) * LETTERS_PX,
        )


def typeset_line(text: str, above: str, below: str, fonts: FontSampler, rng: np.random.Generator) -> TypesetLine:
    """`text` in a face at random, with `above` and `below` at a line's distance; "" leaves them out, and so does a face
    that has not all their characters.

    Raises ValueError when no face has all characters of `text`.
    """
    face = fonts.sample(text, rng)
    if is_unicase(face):
        text = _in_capitals(text)
    style = LineStyle.sample(face, rng)
    own = _strip(text, face, style, rng)
    rows = np.flatnonzero(own.max(axis=1) > 60)
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (STRIP_PX // 4, 3 * STRIP_PX // 4)
    if rng.random() < 0.04:
        _underline(own, bottom, rng)
    ink = own
    for neighbour, direction in ((above, -1), (below, 1)):
        if neighbour and face.characters.issuperset(neighbour.replace(" ", "")):
            ink = np.maximum(
                ink, moved(_strip(neighbour, face, style, rng), own.shape[1], direction * style.pitch, rng)
            )
    return TypesetLine(ink, top, bottom, text, face.handwritten)


def _in_capitals(text: str) -> str:
    """The Latin letters of `text` as capitals, where one letter is the capital of it."""
    return "".join(
        letter.upper()
        if unicodedata.name(letter, "").startswith("LATIN") and letter.upper().lower() == letter
        else letter
        for letter in text
    )


@lru_cache(maxsize=4096)
def _font(face: Face) -> tuple[ImageFont.FreeTypeFont, int]:
    """The face at the size at which its letters take LETTERS_PX, and the baseline's place below their top."""
    sample = "bdfhklHTgpqyj()"
    trial = ImageFont.truetype(str(face.path), 64, index=face.index, layout_engine=ImageFont.Layout.BASIC)
    _, top, _, bottom = trial.getbbox(sample, anchor="ls")
    size = max(8, round(64 * LETTERS_PX / max(bottom - top, 1)))
    font = ImageFont.truetype(str(face.path), size, index=face.index, layout_engine=ImageFont.Layout.BASIC)
    return font, round(-font.getbbox(sample, anchor="ls")[1])


@lru_cache(maxsize=60_000)
def _advance(face: Face, character: str) -> float:
    return float(_font(face)[0].getlength(character))


def _strip(text: str, face: Face, style: LineStyle, rng: np.random.Generator) -> Ink:
    """The ink of one line alone: (SHEET_PX, W)."""
    font, rise = _font(face)
    advances = np.array([_advance(face, character) + style.spacing for character in text])
    advances[[character == " " for character in text]] += style.word_spacing
    places = np.concatenate([[0.0], np.cumsum(np.maximum(advances, 1.0))])
    canvas = Image.new("L", (int(places[-1]) + 2 * SIDE_PX, STRIP_PX), 0)
    pen = ImageDraw.Draw(canvas)
    baseline = (STRIP_PX - LETTERS_PX) // 2 + rise
    if style.shake or style.weakness or style.spacing or style.word_spacing:
        drops = rng.normal(0.0, style.shake, len(text))
        fills = 255 - (rng.random(len(text)) * style.weakness * 255).astype(int)
        for character, place, drop, fill in zip(text, places[:-1], drops, fills, strict=True):
            if character != " ":
                pen.text((SIDE_PX + place, baseline + drop), character, fill=int(fill), font=font, anchor="ls")
    else:
        pen.text((SIDE_PX, baseline), text, fill=255, font=font, anchor="ls")
    return pressed(np.array(canvas), style.weight, style.stretch, style.slant)


def pressed(ink: Ink, weight: int, stretch: float, slant: float) -> Ink:
    """Fatter or thinner, stretched and slanted about the middle of the strip."""
    if weight:
        kernel = np.ones((2, 2 if weight < 2 else 3), np.uint8)
        changed = cv2.dilate(ink, kernel) if weight > 0 else cv2.erode(ink, kernel)
        ink = np.asarray(changed if changed.sum() > 0.35 * ink.sum() else ink, dtype=np.uint8)
    width = max(16, round(ink.shape[1] * stretch))
    shift = slant * STRIP_PX / 2
    matrix = np.array([[stretch, -slant, shift], [0.0, 1.0, 0.0]])
    return np.asarray(cv2.warpAffine(ink, matrix, (width, STRIP_PX), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _underline(ink: Ink, bottom: int, rng: np.random.Generator) -> None:
    y = min(STRIP_PX - 2, bottom + int(rng.integers(-3, 5)))
    cv2.line(ink, (SIDE_PX, y), (ink.shape[1] - SIDE_PX, y + int(rng.integers(-1, 2))), 255, int(rng.integers(1, 3)))


def moved(ink: Ink, width: int, down: float, rng: np.random.Generator) -> Ink:
    """A neighbour's ink moved down (up when negative) and along, cut or filled to `width`."""
    along = float(rng.uniform(-0.3, 0.1)) * width if rng.random() < 0.5 else 0.0
    matrix = np.array([[1.0, 0.0, along], [0.0, 1.0, down]])
    return np.asarray(cv2.warpAffine(ink, matrix, (width, STRIP_PX), flags=cv2.INTER_NEAREST), dtype=np.uint8)
