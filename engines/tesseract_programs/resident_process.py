"""The program that stays: it reads what one thread of the engine sends, until the connection closes.

    python -m engines.tesseract_programs.resident_process DESCRIPTOR

A question is two messages: JSON that says how to read, with the size of each picture, and the grey pixels of all, one
after the other. The answer is JSON: for each picture its characters as [text, confidence, left, right, begins a word].
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Protocol

from engines.tesseract_programs.shared_library import SharedLibrary, SymbolRead

_MOST_LOADED = 3
"""So many sets of data are kept loaded; the one that was not asked for the longest goes."""


class Library(Protocol):
    """See SharedLibrary."""

    def recogniser(self, tessdata: str, data: str) -> Any:  # noqa: ANN401 - Recogniser, or a test's
        """One that has the data loaded."""


class Reader:
    """The library with some sets of data."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._loaded: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def read(self, head: dict[str, Any], pixels: bytes) -> list[list[SymbolRead]]:
        recogniser = self._recogniser(head["tessdata"], head["data"])
        recogniser.set("tessedit_char_whitelist", head["whitelist"])
        answer, begin = [], 0
        for width, height in head["sizes"]:
            answer.append(list(recogniser.read(head["mode"], pixels[begin : begin + width * height], width, height)))
            begin += width * height
        return answer

    def _recogniser(self, tessdata: str, data: str) -> Any:  # noqa: ANN401
        key = tessdata, data
        if key not in self._loaded:
            while len(self._loaded) >= _MOST_LOADED:
                _, oldest = self._loaded.popitem(last=False)
                oldest.close()
            self._loaded[key] = self._library.recogniser(tessdata, data)
        self._loaded.move_to_end(key)
        return self._loaded[key]


def main(descriptor: int) -> None:
    """Read until the other side is gone."""
    connection, library = Connection(descriptor), SharedLibrary()
    reader = Reader(library)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            head, pixels = json.loads(connection.recv_bytes()), connection.recv_bytes()
            answer = library.version if "version" in head else reader.read(head, pixels)
            connection.send_bytes(json.dumps(answer).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
