"""Finds the cheapest cascade (fusion.profiles.cascade) that keeps nearly all of what asking every engine gains, or
whose character error rate is no higher than wanted.

What some engines read together on each line, and how many errors are expected in it, is fused for every choice of
engines; then all cascades of one and of two steps are laid over those figures, with thresholds between the expected
errors of the lines. Gain is the part of the best engine's character errors that are not made, as a mean over the sets,
so that the largest set does not decide alone. What an engine takes for a line was measured when it read it, in
core-seconds.

Of very many cascades the cheapest is the luckiest one, too: so it has to keep enough on every part of the lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evaluation.accuracy.fused_lines import fused_lines
from evaluation.metrics.text_comparison import character_edits
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Cascade, Profile, Step

KEEP = 0.97
"""Of the gain, on the lines that it is fitted to; a little more than is asked of it on others."""
PARTS = 2
_GRID = 40  # thresholds that are tried at each step
_FEW_EDITS = 20.0  # a set of few errors says little: it counts as if it had so many more

Floats = NDArray[np.float64]
Engines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CascadePoint:
    """One cascade, with the part of the gain that it keeps, the part of the core-seconds that it takes, and its
    character error rate.
    """

    cascade: Cascade
    kept: float
    seconds: float
    error_rate: float


@dataclass(frozen=True, slots=True)
class Read:
    """Arrays (N,) over lines: the edits and the expected errors of what some engines read together, and their
    core-seconds.
    """

    edits: Floats
    expected_errors: Floats
    seconds: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _EngineTable:
    """What engines read on N lines, by engines; `worth` (N, 1 + PARTS) is what an edit on a line is worth in the gain,
    over all lines and over each part, and `at_best` (1 + PARTS,) what the edits of each set's best engine are worth.
    """

    reads: Mapping[Engines, Read]
    all_engines: Read
    worth: Floats
    at_best: Floats
    characters: int


def fit_cascade(
    lines: Sequence[LabelledLine], profile: Profile, keep: float = KEEP, error_rate: float | None = None
) -> CascadePoint | None:
    """The cheapest that keeps so much of the gain, or with an `error_rate` the cheapest that makes no more errors; None
    where there is none, where all engines together gain nothing, or there is but one.
    """
    engines = tuple(sorted({name for line in lines for name in line.hypotheses}))
    whole = [line for line in lines if len(line.hypotheses) == len(engines)]
    if len(engines) < 2 or not whole:
        return None
    table = _tabulate(whole, engines, profile)
    gain = table.at_best - table.all_engines.edits @ table.worth
    if error_rate is None and gain[0] <= 0.0:
        return None
    chains: list[tuple[Engines, ...]] = [(first,) for first in table.reads]
    chains += [(first, second) for first in table.reads for second in table.reads if set(first) < set(second)]
    points = (point for chain in chains for point in _points(table, chain, gain, keep, error_rate))
    return min(points, key=lambda point: (point.seconds, -point.kept), default=None)


def _tabulate(lines: Sequence[LabelledLine], engines: Engines, profile: Profile) -> _EngineTable:
    reads = {
        some: _read(lines, some, profile) for size in range(1, len(engines)) for some in combinations(engines, size)
    }
    alone: dict[str, dict[str, int]] = {}
    for line in lines:
        sums = alone.setdefault(line.set_name, dict.fromkeys(engines, 0))
        for name in engines:
            sums[name] += character_edits(line.normalised(line.hypotheses[name].text), line.truth).edits
    best = {name: min(engines, key=lambda engine: sums[engine]) for name, sums in alone.items()}
    of_best = np.array(
        [
            character_edits(line.normalised(line.hypotheses[best[line.set_name]].text), line.truth).edits
            for line in lines
        ]
    )
    worth = np.array([1.0 / (alone[line.set_name][best[line.set_name]] + _FEW_EDITS) for line in lines]) / len(alone)
    part = np.arange(len(lines)) % PARTS
    worths = np.stack([worth, *[worth * (part == own) for own in range(PARTS)]], axis=1)
    length = sum(len(line.truth) for line in lines)
    return _EngineTable(reads, _read(lines, engines, profile), worths, of_best @ worths, length)


def _read(lines: Sequence[LabelledLine], engines: Sequence[str], profile: Profile) -> Read:
    read = list(fused_lines(lines, profile, engines=engines))
    return Read(
        np.array(
            [character_edits(line.normalised(own.text), line.truth).edits for line, own in read], dtype=np.float64
        ),
        np.array([own.expected_errors for _, own in read]),
        np.array([sum(line.seconds[name] for name in engines) for line in lines]),
    )


def _points(
    table: _EngineTable, chain: Sequence[Engines], gain: Floats, keep: float, error_rate: float | None
) -> Iterator[CascadePoint]:
    """The cheapest cascade of those that ask these engines, each choice with those before, and then all engines."""
    reads = [table.reads[engines] for engines in chain]
    grids = [_thresholds(read.expected_errors) for read in reads]
    over = partial(_sums_by_threshold, reads, table.all_engines, grids)
    seconds = over([read.seconds for read in (*reads, table.all_engines)])
    # Engines that were quicker than the clock can tell cost nothing, first or second.
    seconds = seconds / (float(table.all_engines.seconds.sum()) or 1.0)
    edits = [read.edits for read in (*reads, table.all_engines)]
    rate = over(edits) / max(1, table.characters)
    kept = np.stack(
        [
            (best - over([own * worth for own in edits])) / whole if whole > 0.0 else np.ones_like(rate)
            for best, worth, whole in zip(table.at_best, table.worth.T, gain, strict=True)
        ]
    )
    allowed = kept.min(axis=0) >= keep if error_rate is None else rate <= error_rate
    if not allowed.any():
        return
    place = np.unravel_index(int(np.where(allowed, seconds, np.inf).argmin()), seconds.shape)
    thresholds = [float(grid[at]) for grid, at in zip(grids, place, strict=True)]
    yield CascadePoint(_cascade(chain, thresholds), float(kept[0][place]), float(seconds[place]), float(rate[place]))


def _thresholds(expected_errors: Floats) -> Floats:
    """Thresholds at which equally many lines more go on, and none."""
    known = expected_errors[np.isfinite(expected_errors)]
    if not len(known):
        return np.zeros(1)
    return np.unique(np.round(np.quantile(known, np.linspace(0.0, 1.0, _GRID)), 4))


def _sums_by_threshold(
    reads: Sequence[Read], all_engines: Read, grids: Sequence[Floats], values: Sequence[Floats]
) -> Floats:
    """The sum of a value over all lines for every choice of thresholds, (len(grid), ...) with one axis for each step;
    `values` are (N,) if a line ends after each step, and if it is read by all engines.
    """
    first = reads[0].expected_errors[:, None] > grids[0]  # (N, G)
    if len(reads) == 1:
        return np.asarray(values[0].sum() + (values[1] - values[0]) @ first, dtype=np.float64)
    second = reads[1].expected_errors[:, None] > grids[1]
    once = values[0].sum() + (values[1] - values[0]) @ first
    twice = (first * (values[2] - values[1])[:, None]).T @ second
    return np.asarray(once[:, None] + twice, dtype=np.float64)


def _cascade(chain: Sequence[Engines], thresholds: Sequence[float]) -> Cascade:
    before: frozenset[str] = frozenset()
    steps = []
    for engines, threshold in zip(chain, thresholds, strict=True):
        steps.append(Step(tuple(engine for engine in engines if engine not in before), threshold))
        before = frozenset(engines)
    return Cascade(tuple(steps))
