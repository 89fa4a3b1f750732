"""What paper, camera and scanner make of a line's ink, and the crop that a detector cuts: grey strips, INPUT_PX high
unless told.

`photographed` takes the ink of typesetting.py all the way; `augmented` varies a true line, whose paper and camera
are its own. Both end at the size that the network reads. Grain and textures are cut from pools made once: drawing
them anew would cost more than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.drawing.typesetting import LETTERS_PX, SIDE_PX, STRIP_PX, Ink, TypesetLine

INPUT_PX = 32
LEAST_CHARACTER_PX = 6
"""No line is squeezed further: CTC takes a column of 4 px for each character, and one between twins."""
WIDE_MARGINS = 0.12
"""The share of lines that are cut with much paper above or below: letterheads, stamps, small type in tall crops."""

ACCENTED_PX = 22.0
"""The strip of a line with accents or marks beyond ASCII is scanned at no fewer rows."""

Grey = NDArray[np.uint8]
Strip = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Room:
    """How many pixels of a picture lie around what it is a picture of."""

    above: int
    below: int
    left: int
    right: int

    def inside(self, picture: Grey) -> Grey:
        """The picture without them."""
        height, width = picture.shape
        return picture[self.above : height - self.below, self.left : width - self.right]

    def scaled(self, scale: float) -> Room:
        """The same of a picture that is so many times as large."""
        return Room(*(round(scale * side) for side in (self.above, self.below, self.left, self.right)))


NO_ROOM = Room(0, 0, 0, 0)


def photographed(line: TypesetLine, rng: np.random.Generator, height_px: int = INPUT_PX) -> Grey:
    """The line as a detector cuts it from a page: grey uint8 (height_px, W)."""
    ink = _bent(line.ink, rng) if rng.random() < 0.55 else line.ink
    if line.handwritten and rng.random() < 0.6:
        ink = _written_unevenly(ink, rng)
    strip = _cut(ink, line, rng).astype(np.float32) / np.float32(255.0)
    strip = _scanned(_inked(strip, rng), line, rng)
    picture = _on_paper(strip, rng)
    if rng.random() < 0.3:
        picture = _jpeg(picture, int(rng.integers(15, 85)))
    if rng.random() < 0.08:
        picture = _binary(picture, rng)
    if rng.random() < WIDE_MARGINS:
        picture = _with_room(picture, rng)
    return resized(picture, _final_width(picture, line.text, height_px), height_px)


@dataclass(frozen=True, slots=True)
class Variety:
    """How much true lines are varied: standard deviations of margins (heights), slant and stretch, the most that
    letters are pushed about (heights), and how often a line is cut with much of what is above and below it.
    """

    margin: float
    slant: float
    stretch: float
    push: float
    wide: float


PRINT = Variety(margin=0.05, slant=0.09, stretch=0.1, push=0.07, wide=0.0)
HAND = Variety(margin=0.07, slant=0.2, stretch=0.22, push=0.1, wide=0.25)


def augmented(
    picture: Grey,
    text: str,
    rng: np.random.Generator,
    *,
    room: Room = NO_ROOM,
    by_hand: bool = False,
    height_px: int = INPUT_PX,
) -> Grey:
    """A true line varied: cut a little differently, turned, stretched, in other light: (height_px, W).

    The line itself lies within `room` of the picture's edges; what is around it comes into a crop that is cut wide.
    Lines written by hand are varied more, as hands vary.
    """
    variety = HAND if by_hand else PRINT
    if rng.random() < WIDE_MARGINS:
        picture, room = _with_room(room.inside(picture), rng), NO_ROOM
    height, width = picture.shape[0] - room.above - room.below, picture.shape[1] - room.left - room.right
    margins = rng.normal(0.0, variety.margin, 4) * height
    if variety.wide and rng.random() < variety.wide:
        margins[:2] -= rng.uniform(0.0, 0.35, 2) * height
    turn = rng.normal(0.0, 0.006) * min(1.0, 8.0 * height / width)
    slant, stretch = rng.normal(0.0, variety.slant), float(np.exp(rng.normal(0.0, variety.stretch)))
    top, bottom = room.above + margins[0], room.above + height - margins[1]
    leant = abs(slant) * height / 2  # what is slanted anew takes more room
    left, right = room.left + margins[2] * 2 - leant, room.left + width - margins[3] * 2 + leant
    scale = height_px / max(8.0, bottom - top)
    target = max(8, round(max((right - left) * scale * stretch, LEAST_CHARACTER_PX * len(text))))
    across = target / max(8.0, right - left)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    matrix = np.array([[across, slant * across, 0.0], [turn * scale, scale, 0.0]])
    matrix[:, 2] = [target / 2, height_px / 2] - matrix[:, :2] @ [middle_x, middle_y]
    if height > 3 * height_px or (height > 1.3 * height_px and rng.random() < 0.5):  # serving shrinks both ways
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.35 * height / height_px), dtype=np.uint8)
    back = cv2.invertAffineTransform(matrix).astype(np.float32)
    x, y = np.meshgrid(np.arange(target, dtype=np.float32), np.arange(height_px, dtype=np.float32))
    if rng.random() < 0.5:
        along, down = _uneven(x.shape, height_px * float(rng.uniform(0.01, variety.push)), rng)
        x, y = x + along, y + down
    from_x, from_y = (back[row, 0] * x + back[row, 1] * y + back[row, 2] for row in range(2))
    turned = cv2.remap(picture, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    strip = np.asarray(turned, dtype=np.float32)
    return _relit(_rewritten(strip, rng) if by_hand else strip, rng)


def _rewritten(strip: Strip, rng: np.random.Generator) -> Strip:
    """The line with another pen, faded by places, ruled, or with another line seen through the paper."""
    kind = rng.random()
    if kind < 0.15:
        kernel = np.ones((2, 2) if rng.random() < 0.5 else (2, 1), np.uint8)
        strip = np.asarray(cv2.erode(strip, kernel) if rng.random() < 0.5 else cv2.dilate(strip, kernel), np.float32)
    elif kind < 0.30:
        paper = np.float32(np.percentile(strip, 85))
        strength = np.clip(0.8 + rng.uniform(0.1, 0.5) * _cloud(strip.shape, int(rng.integers(12, 60)), rng), 0.25, 1.0)
        strip = paper - (paper - strip) * strength
    elif kind < 0.40:
        paper = np.float32(np.percentile(strip, 85))
        behind = cv2.GaussianBlur(strip[:, ::-1], (0, 0), 1.0)
        strip = strip - np.float32(rng.uniform(0.1, 0.45)) * np.maximum(paper - behind, 0.0)
    elif kind < 0.48:
        row = int(rng.integers(strip.shape[0]))
        strip = strip.copy()
        strip[row : row + int(rng.integers(1, 3))] -= np.float32(rng.uniform(10.0, 70.0))
    return np.asarray(strip, dtype=np.float32)


def _with_room(picture: Grey, rng: np.random.Generator) -> Grey:
    """More paper above and below, up to the height of the picture in all: its edges, blurred along the line."""
    height, width = picture.shape
    blank = [
        np.repeat(cv2.blur(edge, (1 + width // 3, 1), borderType=cv2.BORDER_REPLICATE), int(side * height), axis=0)
        for edge, side in zip((picture[:1], picture[-1:]), rng.uniform(0.0, 0.5, 2), strict=True)
    ]
    return np.concatenate([blank[0], picture, blank[1]])


def _uneven(shape: tuple[int, int], by_px: float, rng: np.random.Generator) -> tuple[Strip, Strip]:
    """By how much each pixel of a strip (H, W) is moved along and down: hills as wide as the strip is high."""
    height = shape[0]
    along, down = (np.float32(by_px) * _cloud(shape, height, rng) for _ in range(2))
    return along, down


def resized(picture: Grey, width_px: int, height_px: int = INPUT_PX) -> Grey:
    """The picture at the network's height and `width_px`, with the interpolation that EasyOCR takes."""
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _final_width(picture: Grey, text: str, height_px: int) -> int:
    height, width = picture.shape
    return max(LEAST_CHARACTER_PX * (len(text) + 1), int(width * height_px / height))


