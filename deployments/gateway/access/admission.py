"""How many requests a Gateway reads at once, how many of them of one caller, and how much memory their bodies take
together. Those beyond are refused at once, in the form of the contract.

Serve can bound a deployment as well, but its proxy refuses in plain text and without Retry-After; so the Gateway has no
bound in Serve and counts here. Counting begins before the body is read: what is refused costs no memory. Not shared
between threads: everything that counts runs in one event loop. Times are seconds.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ocr.errors import Overloaded

# A caller that is refused comes again, and to refuse it costs the proxy as much as to let it pass. So the more were
# refused of late, the longer callers are told to wait: half as many a second may come as there are slots.
_RECENT_S = 10.0
_LONGEST_S = 30


class AdmissionControl:
    """At most `max_requests()` requests, asked anew for each, hold a slot at the same time. One caller holds at most
    `share()` of them, so that nobody can take them all.
    """

    def __init__(
        self,
        max_requests: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        share: Callable[[], float] = lambda: 1.0,
        max_body_bytes: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._max_requests = max_requests
        self._share = share
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._taken: Counter[str] = Counter()
        self._body_bytes: Counter[str] = Counter()
        self._refused: deque[float] = deque()

    @contextmanager
    def slot(self, caller: str = "", body_bytes: int = 0) -> Iterator[None]:
        """Hold a slot for a request whose body takes `body_bytes`. Raises Overloaded when none is free, when there is
        no room for the body, or when the caller has its share of either. A caller without a name, a program on the
        cluster, has no share. A single body always has room.
        """
        slots = self._max_requests()
        if self._taken.total() >= slots:
            raise self._overloaded(f"{slots} requests are being read, as many as this gateway takes at once", slots)
        own = math.ceil(self._share() * slots)
        if caller and self._taken[caller] >= own:
            raise self._overloaded(f"{own} requests of yours are being read, as many as one caller may have", slots)
        self._require_room(caller, body_bytes, slots)
        self._taken[caller] += 1
        self._body_bytes[caller] += body_bytes
        try:
            yield
        finally:
            self._taken[caller] -= 1
            self._body_bytes[caller] -= body_bytes
            if not self._taken[caller]:
                del self._taken[caller], self._body_bytes[caller]

    def _require_room(self, caller: str, body_bytes: int, slots: int) -> None:
        """Raises Overloaded when the bodies that are being read leave no room for one more."""
        room, taken, own = self._max_body_bytes(), self._body_bytes.total(), self._body_bytes[caller]
        if taken and taken + body_bytes > room:
            raise self._overloaded(f"bodies of {taken} bytes are being read, and there is room for {room:.0f}", slots)
        if caller and own and own + body_bytes > self._share() * room:
            raise self._overloaded(f"bodies of yours of {own} bytes are being read, as much as one caller may", slots)

    def _overloaded(self, why: str, slots: int) -> Overloaded:
        return Overloaded(why, "send the request again later", self._retry_after_s(slots))

    def _retry_after_s(self, slots: int) -> float:
        """When to come back: the later, the more were refused lately, so that a crowd does not come back as one."""
        now = self._clock()
        while self._refused and self._refused[0] <= now - _RECENT_S:
            self._refused.popleft()
        self._refused.append(now)
        return float(min(_LONGEST_S, math.ceil(2.0 * len(self._refused) / slots)))
