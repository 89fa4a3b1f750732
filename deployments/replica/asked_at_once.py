"""How many pages each caller has asked for at once of late, and how much a second of computing counts for it then.

One who asks for many waits for the last of them anyway; one who asks for one waits for it. So what is computed for the
first counts as many times as it has asked for pages, four at most, in the table of the node (processor_shares.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from deployments.messages.request import MOST_AT_ONCE

LATELY_S = 5.0
"""For so long the most pages that a caller had asked for at once are what counts."""

Tell = Callable[[Mapping[str, float]], None]


def _tell_nobody(_: Mapping[str, float]) -> None:
    """Where nobody computes beside."""


class AskedAtOnce:
    """Of the callers of one process. `share` says how large a share each has; `tell` is told how much a second counts
    for each, at every change.
    """

    def __init__(
        self,
        tell: Tell = _tell_nobody,
        share: Callable[[str], float] = lambda _: 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._share = share
        self._clock = clock
        self._most: dict[str, tuple[int, float]] = {}  # and when that was

    def note(self, caller: str, pages: int) -> int:
        """The caller has asked for so many now. Returns the most that it had asked for of late."""
        self._forget()
        if pages >= self._most.get(caller, (0, 0.0))[0]:
            self._most[caller] = pages, self._clock()
        self.tell()
        return self._most[caller][0]

    def tell(self) -> None:
        """Say what counts at this moment: nothing more for callers who have asked for nothing of late."""
        self._forget()
        self._tell({who: min(most, MOST_AT_ONCE) / self._share(who) for who, (most, _) in self._most.items()})

    def _forget(self) -> None:
        since = self._clock() - LATELY_S
        self._most = {who: (most, then) for who, (most, then) in self._most.items() if then > since}
