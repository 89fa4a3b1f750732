"""Files that come as base64 in a JSON object, handed on piece by piece, so that neither the body nor a file is whole
in memory. All else of the object is small, and parsed when it is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployments.gateway.requests.base64_files import Base64Decoder
from deployments.gateway.requests.uploads import json_object
from ocr.errors import InvalidRequest, OutOfRange, TooLarge

MOST_BESIDE_BYTES = 1_000_000
"""Of a body, without its files."""

_SIGN = re.compile(rb'["{}\[\],:]')
# Within a string: up to its end, a broken escape, or an escape that is not all there.
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\(?:u[0-9a-fA-F]{4}|[^u]))*+', re.DOTALL)
_LONGEST_ESCAPE = 6


@dataclass(frozen=True, slots=True)
class FileFields:
    """Under which names a JSON object holds files: `one` is a string, `several` a list of strings. `address` would name
    a file that lies elsewhere, which is refused.
    """

    one: str = "image"
    several: str | None = "images"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """The next bytes of a file, and whether it begins or ends with them."""

    content: bytes = b""
    begins: bool = False
    ends: bool = False


class JsonUpload:
    """One body. Every method raises InvalidRequest for what is not JSON or not base64, and TooLarge."""

    def __init__(self, fields: FileFields, max_files: int) -> None:
        self._fields = fields
        self._max_files = max_files
        self._beside = bytearray()
        self._open: list[int] = []
        self._string: bytearray | None = None
        self._decoder: Base64Decoder | None = None
        self._cut = b""
        self._is_key_next = False
        self._key = ""
        self._files: dict[str, int] = {}

    def parts(self, piece: bytes) -> Iterator[FilePart]:
        """What the next piece of the body brings of files."""
        piece, at = self._cut + piece, 0
        self._cut = b""
        while at < len(piece):
            if self._string is None and self._decoder is None:
                at, is_file = self._to_next_string(piece, at)
                if is_file:
                    yield FilePart(begins=True)
                continue
            end = _IN_STRING.match(piece, at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self._decoder is None:
                self._keep(piece[at:end])
            elif end > at:
                yield FilePart(self._decoder.decode(_plain(piece[at:end])))
            at = end
            if at == len(piece):
                return
            if piece[at : at + 1] == b'"':
                yield from self._end_string()
                at += 1
            elif len(piece) - at < _LONGEST_ESCAPE:
                self._cut = piece[at:]
                return
            else:
                raise _malformed("it holds a broken escape")

    def finish(self, max_files: int) -> dict[str, Any]:
        """All else of the object, when the body is at its end. Raises OutOfRange for a file that lies elsewhere."""
        told = json_object(bytes(self._beside + self._cut), max_files)
        if self._fields.address in told:
            raise OutOfRange(f"'{self._fields.address}' is not read: nothing is fetched", "send the file itself")
        one, several = told.pop(self._fields.one, None), self._several_of(told)
        names = [name for name in (self._fields.one, self._fields.several) if name is not None]
        if (one is None) == (several is None):
            either = " or ".join(f"'{name}'" for name in names)
            example = f'{{"{names[0]}": "<base64 of the file>"}}'
            raise InvalidRequest(f"the JSON body needs {either}", f"send {example}")
        if several is not None and not isinstance(several, list):
            raise InvalidRequest(f"field '{names[-1]}' is no list", "send a list of files, each base64")
        if not all(isinstance(image, str) for image in several or [one]):
            raise InvalidRequest(f"a file in '{names[0 if several is None else -1]}' is no string", "send it as base64")
        return told

    def _several_of(self, told: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the JSON holds
        return None if self._fields.several is None else told.pop(self._fields.several, None)

    def _to_next_string(self, piece: bytes, at: int) -> tuple[int, bool]:
        """Note what stands before the next string, and what that is. Returns where it begins, and whether it is a
        file.
        """
        start = at
        while (sign := _SIGN.search(piece, at)) is not None:
            at = sign.end()
            if sign[0] == b'"':
                self._keep(piece[start:at])
                return at, self._begin_string()
            self._follow(sign[0])
        self._keep(piece[start:])
        return len(piece), False

    def _follow(self, sign: bytes) -> None:
        if sign in b"{[":
            self._open.append(sign[0])
            self._is_key_next = sign == b"{"
        elif sign in b"}]":
            if self._open:
                self._open.pop()
        else:
            self._is_key_next = sign == b"," and self._open[-1:] == [ord("{")]

    def _begin_string(self) -> bool:
        field = self._field_of_file()
        if field is None:
            self._string = bytearray()
            return False
        count = self._files[field] = self._files.get(field, 0) + 1
        if count > 1 and field == self._fields.one:
            raise InvalidRequest(f"field '{field}' is given twice", "give it once")
        if count > self._max_files:
            raise TooLarge(f"the job has more than {self._max_files} files", "submit several jobs")
        self._decoder = Base64Decoder(field if field == self._fields.one else f"{field}.{count - 1}")
        return True

    def _field_of_file(self) -> str | None:
        """In which field a file begins where the next string begins; None where it is something else."""
        if self._is_key_next:
            return None
        if self._open == [ord("{")] and self._key == self._fields.one:
            return self._key
        if self._open == [ord("{"), ord("[")] and self._key == self._fields.several:
            return self._key
        return None

    def _end_string(self) -> Iterator[FilePart]:
        if self._decoder is not None:
            yield FilePart(self._decoder.finish(), ends=True)
            self._decoder = None
        elif self._string is not None:
            if self._is_key_next and len(self._open) == 1:
                self._key = _plain(bytes(self._string)).decode("utf-8", "replace")
            self._string = None
        self._is_key_next = False
        self._keep(b'"')

    def _keep(self, content: bytes) -> None:
        self._beside += content
        if self._string is not None:
            self._string += content
        if len(self._beside) > MOST_BESIDE_BYTES:
            message = f"the JSON body has more than {MOST_BESIDE_BYTES} bytes beside its files"
            raise TooLarge(message, "leave out what is no option")


def _plain(text: bytes) -> bytes:
    """The inside of a JSON string without its escapes."""
    if b"\\" not in text:
        return text
    try:
        whole: str = json.loads(b'"' + text + b'"', strict=False)
    except ValueError as error:
        raise _malformed(str(error)) from error
    return whole.encode("utf-8", "surrogatepass")


def _malformed(why: str) -> InvalidRequest:
    return InvalidRequest(f"the body is not JSON: {why}", "check the JSON, or send the file as it is")
