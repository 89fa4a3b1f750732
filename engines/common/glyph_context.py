"""What the positions of glyphs in a line tell that a glyph alone cannot: its case, punctuation, and where words end.

A glyph that was brought to 28x28 has lost its size: o and O, s and S, p and P look alike. In a line their heights
among the neighbours part them. The line's x-height, cap height and baseline are estimated from letters that are
sure, and every candidate is scored by how well its usual top and bottom fit (a Gaussian, so that a clear shape still
outvotes an odd height). Look-alikes (0/O, 1/l/I, 5/S) lean towards what their neighbours in the word are.

Positions are crop pixels, y down. Knows no pixels and no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ocr import Box, Region

SMALL = frozenset("acemnorsuvwxz")
DESCENDING = frozenset("gpqy")
HEIGHT_SPREAD = 0.13  # of the cap height: how far tops and bottoms lie from where a type designer puts them
DIGIT_AMONG_LETTERS = 1.5  # nats against a digit beside a letter, for each such neighbour
CAPITAL_INSIDE = 2.5  # nats against a capital after a small letter
SMALL_AMONG_CAPITALS = 1.0
PUNCTUATION = ".,-'"
"""The marks that are told by their place."""
PUNCTUATION_PROBABILITY = 0.85  # 117 of 139 marks told so in typed and printed lines were right
X_HEIGHT = 0.70  # of the cap height, where a line does not tell
DESCENT = 0.28
CONFIDENT = 0.7


class Candidate(NamedTuple):
    """A character that a glyph may be, and its probability."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class LineGlyph:
    """A glyph of a line: its box, and what it may be, best first; no candidates for what is no character."""

    box: Box
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class LineMetrics:
    """The type metrics of a line: `baseline_px` from the top at x = 0 with its `slope`, and the cap and x-height."""

    baseline_px: float
    slope: float
    cap_px: float
    x_px: float

    def top(self, box: Box) -> float:
        """The glyph's top above the baseline, in cap heights."""
        return (self._baseline(box) - box.top) / self.cap_px

    def bottom(self, box: Box) -> float:
        """The glyph's bottom above the baseline, in cap heights: negative for a descender."""
        return (self._baseline(box) - box.bottom) / self.cap_px

    def _baseline(self, box: Box) -> float:
        return self.baseline_px + self.slope * (box.left + box.right) / 2


def rescored(line: Sequence[LineGlyph], word_starts: frozenset[int]) -> list[LineGlyph]:
    """The glyphs with their candidates scored by position and by their neighbours in the word, best first.

    From left to right, so that each glyph leans on one that is decided: the second l of "all" on the first.
    """
    metrics = _line_metrics(line)
    done: list[LineGlyph] = []
    for at, glyph in enumerate(line):
        before = _confident_text(done[-1]) if done and at not in word_starts else None
        after = _confident_text(line[at + 1]) if at + 1 < len(line) and at + 1 not in word_starts else None
        done.append(LineGlyph(glyph.box, _rescored_glyph(glyph, metrics, before, after)))
    return done


def _confident_text(glyph: LineGlyph) -> str | None:
    best = glyph.candidates[0] if glyph.candidates else None
    return best.text if best and best.probability > CONFIDENT else None


def _rescored_glyph(
    glyph: LineGlyph, metrics: LineMetrics | None, before: str | None, after: str | None
) -> tuple[Candidate, ...]:
    if not glyph.candidates:
        return ()
    place = (metrics.top(glyph.box), metrics.bottom(glyph.box)) if metrics else None
    scores = [
        math.log(max(probability, 1e-9))
        + (_position_score(text, place, metrics.x_px / metrics.cap_px) if metrics and place else 0.0)
        - _context_penalty(text, before, after)
        for text, probability in glyph.candidates
    ]
    best = max(scores)
    raised = [math.exp(score - best) for score in scores]
    total = sum(raised)
    weighed = [Candidate(c.text, value / total) for c, value in zip(glyph.candidates, raised, strict=True)]
    return tuple(sorted(weighed, key=lambda candidate: -candidate.probability))


def _context_penalty(text: str, before: str | None, after: str | None) -> float:
    """How unusual a character is between its neighbours in the word, in nats: digits among letters, capitals inside."""
    odd = sum(DIGIT_AMONG_LETTERS for other in (before, after) if other and other.isdigit() != text.isdigit())
    if before and before.islower() and text.isupper():
        odd += CAPITAL_INSIDE
    if before and before.isupper() and (after is None or after.isupper()) and text.islower():
        odd += SMALL_AMONG_CAPITALS
    return odd


def _position_score(text: str, place: tuple[float, float], x_height: float) -> float:
    """How well the place, top and bottom in cap heights, fits the character: the logarithm of a Gaussian, 0 at best and
    never below -6.
    """
    top, bottom = _usual_position(text, x_height)
    off = (place[0] - top) ** 2 + (place[1] - bottom) ** 2
    return max(-6.0, -0.5 * off / HEIGHT_SPREAD**2)


