"""How many requests a Gateway reads at once. Those beyond are refused at once, in the form of the contract.

Serve can bound a deployment as well, but its proxy refuses in plain text and without Retry-After; so the Gateway has no
bound in Serve and counts here. Counting begins before the body is read: what is refused costs no memory. Not shared
between threads: everything that counts runs in one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ocr.errors import Overloaded

_RETRY_AFTER_S = 1.0


class Places:
    """So many requests as `most` says at the moment may hold a place at the same time."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place. Raises Overloaded when none is free."""
        most = self._most()
        if self._taken >= most:
            raise Overloaded(
                f"{most} requests are being read, as many as this gateway takes at once",
                "send the request again later",
                _RETRY_AFTER_S,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
