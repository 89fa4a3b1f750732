"""How much each caller has had lately of what all share."""

from __future__ import annotations

import math
from collections.abc import Callable

_FORGOTTEN = 0.001


class RecentUse:
    """Seconds by caller; they count half as much after `half_life_s`. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float], half_life_s: float) -> None:
        self._clock = clock
        self._half_life_s = half_life_s
        self._had: dict[str, tuple[float, float]] = {}  # seconds, and when that was

    def of(self, caller: str) -> float:
        seconds, then = self._had.get(caller, (0.0, 0.0))
        return seconds * math.exp2((then - self._clock()) / self._half_life_s)

    def set(self, caller: str, seconds: float) -> None:
        """A caller that comes has saved up nothing, and owes nothing: it had as much as those who are there."""
        self._had[caller] = seconds, self._clock()

    def add(self, caller: str, seconds: float) -> None:
        self._had[caller] = self.of(caller) + seconds, self._clock()
        self._had = {each: had for each, had in self._had.items() if self.of(each) > _FORGOTTEN}
