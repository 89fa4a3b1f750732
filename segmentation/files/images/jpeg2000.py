"""The structure of a JPEG 2000 file, as far as it is needed before it is decoded (ISO/IEC 15444-1, annexes A and I)."""

from __future__ import annotations

_FILE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_CODING_STYLE, _FIRST_TILE = b"\xff\x52", b"\xff\x90"
_LEVELS_AT = 9  # of the marker segment of the coding style: how often the picture is halved
_MOST_LEVELS = 32


def is_jpeg2000(file: bytes) -> bool:
    return file.startswith((_FILE, _CODESTREAM))


def header_parts(file: bytes, most: int) -> int:
    """How many boxes and marker segments Pillow goes through before the first tile; `most` if there are as many."""
    parts, at = 0, 0
    if file.startswith(_FILE):
        while parts < most and at + 8 <= len(file):
            parts += 1
            length, kind = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8]
            head = 8
            if length == 1:
                length, head = int.from_bytes(file[at + 8 : at + 16], "big"), 16
            if kind == b"jp2c":
                at += head
                break
            if kind == b"jp2h":  # a box of boxes
                at += head
                continue
            at += max(length, 8)
    at += 2  # the start of the codestream
    while parts < most and at + 4 <= len(file) and file[at : at + 2] != _FIRST_TILE:
        parts += 1
        at += 2 + max(2, int.from_bytes(file[at + 2 : at + 4], "big"))
    return parts


def halvings(file: bytes) -> int:
    """How often the decoder can halve the picture: 0 where that is not told."""
    start = file.find(_CODESTREAM)
    end = file.find(_FIRST_TILE, start)
    told = file.find(_CODING_STYLE, start, end) if 0 <= start < end else -1
    levels = file[told + _LEVELS_AT] if 0 <= told < end - _LEVELS_AT else 0
    return levels if levels <= _MOST_LEVELS else 0