def _bent(ink: Ink, rng: np.random.Generator) -> Ink:
    """A remaining skew and a wave of the baseline."""
    width = ink.shape[1]
    tilt = float(rng.normal(0.0, 2.2))
    wave, phase = abs(float(rng.normal(0.0, 1.3))), float(rng.uniform(0.0, 2 * np.pi))
    length = float(rng.uniform(0.5, 3.0)) * max(width, 200)
    x = np.arange(width, dtype=np.float32)
    drop = tilt * (x / width - 0.5) * min(2.0, width / 200) + wave * np.sin(2 * np.pi * x / length + phase)
    map_x = np.broadcast_to(x, ink.shape).astype(np.float32)
    map_y = (np.arange(STRIP_PX, dtype=np.float32)[:, None] + drop[None]).astype(np.float32)
    return np.asarray(cv2.remap(ink, map_x, map_y, cv2.INTER_LINEAR), dtype=np.uint8)


def _written_unevenly(ink: Ink, rng: np.random.Generator) -> Ink:
    """Slanted anew, letters pushed about: a font repeats each letter exactly, no hand does."""
    height, width = ink.shape
    along, down = _uneven((height, width), float(rng.uniform(0.5, 4.0)), rng)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    slant = np.float32(rng.normal(0.12, 0.2))
    return np.asarray(cv2.remap(ink, x + along + slant * (y - height / 2), y + down, cv2.INTER_LINEAR), dtype=np.uint8)


