"""What Tesseract's data of a language can write: the unicharset of its network.

A .traineddata file is a table of parts: an int32 with their number, an int64 with the place of each (-1: not there),
little-endian, and the parts. That of the network's characters is a text: a row with their number, then one row for
each, which begins with it.
Source: https://github.com/tesseract-ocr/tesseract/blob/main/src/ccutil/tessdatamanager.h
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from ocr.text.alphabet import Alphabet

_LSTM_UNICHARSET = 21
_NOT_CHARACTERS = frozenset({"NULL", "Joined", "|Broken|0|1"})


@lru_cache(maxsize=256)
def alphabet_of(path: Path) -> Alphabet | None:
    """What the data in this file can write; None where that cannot be seen in it."""
    try:
        content = path.read_bytes()
        (count,) = struct.unpack_from("<i", content)
        places = struct.unpack_from(f"<{count}q", content, 4)
        start = places[_LSTM_UNICHARSET]
        if start < 0:
            return None
        end = min([place for place in places if place > start], default=len(content))
        rows = content[start:end].decode("utf-8").splitlines()
        characters = [row.split(" ", 1)[0] for row in rows[1 : 1 + int(rows[0])]]
    except (OSError, ValueError, IndexError, struct.error):
        return None
    return Alphabet.of(character for character in characters if character not in _NOT_CHARACTERS)
