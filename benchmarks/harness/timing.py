"""How long a call takes, asked again and again: the one loop of every benchmark that times calls one after another."""

from __future__ import annotations

import time
from collections.abc import Callable


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
