"""Files as base64, in every form that programs write it."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from ocr.errors import InvalidRequest

_DATA_URL = re.compile(r"\s*data:[^,]*,", re.IGNORECASE)
_IS_BASE64 = re.compile(r";\s*base64\s*,$", re.IGNORECASE)
_TO_STANDARD = str.maketrans("-_", "+/")  # RFC 4648, section 5


def decode_base64(text: object, field: str) -> bytes:
    """The bytes behind base64: standard or URL-safe, padded or not, with line breaks or not, alone or as a data URL
    (RFC 2397) with any parameters. Raises InvalidRequest.
    """
    if not isinstance(text, str) or not text:
        raise InvalidRequest(f"field '{field}' is not a base64 string", "encode the file's bytes with base64")
    head = _DATA_URL.match(text)
    if head is None:
        return _decoded(text, field)
    payload = text[head.end() :]
    if _IS_BASE64.search(head[0]) is None:
        return unquote_to_bytes(payload)
    return _decoded(unquote_to_bytes(payload).decode("latin-1") if "%" in payload else payload, field)


def _decoded(text: str, field: str) -> bytes:
    characters = "".join(text.split()).translate(_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(characters + "=" * (-len(characters) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"field '{field}' is not valid base64: {error}", "encode the file again") from error
