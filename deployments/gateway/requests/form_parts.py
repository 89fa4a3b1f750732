"""How many parts a form has, counted before anything parses it: the parser goes through what is near a boundary byte by
byte, in Python, so that a form of boundaries alone would hold up every other caller.
"""

from __future__ import annotations

from ocr.errors import TooLarge

_FIRST_AND_LAST = 2


class FormParts:
    """Counts the boundaries of one form, which may come in pieces and has `most` parts at most."""

    def __init__(self, boundary: bytes, most: int) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._most = most
        self._seen = 0
        self._end = b""

    def count(self, piece: bytes) -> None:
        """Look at the next piece. Raises TooLarge for one part too many."""
        joined = self._end + piece
        self._seen += joined.count(self._delimiter)
        self._end = joined[max(0, len(joined) - len(self._delimiter) + 1) :]
        if self._seen > self._most + _FIRST_AND_LAST:
            raise TooLarge(f"the form has more than {self._most} parts", "send fewer files or options")
