"""Files as base64, in every form that programs write it, whole or piece by piece."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from ocr.errors import InvalidRequest, TooLarge

_DATA_URL = re.compile(rb"\s*data:[^,]*,", re.IGNORECASE)
_IS_BASE64 = re.compile(rb";\s*base64\s*,$", re.IGNORECASE)
_SCHEME = b"data:"
_LONGEST_HEAD = 10_000  # of a data URL, up to its comma
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")  # RFC 4648, section 5
_SPACES = b" \t\n\v\f\r\x1c\x1d\x1e\x1f"
# What base64 and its line breaks have that a URL may not, as it stands there.
_ESCAPED = {b"%2B": b"+", b"%2F": b"/", b"%3D": b"=", b"%0A": b"", b"%0D": b"", b"%20": b""}
_ESCAPE_BYTES = 3
_MOST_ESCAPES = 300_000  # each is looked at by itself, in Python
_CHARACTERS_AN_ESCAPE = 16  # base64 has half as many that need one
_GROUP = 4  # characters that stand for three bytes
# Each step over a text keeps Python's lock: between two pieces the event loop goes on.
_PIECE_BYTES = 1_000_000


def decode_base64(text: object, field: str) -> bytes:
    """The bytes behind base64: standard or URL-safe, padded or not, with line breaks or not, alone or as a data URL
    (RFC 2397) with any parameters. Raises InvalidRequest, and TooLarge for one that is made of escapes.
    """
    if not isinstance(text, str) or not text:
        raise InvalidRequest(f"field '{field}' is not a base64 string", "encode the file's bytes with base64")
    decoder = Base64Decoder(field)
    encoded = text.encode("utf-8", "surrogatepass")
    starts = range(0, len(encoded), _PIECE_BYTES)
    pieces = [decoder.decode(encoded[start : start + _PIECE_BYTES]) for start in starts]
    return b"".join([*pieces, decoder.finish()])


class Base64Decoder:
    """The same for one file that comes in pieces. `field` is what errors call it; they are those of `decode_base64`."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._head: bytes | None = b""
        self._is_base64 = True
        self._is_url = False
        self._escape = b""
        self._group = b""
        self._is_padded = False
        self._characters = 0
        self._escapes = 0

    def decode(self, text: bytes) -> bytes:
        """The next bytes of the file, as far as they are known."""
        if self._head is None:
            return self._decoded(text)
        head = self._head + text
        found = _DATA_URL.match(head)
        if found is not None:
            self._is_url, self._is_base64 = True, _IS_BASE64.search(found[0]) is not None
        elif _SCHEME.startswith(head.lstrip()[: len(_SCHEME)].lower()) and len(head) < _LONGEST_HEAD:
            self._head = head
            return b""
        self._head = None
        return self._decoded(head[0 if found is None else found.end() :])

    def finish(self) -> bytes:
        """The last bytes."""
        rest = b"" if self._head is None else self._head
        self._head = None
        return self._decoded(rest, is_last=True)

    def _decoded(self, text: bytes, *, is_last: bool = False) -> bytes:
        text = self._escape + text
        end = len(text) if is_last else _before_open_escape(text)
        self._escape = text[end:]
        text = text[:end]
        self._count_escapes(text)
        if not self._is_base64:
            return unquote_to_bytes(text)
        try:
            return self._bytes_of(_unescaped(text).translate(_TO_STANDARD, _SPACES), is_last)
        except (binascii.Error, ValueError) as error:
            problem = f"field '{self._field}' is not valid base64: {error}"
            raise InvalidRequest(problem, "encode the file again") from error

    def _bytes_of(self, characters: bytes, is_last: bool) -> bytes:
        """What whole groups of characters stand for; raises ValueError for what is no base64."""
        characters, padding, behind = characters.partition(b"=")
        if behind.strip(b"=") or (self._is_padded and characters):
            raise ValueError("there is more behind its end")
        self._is_padded = self._is_padded or bool(padding)
        characters = self._group + characters
        if is_last:
            return base64.b64decode(characters + b"=" * (-len(characters) % _GROUP), validate=True)
        end = len(characters) // _GROUP * _GROUP
        self._group = characters[end:]
        return base64.b64decode(characters[:end], validate=True)

    def _count_escapes(self, text: bytes) -> None:
        if not self._is_url:
            return
        self._characters += len(text)
        self._escapes += text.count(b"%")
        usual = self._characters // _CHARACTERS_AN_ESCAPE if self._is_base64 else 0
        if self._escapes > _MOST_ESCAPES + usual:
            problem = f"field '{self._field}' has more than {_MOST_ESCAPES + usual} escapes"
            raise TooLarge(problem, "write data:...;base64, instead")


def _before_open_escape(text: bytes) -> int:
    """Where an escape begins that is not all there, else the end."""
    percent = text.rfind(b"%", max(0, len(text) - _ESCAPE_BYTES + 1))
    return len(text) if percent < 0 else percent


def _unescaped(text: bytes) -> bytes:
    if b"%" not in text:
        return text
    for escape, meant in _ESCAPED.items():
        text = text.replace(escape, meant).replace(escape.lower(), meant)
    return text
