"""A run that ends at a time instead of after a number of lines.

The learning rate follows a cosine over the lines of a run. How many there will be follows from how fast the last ones
were learnt from, so that the rate is 0 when the time is over, whatever else the machine does.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from training.lines.trainer import Schedule

WINDOW_S = 240.0
"""How fast lines are learnt from is measured over so long."""
_ENOUGH_S = 5.0  # before, the recipe's own number stands

S = TypeVar("S", bound=Schedule)


@dataclass(slots=True)
class Deadline:
    """The end of a run, in seconds of `clock`."""

    ends_s: float
    clock: Callable[[], float] = time.monotonic
    _steps: deque[tuple[float, int]] = field(default_factory=deque, init=False)

    @classmethod
    def in_minutes(cls, minutes: float) -> Deadline:
        return cls(time.monotonic() + 60.0 * minutes)

    def paced(self, recipe: S, lines: int) -> S:
        """The recipe as long as a run will be that has learnt from so many lines by now; over when its time is."""
        now = self.clock()
        if now >= self.ends_s:
            return replace(recipe, lines=max(1, lines))
        self._steps.append((now, lines))
        while self._steps[0][0] < now - WINDOW_S:
            self._steps.popleft()
        began, before = self._steps[0]
        if now - began < _ENOUGH_S:
            return recipe
        a_second = (lines - before) / (now - began)
        return replace(recipe, lines=lines + max(1, round(a_second * (self.ends_s - now))))
