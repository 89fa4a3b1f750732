"""A line of a letter in a handwriting font, written word by word: joined where the font joins, on a baseline that
wanders, with a pen that presses now more and now less, crossed by what is written above and below, at times ruled or
with the other side of the sheet seen through.

Unlike typesetting.py, which places letters one by one, this keeps a word in one piece: HarfBuzz shapes it, so that
letters join as the font's designer drew them. The strip has the measures of typesetting.py. Lengths are its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.drawing.fonts import Face
from training.drawing.typesetting import LETTERS_PX, SIDE_PX, STRIP_PX, Ink, TypesetLine, moved, pressed

_SAMPLE = "bdfhklHTgpqyj"
_MISSING = "\uffff"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is written above and below a line and on the back of the sheet; "" where nothing is."""

    above: str = ""
    below: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class _Pen:
    """How a line is written. `drift` is by how much each word leaves the baseline of the one before it."""

    size: float
    word_space: float
    drift: float
    stretch: float
    slant: float
    weight: int
    pitch: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Pen:
        return cls(
            size=float(rng.uniform(0.85, 1.15)),
            word_space=float(rng.uniform(0.7, 2.2)),
            drift=float(rng.uniform(0.0, 1.4)),
            stretch=float(np.exp(rng.normal(0.0, 0.22))),
            slant=float(rng.normal(0.0, 0.16)),
            weight=int(rng.choice((-1, 0, 0, 0, 1, 1, 2))),
            pitch=float(rng.uniform(0.6, 1.25)) * LETTERS_PX,
        )


def written_line(text: str, around: Neighbours, face: Face, rng: np.random.Generator) -> TypesetLine:
    """`text` in a hand, with its neighbours in the same one."""
    pen = _Pen.drawn(rng)
    own = _strip(text, face, pen, rng)
    top, bottom = _own_rows(own, rng)
    ink = _pressed_unevenly(own, rng)
    for neighbour, direction in ((around.above, -1), (around.below, 1)):
        if neighbour:
            other = moved(_strip(neighbour, face, pen, rng), own.shape[1], direction * pen.pitch, rng)
            ink = np.maximum(ink, other)
    if around.behind:
        back = moved(_strip(around.behind, face, pen, rng)[:, ::-1], own.shape[1], float(rng.uniform(-24, 24)), rng)
        ink = np.maximum(ink, (back * rng.uniform(0.1, 0.4)).astype(np.uint8))
    if rng.random() < 0.12:
        row = min(STRIP_PX - 2, (STRIP_PX - LETTERS_PX) // 2 + int(rng.uniform(0.6, 1.1) * LETTERS_PX))
        ink[row : row + int(rng.integers(1, 3))] = np.maximum(ink[row], np.uint8(rng.integers(40, 160)))
    return TypesetLine(ink, top, bottom, text, handwritten=True)


@lru_cache(maxsize=1024)
def characters_of(face: Face) -> frozenset[str]:
    """The printable characters of ASCII that the face draws."""
    font = _font(face, 1.0)[0]
    missing = bytes(font.getmask(_MISSING))
    drawn = (chr(code) for code in range(0x21, 0x7F))
    return frozenset(" ") | {c for c in drawn if bytes(mask := font.getmask(c)) not in (missing, b"") and any(mask)}


@lru_cache(maxsize=4096)
def _font(face: Face, size: float) -> tuple[ImageFont.FreeTypeFont, int]:
    """The face, its letters `size` times LETTERS_PX high, and the baseline's place below their top."""
    trial = ImageFont.truetype(str(face.path), 64, index=face.index)
    _, top, _, bottom = trial.getbbox(_SAMPLE, anchor="ls")
    font = ImageFont.truetype(str(face.path), max(8, round(64 * size * LETTERS_PX / max(bottom - top, 1))))
    return font, round(-font.getbbox(_SAMPLE, anchor="ls")[1])


def _strip(text: str, face: Face, pen: _Pen, rng: np.random.Generator) -> Ink:
    """The ink of one line alone: (SHEET_PX, W)."""
    font, rise = _font(face, round(pen.size, 1))
    words = text.split(" ")
    space = max(5.0, pen.word_space * float(font.getlength(" ")))
    spaces = space * np.exp(rng.normal(0.0, 0.2, len(words)))
    places = SIDE_PX + np.concatenate([[0.0], np.cumsum([font.getlength(word) for word in words] + spaces)])
    baseline = (STRIP_PX - LETTERS_PX) // 2 + rise + np.clip(np.cumsum(rng.normal(0.0, pen.drift, len(words))), -4, 4)
    canvas = Image.new("L", (int(places[-1] - spaces[-1]) + SIDE_PX, STRIP_PX), 0)
    draw = ImageDraw.Draw(canvas)
    for word, x, y in zip(words, places, baseline, strict=False):
        draw.text((x, y), word, fill=255, font=font, anchor="ls")
    return pressed(np.array(canvas), pen.weight, pen.stretch, pen.slant)


def _own_rows(own: Ink, rng: np.random.Generator) -> tuple[int, int]:
    """The rows that a line finder takes for the line: all with ink, or without the ends of a few long strokes."""
    rows = own.sum(axis=1, dtype=np.float64)
    if not rows.any():
        return STRIP_PX // 4, 3 * STRIP_PX // 4
    cut = float(rng.uniform(0.0, 0.05)) if rng.random() < 0.6 else 0.0
    share = np.cumsum(rows) / rows.sum()
    top, bottom = int(np.searchsorted(share, max(cut, 1e-9))), int(np.searchsorted(share, 1.0 - cut - 1e-9)) + 1
    return top, min(STRIP_PX, max(bottom, top + 8))


def _pressed_unevenly(ink: Ink, rng: np.random.Generator) -> Ink:
    """Strokes that are darker and lighter along the line, as a dipped pen writes."""
    if rng.random() < 0.5:
        return ink
    coarse = rng.uniform(rng.uniform(0.35, 0.8), 1.0, (2, max(2, ink.shape[1] // 40))).astype(np.float32)
    strength = cv2.resize(coarse, (ink.shape[1], STRIP_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(ink * strength, dtype=np.uint8)