def _cut(ink: Ink, line: TypesetLine, rng: np.random.Generator) -> Ink:
    """The crop: tight around the letters with a margin of its own on each side, at times a little into them."""
    above, below = (float(rng.uniform(-1.5, 16.0 if rng.random() < 0.35 else 4.0)) for _ in range(2))
    if rng.random() < 0.5:  # detectors often keep room for letters that this line does not have
        top, bottom = (STRIP_PX - LETTERS_PX) // 2, (STRIP_PX + LETTERS_PX) // 2
        top, bottom = min(top, line.top), max(bottom, line.bottom)
    else:
        top, bottom = line.top, line.bottom
    top, bottom = max(0, round(top - above)), min(STRIP_PX, round(bottom + below))
    if bottom - top < 10:
        top, bottom = max(0, top - 6), min(STRIP_PX, bottom + 6)
    left = SIDE_PX - round(float(rng.uniform(0.0, 8.0 if rng.random() < 0.7 else SIDE_PX)))
    right = ink.shape[1] - SIDE_PX + round(float(rng.uniform(0.0, 8.0 if rng.random() < 0.7 else SIDE_PX)))
    return ink[top:bottom, left : max(right, left + 8)]


def _inked(strip: Strip, rng: np.random.Generator) -> Strip:
    """Ink that spreads, fades by places, drops out in specks, or is printed in dots."""
    kind = rng.random()
    if kind < 0.14:  # spread: soft and then hard again
        soft = cv2.GaussianBlur(strip, (0, 0), float(rng.uniform(0.6, 1.6)))
        strip = np.clip((soft - rng.uniform(0.15, 0.4)) * rng.uniform(2.0, 5.0), 0.0, 1.0)
    elif kind < 0.30:  # fade
        cloud = _cloud(strip.shape, int(rng.integers(6, 30)), rng)
        strip = strip * np.clip(0.75 + rng.uniform(0.15, 0.5) * cloud, 0.15, 1.0)
    elif kind < 0.40:  # specks without ink
        strip = strip * (_grain(strip.shape, rng) < rng.uniform(0.6, 2.0))
    elif kind < 0.47:  # rows of dots, as from needle and thermal printers
        step = int(rng.integers(2, 5))
        strip = strip.copy()
        strip[int(rng.integers(step)) :: step] *= np.float32(rng.uniform(0.2, 0.8))
    return np.asarray(strip, dtype=np.float32)


