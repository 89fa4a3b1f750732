"""Files as base64, in every form that programs write it."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from ocr.errors import InvalidRequest, TooLarge

_DATA_URL = re.compile(r"\s*data:[^,]*,", re.IGNORECASE)
_IS_BASE64 = re.compile(r";\s*base64\s*,$", re.IGNORECASE)
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")  # RFC 4648, section 5
_SPACES = b" \t\n\v\f\r\x1c\x1d\x1e\x1f"
# What base64 and its line breaks have that a URL may not, as it stands there.
_ESCAPED = {b"%2B": b"+", b"%2F": b"/", b"%3D": b"=", b"%0A": b"", b"%0D": b"", b"%20": b""}
_MOST_ESCAPES = 300_000  # each is looked at by itself, in Python
_CHARACTERS_AN_ESCAPE = 16  # base64 has half as many that need one


def decode_base64(text: object, field: str) -> bytes:
    """The bytes behind base64: standard or URL-safe, padded or not, with line breaks or not, alone or as a data URL
    (RFC 2397) with any parameters. Raises InvalidRequest, and TooLarge for one that is made of escapes.
    """
    if not isinstance(text, str) or not text:
        raise InvalidRequest(f"field '{field}' is not a base64 string", "encode the file's bytes with base64")
    head = _DATA_URL.match(text)
    if head is None:
        return _decoded(text, field)
    payload = text[head.end() :]
    is_base64 = _IS_BASE64.search(head[0]) is not None
    most = _MOST_ESCAPES + (len(payload) // _CHARACTERS_AN_ESCAPE if is_base64 else 0)
    if payload.count("%") > most:
        raise TooLarge(f"field '{field}' has more than {most} escapes", "write data:...;base64, instead")
    return _decoded(payload, field) if is_base64 else unquote_to_bytes(payload)


def _decoded(text: str, field: str) -> bytes:
    """As bytes throughout: a string of millions of characters is gone through a character at a time."""
    try:
        characters = _unescaped(text.encode("ascii")).translate(_TO_STANDARD, _SPACES).rstrip(b"=")
        return base64.b64decode(characters + b"=" * (-len(characters) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"field '{field}' is not valid base64: {error}", "encode the file again") from error


def _unescaped(text: bytes) -> bytes:
    if b"%" not in text:
        return text
    for escape, meant in _ESCAPED.items():
        text = text.replace(escape, meant).replace(escape.lower(), meant)
    return text
