"""How a page that was read lies: which way its lines run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ocr.contract import LineAnswer
from ocr.geometry import Point, weighted_median

LEVEL_DEGREES = 2.0
"""A line that is turned by less from a quarter turn lies as that quarter turn."""


def direction_degrees(polygon: Sequence[Point]) -> float:
    """How far the direction of reading of a line or a word is turned clockwise from rightwards, in (-180, 180]."""
    (x0, y0), (x1, y1) = polygon[0], polygon[1]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def quarter_turns(lines: Sequence[LineAnswer]) -> tuple[int, float]:
    """How far the page must be turned clockwise to stand upright (0, 90, 180, 270), and the share of its characters
    that say so; (0, 0.0) for a page without text.
    """
    votes: dict[int, int] = {}
    for line in lines:
        angle = (-round(direction_degrees(line.polygon) / 90) * 90) % 360
        votes[angle] = votes.get(angle, 0) + len(line.text)
    if not any(votes.values()):
        return 0, 0.0
    angle = max(sorted(votes), key=votes.__getitem__)
    return angle, votes[angle] / sum(votes.values())


def skew_degrees(lines: Sequence[LineAnswer]) -> float:
    """By how much the lines run down to the right, in degrees: the median over their characters, of lines within 15
    degrees of a quarter turn.
    """
    directions = [(direction_degrees(line.polygon), len(line.text)) for line in lines]
    skews = [(degrees - 90 * round(degrees / 90), count) for degrees, count in directions]
    return weighted_median((skew, count) for skew, count in skews if abs(skew) <= 15.0)
