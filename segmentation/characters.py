"""Words and characters of one upright line: connected ink, joined where a glyph has parts, cut where glyphs touch.

Works on print and on typewriting, dark on light or light on dark. Joined handwriting has no characters to find this
way: it is told by its long connected strokes, and then no character boxes are given rather than wrong ones. Lengths
are pixels of the crop; "height" without more is the typical height of a component (the x-height of lower case, the cap
height of capitals and digits). Nothing here knows what the characters are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.geometry import Box
from ocr.image import Pixels
from segmentation.ink import Mask, gray, ink_mask

_WORKING_HEIGHT_PX = 48  # taller crops are reduced: boxes stay exact to a pixel or two, and the cost stays low

# In units of the typical height, unless said otherwise.
_SPECK = 0.12  # components smaller than this on both sides are dirt
# The mean length of components, each weighted by its length, above which writing is joined. It is below 1.67 for 99 %
# of typed and printed lines of 8 characters and more (n = 568), and above it for 90 % of cursive ones (n = 127).
_JOINED_LENGTH = 1.75
_TOUCHING = 1.9  # components longer than this are cut: an m or a W is not
_THIN_GAP = 0.15  # between two glyphs of a word
_RULE = 6.0  # flat components longer than this are underlines
_PART_OVERLAP = 0.45  # of the narrower part's width that two parts of one glyph share
_MIN_CORE = 0.25  # part of the crop's height that the typical component has at least


@dataclass(frozen=True, slots=True)
class Separation:
    """The words of a line and its characters, from left to right; no characters for joined writing."""

    words: tuple[Box, ...] = ()
    characters: tuple[Box, ...] = ()


Span = tuple[int, int, int, int]
"""left, top, right, bottom: half-open, in working pixels."""


def separate(line: Pixels) -> Separation:
    """The words and the characters of an upright line, RGB uint8 (H, W, 3), as boxes in its pixels."""
    ink = _working_ink(line)
    glyphs, height = writing(ink)
    if not glyphs:
        return Separation()
    joined = _hangs_together(glyphs, height)
    if not joined:
        usual = _usual_width(glyphs, height)
        glyphs = [piece for glyph in glyphs for piece in _cut(ink, glyph, height, usual)]
    words = _words(glyphs, height)
    to_crop = _Scaling(line.shape[1] / ink.shape[1], line.shape[0] / ink.shape[0], line.shape[1], line.shape[0])
    return Separation(to_crop.boxes(words), () if joined else to_crop.boxes(glyphs))


def is_joined(line: Pixels) -> bool:
    """Whether a line, RGB uint8 (H, W, 3), is joined handwriting."""
    glyphs, height = writing(_working_ink(line))
    return bool(glyphs) and _hangs_together(glyphs, height)


def _working_ink(line: Pixels) -> Mask:
    """The ink of a line, reduced to the working height if it is taller."""
    luma = gray(line)
    if luma.shape[0] > _WORKING_HEIGHT_PX:
        size = max(1, round(luma.shape[1] * _WORKING_HEIGHT_PX / luma.shape[0])), _WORKING_HEIGHT_PX
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return ink_mask(luma)


def writing(ink: Mask) -> tuple[list[Span], float]:
    """The glyphs of a line from left to right, before any is cut, and the typical height."""
    parts = _components(ink)
    height = _typical_height(parts, ink.shape[0])
    return _glyphs([part for part in parts if _is_writing(part, height, ink.shape[0])], height), height


@dataclass(frozen=True, slots=True)
class _Scaling:
    """From working pixels to pixels of the crop."""

    x: float
    y: float
    width_px: int
    height_px: int

    def boxes(self, spans: Sequence[Span]) -> tuple[Box, ...]:
        return tuple(
            Box(
                int(left * self.x),
                int(top * self.y),
                min(self.width_px, max(int(left * self.x) + 1, round(right * self.x))),
                min(self.height_px, max(int(top * self.y) + 1, round(bottom * self.y))),
            )
            for left, top, right, bottom in spans
        )


def _components(ink: Mask) -> list[Span]:
    """The connected components of `ink` (H, W)."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return [(x, y, x + width, y + height) for x, y, width, height in stats[1:, :4].tolist()]


def _typical_height(parts: Sequence[Span], crop_height: int) -> float:
    """The median height of the components that are large enough to be letters."""
    tall = [bottom - top for _, top, _, bottom in parts if bottom - top >= _MIN_CORE * crop_height]
    return float(np.median(tall)) if tall else max(1.0, 0.5 * crop_height)


def _is_writing(part: Span, height: float, crop_height: int) -> bool:
    """Not a speck, not an underline, not what hangs in from the line above or stands up from the line below."""
    left, top, right, bottom = part
    wide, tall = right - left, bottom - top
    if max(wide, tall) < max(2.0, _SPECK * height):
        return False
    if tall <= 0.35 * height and wide > _RULE * height:
        return False
    at_border = top == 0 or bottom == crop_height
    return not (at_border and tall < 0.5 * height)