def _scanned(strip: Strip, line: TypesetLine, rng: np.random.Generator) -> Strip:
    """At the resolution of a scan, from hardly readable to better than the network's, with its blur."""
    lowest, highest = (20.0, 80.0) if line.handwritten else (12.0, 56.0)
    if not line.text.isascii():  # of fewer pixels nobody could tell one accent from another
        lowest, highest = ACCENTED_PX, max(highest, 80.0)
    scale = float(np.exp(rng.uniform(np.log(lowest), np.log(highest)))) / strip.shape[0]
    scale = min(1.5, max(scale, 3.6 * len(line.text) / strip.shape[1]))
    size = max(4, round(strip.shape[1] * scale)), max(8, round(strip.shape[0] * scale))
    strip = np.asarray(cv2.resize(strip, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
    if rng.random() < 0.5:
        strip = cv2.GaussianBlur(strip, (0, 0), float(rng.uniform(0.25, 0.3 + 0.028 * strip.shape[0])))
    elif rng.random() < 0.1:
        kernel = np.full((1, 3), 1 / 3, np.float32)
        strip = cv2.filter2D(strip, -1, kernel if rng.random() < 0.5 else kernel.T)
    return np.asarray(strip, dtype=np.float32)


def _on_paper(strip: Strip, rng: np.random.Generator) -> Grey:
    """Ink on paper with its light, texture, grain and specks, at times seen through from behind or inverted."""
    paper = rng.uniform(120, 255) if rng.random() < 0.6 else rng.uniform(235, 255)
    contrast = rng.uniform(0.3, 1.0) * paper
    light = np.full(strip.shape, paper, np.float32)
    if rng.random() < 0.4:
        light += np.float32(rng.uniform(4.0, 0.25 * contrast)) * _cloud(strip.shape, 0, rng)
    if rng.random() < 0.3:
        light += np.float32(rng.uniform(2.0, 0.12 * contrast)) * _cloud(strip.shape, int(rng.integers(2, 9)), rng)
    if rng.random() < 0.06:
        light -= np.float32(rng.uniform(0.05, 0.25) * contrast) * cv2.GaussianBlur(strip[:, ::-1], (0, 0), 1.0)
    picture = light - np.float32(contrast) * strip
    if rng.random() < 0.6:
        picture = picture + np.float32(rng.uniform(0.0, 0.09) * contrast) * _grain(strip.shape, rng)
    if rng.random() < 0.1:
        specks = _grain(strip.shape, rng) > rng.uniform(2.2, 3.2)
        picture = np.where(specks, np.float32(paper - contrast if rng.random() < 0.7 else 255.0), picture)
    grey = np.clip(picture, 0.0, 255.0).astype(np.uint8)
    return 255 - grey if rng.random() < 0.07 else grey


def _relit(picture: Strip, rng: np.random.Generator) -> Grey:
    """Another contrast, another light, some blur or grain."""
    middle = float(picture.mean())
    picture = (picture - middle) * np.float32(rng.uniform(0.6, 1.25)) + np.float32(middle + rng.normal(0.0, 14.0))
    kind = rng.random()
    if kind < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 0.8)))
    elif kind < 0.45:
        picture = picture + np.float32(rng.uniform(1.0, 12.0)) * _grain(picture.shape, rng)
    elif kind < 0.55:
        picture = picture + np.float32(rng.uniform(4.0, 25.0)) * _cloud(picture.shape, 0, rng)
    grey = np.clip(picture, 0.0, 255.0).astype(np.uint8)
    return 255 - grey if rng.random() < 0.03 else grey


def _jpeg(picture: Grey, quality: int) -> Grey:
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _binary(picture: Grey, rng: np.random.Generator) -> Grey:
    """Black and white, as fax machines and old scans have it; the threshold is somewhat off."""
    threshold, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.where(picture > threshold + rng.normal(0.0, 10.0), 255, 0).astype(np.uint8)


@lru_cache(maxsize=1)
def _grain_pool() -> Strip:
    return np.random.default_rng(0).standard_normal((256, 4096), dtype=np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> Strip:
    """Normal noise of standard deviation 1, (H, W): a window of the pool, turned over at times."""
    pool = _grain_pool()
    height, width = shape[:2]
    if width > pool.shape[1]:
        return rng.standard_normal((height, width), dtype=np.float32)
    top, left = int(rng.integers(pool.shape[0] - height + 1)), int(rng.integers(pool.shape[1] - width + 1))
    window = pool[top : top + height, left : left + width]
    return window[::-1] if rng.random() < 0.5 else window


def _cloud(shape: tuple[int, ...], grain_px: int, rng: np.random.Generator) -> Strip:
    """A smooth field, about [-1, 1], (H, W), whose hills are `grain_px` wide; 0: as wide as the picture."""
    height, width = shape[:2]
    rows, columns = (2, 3) if grain_px == 0 else (max(2, height // grain_px), max(2, width // grain_px))
    coarse = rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
