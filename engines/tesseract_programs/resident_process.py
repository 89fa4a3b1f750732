"""The program that stays: it reads what one thread of the engine sends, until the connection closes.

    python -m engines.tesseract_programs.resident_process DESCRIPTOR

A question is two messages: JSON that says how to read, with the size of each picture, and the grey pixels of all, one
after the other. The answer is JSON: for each picture its characters as [text, confidence, left, right, begins a word].
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

_MOST_LOADED = 3
"""So many sets of data are kept loaded; the one that was not asked for the longest goes."""


class Reader:
    """The library with some sets of data."""

    def __init__(self, library: Any) -> None:  # noqa: ANN401 - a module
        self._library = library
        self._loaded: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def read(self, head: dict[str, Any], pixels: bytes) -> list[list[Any]]:
        api = self._api(head["tessdata"], head["data"])
        api.SetPageSegMode(head["psm"])
        api.SetVariable("tessedit_char_whitelist", head["whitelist"])
        answer, begin = [], 0
        for width, height in head["sizes"]:
            api.SetImageBytes(pixels[begin : begin + width * height], width, height, 1, width)
            begin += width * height
            answer.append(list(self._characters(api)))
        api.Clear()
        return answer

    def _characters(self, api: Any) -> Iterator[list[Any]]:  # noqa: ANN401 - an object of the library
        level, word = self._library.RIL.SYMBOL, self._library.RIL.WORD
        api.Recognize()
        symbols = api.GetIterator()
        if symbols is None:
            return
        for symbol in self._library.iterate_level(symbols, level):
            if symbol.Empty(level):
                continue
            left, _, right, _ = symbol.BoundingBox(level) or (0, 0, 0, 0)
            text = symbol.GetUTF8Text(level)
            if text.strip():
                yield [text, symbol.Confidence(level), left, right, symbol.IsAtBeginningOf(word)]

    def _api(self, tessdata: str, data: str) -> Any:  # noqa: ANN401 - an object of the library
        key = tessdata, data
        if key not in self._loaded:
            while len(self._loaded) >= _MOST_LOADED:
                _, oldest = self._loaded.popitem(last=False)
                oldest.End()
            api = self._library.PyTessBaseAPI(path=tessdata, lang=data)
            api.SetVariable("debug_file", "/dev/null")  # or each picture without a resolution is a line in the log
            self._loaded[key] = api
        self._loaded.move_to_end(key)
        return self._loaded[key]


def _version(library: Any) -> str:  # noqa: ANN401 - a module
    first, *_ = library.tesseract_version().splitlines()
    return str(first).removeprefix("tesseract ").strip()


def main(descriptor: int) -> None:
    """Read until the other side is gone."""
    import tesserocr

    connection, reader = Connection(descriptor), Reader(tesserocr)
    with suppress(EOFError, OSError):
        while True:
            head, pixels = json.loads(connection.recv_bytes()), connection.recv_bytes()
            answer = _version(tesserocr) if "version" in head else reader.read(head, pixels)
            connection.send_bytes(json.dumps(answer).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