def _usual_position(text: str, x_height: float) -> tuple[float, float]:
    """Top and bottom of a character above the baseline, in cap heights."""
    if text in SMALL:
        return x_height, 0.0
    if text in DESCENDING:
        return x_height, -DESCENT
    if text == "j":
        return 1.0, -DESCENT
    return (0.88, 0.0) if text == "t" else (1.0, 0.0)


def _line_metrics(line: Sequence[LineGlyph]) -> LineMetrics | None:
    """The heights of the line, or None when too few glyphs are sure of what they are."""
    sure = [(glyph.box, glyph.candidates[0].text) for glyph in line if glyph.candidates]
    standing = [(box, text) for box, text in sure if text not in DESCENDING and text not in "jQJ"]
    if len(standing) < 3:
        return None
    baseline_px, slope = _baseline([box for box, _ in standing])
    rise = [(baseline_px + slope * (box.left + box.right) / 2 - box.top, text) for box, text in standing]
    # Letters whose capital looks different tell their own height; the others are what is asked.
    small = _median([height for height, text in rise if text in "aemnru"])
    tall = _median([height for height, text in rise if text in "ABDEFGHLNRTbdfhkl0123456789"])
    if tall is None and small is None:
        return None
    cap_px = tall if tall is not None else (small or 1.0) / X_HEIGHT
    x_px = small if small is not None else X_HEIGHT * cap_px
    if cap_px < 1.0 or not 0.45 < x_px / cap_px < 0.92:
        return None  # capitals only, small capitals, or glyphs that were misread: heights say nothing here
    return LineMetrics(baseline_px, slope, cap_px, x_px)


def _baseline(boxes: Sequence[Box]) -> tuple[float, float]:
    """Where most bottoms lie: (y at x = 0, slope), by the median of slopes between far apart glyphs (Theil and Sen)."""
    centres = [((box.left + box.right) / 2, float(box.bottom)) for box in boxes]
    half = len(centres) // 2
    pairs = zip(centres[:half], centres[-half:], strict=True)
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairs if x1 > x0]
    slope = _median(slopes) or 0.0
    return _median([y - slope * x for x, y in centres]) or 0.0, slope


def _median(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def punctuation_in(line: Sequence[LineGlyph]) -> list[tuple[Candidate, ...]]:
    """For each glyph the mark that it is by its position and size: . , - '; nothing when it can be a letter."""
    heights = sorted(glyph.box.height for glyph in line)
    return [_punctuation_at(line, at, heights[len(heights) // 2]) for at in range(len(line))]


def _punctuation_at(line: Sequence[LineGlyph], at: int, usual: int) -> tuple[Candidate, ...]:
    """The mark that one glyph is; `usual` is the height of most."""
    box = line[at].box
    if len(line) < 3 or box.height > 0.85 * usual or box.width > 0.9 * usual:
        return ()
    near = [line[index].box for index in range(max(0, at - 4), min(len(line), at + 5)) if index != at]
    bottoms = sorted(other.bottom for other in near if other.height > 0.75 * usual)
    if not bottoms:
        return ()
    baseline = bottoms[len(bottoms) // 2]
    top, bottom = (baseline - box.top) / usual, (baseline - box.bottom) / usual  # above the baseline, in letter heights
    if top < 0.55 and bottom < 0.2 and box.width < 0.55 * usual:
        mark, other = (",", ".") if bottom < -0.12 else (".", ",")
        return (Candidate(mark, PUNCTUATION_PROBABILITY), Candidate(other, 1.0 - PUNCTUATION_PROBABILITY))
    if box.width > 1.4 * box.height and top < 0.9 and bottom > 0.1:
        return (Candidate("-", PUNCTUATION_PROBABILITY),)
    return (Candidate("'", PUNCTUATION_PROBABILITY),) if bottom > 0.55 and box.width < 0.5 * usual else ()


def word_gap_probabilities(region: Region) -> list[float]:
    """How sure it is, before each character but the first, that a word ends there, in [0, 1].

    Where segmentation found words, they decide; else a gap that is wide beside the others of the line.
    """
    boxes = region.character_boxes
    if region.word_boxes:
        words = [_word_of(region, box) for box in boxes]
        return [0.9 if before != after else 0.05 for before, after in pairwise(words)]
    gaps = [right.left - left.right for left, right in pairwise(boxes)]
    usual_gap = sorted(gaps)[len(gaps) // 2] if gaps else 0
    height = sorted(box.height for box in boxes)[len(boxes) // 2]
    return [1.0 / (1.0 + math.exp(-(gap - usual_gap - 0.38 * height) / (0.1 * height))) for gap in gaps]


def _word_of(region: Region, box: Box) -> int:
    """The index of the word box whose middle is nearest."""
    middle = (box.left + box.right) / 2
    return min(
        range(len(region.word_boxes)),
        key=lambda index: max(region.word_boxes[index].left - middle, middle - region.word_boxes[index].right, 0.0),
    )
