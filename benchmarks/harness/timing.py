"""How long calls take, one after another, and what is told of such times. Times are seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


def timed(
    call: Callable[[], object], times: int, uncounted: int = 1, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Seconds by `clock` of each of so many calls, after some that do not count."""
    for _ in range(uncounted):
        call()
    seconds = []
    for _ in range(times):
        begun = clock()
        call()
        seconds.append(clock() - begun)
    return seconds


def median_ms(call: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The median of so many calls in milliseconds, after one that does not count."""
    return 1000.0 * median(timed(call, times, clock=clock))


def percentile(values: Sequence[float], percent: int) -> float:
    """What so many percent of the values do not exceed, interpolated between neighbours; 0 where there are none."""
    return float(np.percentile(values, percent)) if len(values) else 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """How often something was asked, and how long it took."""

    count: int
    least_s: float
    p50_s: float
    p95_s: float
    p99_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        p50_s, p95_s, p99_s = (percentile(seconds, percent) for percent in (50, 95, 99))
        return cls(len(seconds), min(seconds), p50_s, p95_s, p99_s)
