"""At which pace the requests of one address pass a proxy while others ask too.

A request costs the proxy and the Gateway about 20 ms of a core before anything is read, so that one address with a few
connections can keep both busy with nothing. Alone it may. While another address asks, its requests are spaced out, as
traffic shapers do (GCRA, ITU-T I.371): they wait, and are refused only when they would wait for long.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from deployments.replica.processors import cores

# Of two cores that pass fifty requests a second, twenty leave more than half for whoever has his page read.
_PER_CORE = 10.0
_BURST_S = 1.0
# A body is handed from the proxy to the Gateway through memory that both see: half a megabyte costs as much again.
_BYTES_OF_A_REQUEST = 500_000
_LONGEST_S = 5.0
# So long an address counts as one that asks.
_ASKING_S = 2.0
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Asking:
    """An address: when it last asked, and when its next request would be due at the pace."""

    last: float
    due: float


class RequestPace:
    """`per_s` requests a second of each address, by default as many as this machine's cores allow, after a burst of one
    second's. Times are those of `clock`.
    """

    def __init__(self, per_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = _PER_CORE * cores() if per_s is None else per_s
        self._clock = clock
        self._asking: OrderedDict[str, _Asking] = OrderedDict()  # who asked last is last

    def wait_s(self, address: str) -> float | None:
        """How long the request that comes now has to wait; None where that is too long, and it is to be refused."""
        now = self._clock()
        asking = self._asking.pop(address, None) or _Asking(now, now)
        beside_others = self._others_ask(now)
        self._note(address, asking, now)
        if not beside_others:
            asking.due = now
            return 0.0
        wait_s = max(0.0, asking.due - now - _BURST_S)
        if wait_s > _LONGEST_S:
            return None
        asking.due = max(asking.due, now) + 1.0 / self._per_s
        return wait_s

    def charge(self, address: str, size: int) -> None:
        """So many bytes of a body have come from it: they cost as much as requests do, and its next request waits."""
        asking = self._asking.get(address)
        if asking is not None and asking.due > self._clock():
            asking.due += size / (_BYTES_OF_A_REQUEST * self._per_s)

    def _others_ask(self, now: float) -> bool:
        return bool(self._asking) and next(reversed(self._asking.values())).last > now - _ASKING_S

    def _note(self, address: str, asking: _Asking, now: float) -> None:
        asking.last = now
        self._asking[address] = asking
        while len(self._asking) > _MOST_ADDRESSES or self._is_over(next(iter(self._asking.values())), now):
            self._asking.popitem(last=False)

    @staticmethod
    def _is_over(asking: _Asking, now: float) -> bool:
        return max(asking.last + _ASKING_S, asking.due) < now
