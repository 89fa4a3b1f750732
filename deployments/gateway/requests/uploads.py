"""From an HTTP request to the bytes of an image and typed options, whichever of the three ways it was sent.

JSON with base64, multipart with a file field `image` or `file`, or the raw bytes with options in the query. Bodies stay
in memory. An option that is not known is an error, never ignored.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from typing import Any, Generic

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.bodies import read_body
from deployments.gateway.requests.form_parts import FormParts
from deployments.gateway.requests.options import Options, parse
from ocr.errors import InvalidRequest, TooLarge, UnsupportedFormat

# Base64 has no commas, so however large an image is, a body has few of them.
_USUAL_VALUES = 1000
# Of base64, some encoders escape every slash (one character in 64) and each end of a line (one in 76).
_USUAL_ESCAPES_PER_BYTE = 1 / 16
_BEGINNING = 100
# Of white space in a body: the parser goes over it with an expression, and holds everything up as long as it does.
_MOST_BLANKS = 1_000_000
# What is larger is parsed beside the event loop, one body after another: each keeps Python's lock for a while, and
# between two of them the loop goes on.
_PARSED_AT_ONCE_BYTES = 1_000_000
_PARSING = ThreadPoolExecutor(1, thread_name_prefix="json")
_PIECE_BYTES = 262_144

_FILE_FIELDS = ("image", "file")
_URL_ENCODED = "application/x-www-form-urlencoded"
_FIELDS = tuple(f"{name}=".encode() for name in _FILE_FIELDS)


_MOST_HEADER = 4096
_MOST_FIELDS = 32
_MOST_FIELD_BYTES = 100_000  # of a field of a form that is no file
_MOST_NAME = 255  # characters of a file's name
_OF_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Upload(Generic[Options]):
    """A file that was sent, what is asked of it, and its name without folders, "" where none was sent."""

    file: bytes
    options: Options
    name: str = ""


class _InMemoryParser(MultiPartParser):
    """Keeps every part in memory: the whole body is bounded already, and uploads never touch a disk."""

    spool_max_size = 2**62


async def read_upload(request: Request, options: type[Options], max_bytes: int) -> Upload[Options]:
    """The image's bytes and the options of a request for one image. `options` is without the image itself.

    A form says that it is one. Anything else is JSON where it says so or begins like it, else the file itself: the
    media type that a client sends by itself for a file often has nothing to do with it. The name of a file stands in
    its part of the form, or in the Content-Disposition of the request (RFC 6266).
    """
    kind = _content_type(request)
    query = query_of(request)
    name = _plain_name(_disposition_name(request.headers.get("content-disposition", "")))
    if kind == "multipart/form-data":
        file, sent_name, fields = await _read_form(request, max_bytes)
        return Upload(file, parse(options, merged(fields, query)), _plain_name(sent_name) or name)
    body = await read_body(request, max_bytes)
    if kind == "application/json" or body[:_BEGINNING].lstrip().startswith(b"{"):
        fields = merged(await _json_object(body, images=1), query)
        if "image" not in fields:
            raise InvalidRequest("the JSON body has no field 'image'", 'send {"image": "<base64 of the file>"}')
        image = await asyncio.to_thread(decode_base64, fields.pop("image"), "image")
        return Upload(image, parse(options, fields), name)
    if kind == _URL_ENCODED and body.startswith(_FIELDS):
        raise InvalidRequest("the form is URL-encoded", "send it as multipart/form-data (curl -F), or the file alone")
    return Upload(body, parse(options, query), name)


def require_json(request: Request) -> None:
    """Refuse a body that does not call itself JSON. Raises UnsupportedFormat."""
    kind = _content_type(request)
    if kind != "application/json":
        raise UnsupportedFormat(f"cannot read a body of type {kind or '(none)'}", "send application/json")


async def read_json(request: Request, max_bytes: int, images: int = 1) -> dict[str, Any]:
    """The JSON object in the body, together with the options in the query. `images` is how many it may hold at most."""
    return merged(await _json_object(await read_body(request, max_bytes), images), query_of(request))


def query_of(request: Request) -> dict[str, str]:
    """The options in the query. Raises InvalidRequest when one is given twice."""
    return _single_values(request.query_params.multi_items())


async def _json_object(body: bytes, images: int) -> dict[str, Any]:
    """What `json_object` finds, however large the body is."""
    if len(body) <= _PARSED_AT_ONCE_BYTES:
        return json_object(body, images)
    return await asyncio.get_running_loop().run_in_executor(_PARSING, json_object, body, images)


def json_object(body: bytes | str, images: int) -> dict[str, Any]:
    """The object in a body or a message that holds so many images at most. One of millions of small values or
    escapes is refused before it is parsed: that would hold up every other caller. Raises TooLarge or InvalidRequest.
    """
    if _is_mostly_blank(body):
        raise TooLarge(f"the JSON body has more than {_MOST_BLANKS} blanks", "leave them out")
    most = _USUAL_VALUES + 2 * images  # a data URL has a comma of its own
    commas, escapes = (",", "\\") if isinstance(body, str) else (b",", b"\\")
    if body.count(commas) > most:  # type: ignore[arg-type]  # of the body's own kind
        raise TooLarge(f"the JSON body holds more than {most} values", "send fewer images at once")
    if body.count(escapes) > _USUAL_VALUES + len(body) * _USUAL_ESCAPES_PER_BYTE:  # type: ignore[arg-type]
        raise TooLarge("the JSON body is made of escapes", "send base64 as it is: it needs no backslash")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, an endless number, too deep
        raise InvalidRequest(f"the body is not JSON: {error}", "check the JSON, or send the file as it is") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"the JSON body is a {type(value).__name__}", "send a JSON object")
    return value


def _is_mostly_blank(body: bytes | str) -> bool:
    """Whether it has more than `_MOST_BLANKS` of white space. To look at its ends first costs least."""
    if len(body) <= _MOST_BLANKS:
        return False
    if not body[: _MOST_BLANKS + 1].strip() or not body[-_MOST_BLANKS - 1 :].strip():
        return True
    blanks = (body.count(blank if isinstance(body, str) else blank.encode()) for blank in " \t\n\r")  # type: ignore[arg-type]
    return sum(blanks) > _MOST_BLANKS


async def _read_form(request: Request, max_bytes: int) -> tuple[bytes, str, dict[str, str]]:
    """The file, its name, and the other fields."""
    body = await read_body(request, max_bytes)
    _, parameters = parse_options_header(request.headers["content-type"])
    parts = FormParts(parameters.get(b"boundary", b""), 1 + _MOST_FIELDS)
    async for piece in _pieces(body):
        parts.count(piece)

    async def stream() -> AsyncGenerator[bytes, None]:
        # In pieces, so that what is too large is refused by its beginning.
        async for piece in _pieces(body):
            yield piece

    try:
        form = await _InMemoryParser(
            request.headers, stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES
        ).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the multipart body is malformed: {error}", "send one file field 'image'") from error
    try:
        files = [value for name, value in form.multi_items() if name in _FILE_FIELDS and isinstance(value, UploadFile)]
        if len(files) != 1:
            raise InvalidRequest("the form has no file field 'image' or 'file'", "send the file as form field 'image'")
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        return await files[0].read(), files[0].filename or "", _single_values(fields)
    finally:
        await form.close()


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    """The body in pieces, between which the event loop goes on."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
        await asyncio.sleep(0)


def _disposition_name(header: str) -> str:
    """The `filename` of a Content-Disposition, also one that is written as `filename*`."""
    message = Message()
    try:
        message["Content-Disposition"] = header[:_MOST_HEADER].encode("latin-1").decode()
        return message.get_filename("")
    except (ValueError, LookupError):  # not UTF-8, a line end, a character set that is none
        return ""


def _plain_name(name: str) -> str:
    """A name without folders, also those of Windows, and without control characters."""
    folders = r"[/\\]" if _OF_WINDOWS.match(name) else "/"
    return _NOT_IN_NAMES.sub("", re.split(folders, name)[-1]).strip()[:_MOST_NAME]


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _single_values(items: Sequence[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in items:
        if name in values:
            raise InvalidRequest(f"option '{name}' is given twice", "give it once; lists are written a,b")
        values[name] = value
    return values


def merged(fields: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """The options of the body and those of the query. Raises InvalidRequest when one is given in both."""
    twice = sorted(fields.keys() & query.keys())
    if twice:
        raise InvalidRequest(f"option '{twice[0]}' is given in the body and in the query", "give it once")
    return {**fields, **query}