def _glyphs(parts: Sequence[Span], height: float) -> list[Span]:
    """Parts above each other are one glyph: i, j, :, ;, =, %, accents; so are the strokes of a quotation mark."""
    glyphs: list[Span] = []
    for part in sorted(parts):
        if glyphs and _are_one(glyphs[-1], part, height):
            glyphs[-1] = _union(glyphs[-1], part)
        else:
            glyphs.append(part)
    return glyphs


def _are_one(left: Span, right: Span, height: float) -> bool:
    narrower = min(left[2] - left[0], right[2] - right[0])
    shared = min(left[2], right[2]) - max(left[0], right[0])
    if shared >= _PART_OVERLAP * narrower:
        return True
    return (
        _is_tick(left, height) and _is_tick(right, height) and _at_one_height(left, right) and -shared < 0.35 * height
    )


def _is_tick(part: Span, height: float) -> bool:
    """One stroke of a quotation mark: short and narrow."""
    return 0.2 * height <= part[3] - part[1] <= 0.7 * height and part[2] - part[0] <= 0.4 * height


def _at_one_height(left: Span, right: Span) -> bool:
    taller = max(left[3] - left[1], right[3] - right[1])
    return abs(left[1] - right[1]) <= 0.25 * taller and abs(left[3] - right[3]) <= 0.25 * taller


def _union(first: Span, second: Span) -> Span:
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )


def _hangs_together(glyphs: Sequence[Span], height: float) -> bool:
    """Whether the writing hangs together in strokes much longer than high."""
    lengths = np.array([right - left for left, _, right, _ in glyphs])
    return bool((lengths**2).sum() > _JOINED_LENGTH * height * lengths.sum())


def _usual_width(glyphs: Sequence[Span], height: float) -> float:
    """The median width of the glyphs that are neither points nor too long for one, with a thin gap."""
    lengths = [right - left for left, _, right, _ in glyphs if 0.4 * height <= right - left <= _TOUCHING * height]
    return float(np.median(lengths)) + _THIN_GAP * height if lengths else 0.9 * height


def _cut(ink: Mask, glyph: Span, height: float, usual_width: float) -> list[Span]:
    """Cut a component that is too long for one glyph where its columns have the least ink."""
    left, top, right, bottom = glyph
    if right - left <= _TOUCHING * height:
        return [glyph]
    columns = np.count_nonzero(ink[top:bottom, left:right], axis=0)  # (W,)
    pieces = max(2, round((right - left) / usual_width))
    cuts = _valleys(columns, pieces, max(2, int(0.35 * height)))
    edges = [0, *cuts, right - left]
    return [_tight(ink, (left + start, top, left + stop, bottom)) for start, stop in pairwise(edges)]


def _valleys(columns: NDArray[np.intp], pieces: int, min_width: int) -> list[int]:
    """Up to `pieces` - 1 columns with the least ink, `min_width` apart and from the ends; only where ink is thin."""
    smooth = np.convolve(columns, (0.25, 0.5, 0.25), mode="same")
    thin = 0.5 * float(np.percentile(columns, 75))
    free = np.zeros(len(smooth), dtype=np.bool_)
    free[min_width : len(columns) - min_width + 1] = True
    cuts: list[int] = []
    for column in np.argsort(smooth, kind="stable").tolist():
        if len(cuts) == pieces - 1 or smooth[column] > thin:
            break
        if free[column]:
            cuts.append(column)
            free[max(0, column - min_width + 1) : column + min_width] = False
    return sorted(cuts)


def _tight(ink: Mask, span: Span) -> Span:
    """The span without empty rows above and below."""
    left, top, right, bottom = span
    rows = np.flatnonzero(ink[top:bottom, left:right].any(axis=1))
    return (left, top + int(rows[0]), right, top + int(rows[-1]) + 1) if len(rows) else span


def _words(glyphs: Sequence[Span], height: float) -> list[Span]:
    """Glyphs between two wide gaps."""
    gaps = [right[0] - left[2] for left, right in pairwise(glyphs)]
    limit = _word_gap(np.array(gaps, dtype=np.float64), height)
    words = [glyphs[0]]
    for gap, glyph in zip(gaps, glyphs[1:], strict=True):
        if gap > limit:
            words.append(glyph)
        else:
            words[-1] = _union(words[-1], glyph)
    return words


def _word_gap(gaps: NDArray[np.float64], height: float) -> float:
    """The gap above which a new word begins: Otsu's threshold on the gaps, kept within what print has."""
    low, high = 0.3 * height, 0.75 * height
    candidates = np.linspace(low, high, 10)
    best, limit = -1.0, 0.45 * height
    for candidate in candidates:
        wide = gaps > candidate
        share = wide.mean() if len(gaps) else 0.0
        if 0.0 < share < 1.0:
            between = float(share * (1 - share) * (gaps[wide].mean() - gaps[~wide].mean()) ** 2)
            if between > best:
                best, limit = between, float(candidate)
    return limit
