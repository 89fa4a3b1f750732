"""Finds the cheapest cascade (fusion.cascade) that keeps nearly all of what asking every engine gains.

For each choice of engines that might begin, lines are ranked by the doubt that those leave; the more of them go on, the
more core-seconds are spent and the more errors are mended. Gain is the part of the best engine's character errors that
are not made, as a mean over the sets, so that the largest set does not decide alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fusion import Cascade, Profile, doubt, fuse
from fusion.voting import Method
from training.comparing import characters
from training.labelled import LabelledLine

KEEP = 0.97
"""Of the gain, on the lines that it is fitted to; a little more than is asked of it on others."""
MOST_FIRST = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One cascade, with the part of the gain that it keeps and of the core-seconds that it takes."""

    cascade: Cascade
    kept: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Arrays (N,) over lines: edits of all engines together, and the worth of one edit of the line's set. `at_best` is
    what the edits of each set's best engine are worth together.
    """

    lines: Sequence[LabelledLine]
    together: Floats
    worth: Floats
    best: str
    at_best: float

    def gain(self, edits: Floats) -> float:
        return self.at_best - float(edits @ self.worth)


def fit_cascade(lines: Sequence[LabelledLine], profile: Profile, keep: float = KEEP) -> Point | None:
    """The cheapest that keeps so much; None where all engines together gain nothing, or there is but one."""
    engines = sorted({name for line in lines for name in line.claims})
    whole = [line for line in lines if len(line.claims) == len(engines)]
    if len(engines) < 2 or not whole:
        return None
    seen = _seen(whole, engines, profile)
    gain = seen.gain(seen.together)
    if gain <= 0.0:
        return None
    points = [
        point
        for size in range(1, min(MOST_FIRST, len(engines) - 1) + 1)
        for first in combinations(engines, size)
        if seen.best in first
        for point in _points(seen, first, profile, gain)
        if point.kept >= keep
    ]
    return min(points, key=lambda point: point.seconds, default=None)


def fused_edits(line: LabelledLine, engines: Sequence[str], profile: Profile) -> tuple[int, float]:
    """The edits and the doubt of what some engines read together on a line."""
    claims = {name: line.claims[name] for name in engines}
    fused = fuse(claims, profile.on(line.region.material), Method.CONFIDENCE_WEIGHTED)
    return characters(line.compared(fused.text), line.truth).edits, doubt(fused)


def _seen(lines: Sequence[LabelledLine], engines: Sequence[str], profile: Profile) -> _Lines:
    together = np.array([fused_edits(line, engines, profile)[0] for line in lines], dtype=np.float64)
    alone: dict[str, dict[str, int]] = {}
    for line in lines:
        sums = alone.setdefault(line.set_name, dict.fromkeys(engines, 0))
        for name in engines:
            sums[name] += characters(line.compared(line.claims[name].text), line.truth).edits
    fewest = {name: min(sums.values()) for name, sums in alone.items()}
    worth = {name: 1.0 / (max(1, edits) * len(alone)) for name, edits in fewest.items()}
    at_best = sum(worth[name] * edits for name, edits in fewest.items())
    best = min(engines, key=lambda name: sum(sums[name] for sums in alone.values()))
    return _Lines(lines, together, np.array([worth[line.set_name] for line in lines]), best, at_best)


def _points(seen: _Lines, first: Sequence[str], profile: Profile, gain: float) -> Iterator[Point]:
    """The cascades that begin with some engines, one for each share of the lines that goes on."""
    read = [fused_edits(line, first, profile) for line in seen.lines]
    edits = np.array([own for own, _ in read], dtype=np.float64)
    doubts = np.array([own for _, own in read])
    at_once = np.array([_seconds(line.seconds, first) for line in seen.lines])
    all_of_it = np.array([sum(line.seconds.values()) for line in seen.lines])
    order = np.argsort(-doubts, kind="stable")
    mended = np.concatenate([[0.0], np.cumsum(((edits - seen.together) * seen.worth)[order])])
    spent = np.concatenate([[0.0], np.cumsum((all_of_it - at_once)[order])])
    for count in range(0, len(order), max(1, len(order) // 200)):
        above = doubts[order[count]]  # the first one that does not go on
        if not np.isfinite(above):
            continue
        cascade = Cascade(tuple(first), round(float(above), 4))
        kept = (seen.gain(edits) + mended[count]) / gain
        # Engines that were quicker than the clock can tell cost nothing, first or second.
        yield Point(cascade, kept, float((at_once.sum() + spent[count]) / (all_of_it.sum() or 1.0)))


def _seconds(seconds: Mapping[str, float], engines: Sequence[str]) -> float:
    return sum(seconds[name] for name in engines)
