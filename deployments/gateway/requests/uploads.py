"""From an HTTP request to the bytes of an image and typed options, whichever of the three ways it was sent.

JSON with base64, multipart with a file field `image`, or the raw bytes with options in the query. Bodies stay in memory
and are refused as soon as they are seen to be too large. An option that is not known is an error, never ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from deployments.gateway.requests.options import Options, parse
from ocr.errors import InvalidRequest, TooLarge, UnsupportedFormat

# Base64 has no commas, so however large an image is, a body has few of them.
_USUAL_VALUES = 1000


class _InMemoryParser(MultiPartParser):
    """Keeps every part in memory: the whole body is bounded already, and uploads never touch a disk."""

    spool_max_size = 2**62


async def read_upload(request: Request, options: type[Options], max_bytes: int) -> tuple[bytes, Options]:
    """The image's bytes and the options of a request for one image. `options` is without the image itself."""
    kind = _content_type(request)
    if kind == "application/json":
        fields = await read_json(request, max_bytes)
        if "image" not in fields:
            raise InvalidRequest("the JSON body has no field 'image'", 'send {"image": "<base64 of the file>"}')
        return decode_base64(fields.pop("image"), "image"), parse(options, fields)
    query = query_of(request)
    if kind == "multipart/form-data":
        image, fields = await _read_form(request, max_bytes)
        return image, parse(options, _merged(fields, query))
    if kind.startswith("image/") or kind in ("application/pdf", "application/octet-stream", ""):
        return await read_body(request, max_bytes), parse(options, query)
    raise UnsupportedFormat(
        f"cannot read a body of type {kind}", "send application/json, multipart/form-data, image/* or application/pdf"
    )


def require_json(request: Request) -> None:
    """Refuse a body that does not call itself JSON. Raises UnsupportedFormat."""
    kind = _content_type(request)
    if kind != "application/json":
        raise UnsupportedFormat(f"cannot read a body of type {kind or '(none)'}", "send application/json")


async def read_json(request: Request, max_bytes: int, images: int = 1) -> dict[str, Any]:
    """The JSON object in the body, together with the options in the query. `images` is how many it may hold at most.

    A body of millions of small values is refused before it is parsed: that would hold up every other caller.
    """
    body = await read_body(request, max_bytes)
    most = _USUAL_VALUES + 2 * images  # a data URL has a comma of its own
    if body.count(b",") > most:
        raise TooLarge(f"the JSON body holds more than {most} values", "send fewer images at once")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, an endless number, too deep
        raise InvalidRequest(f"the body is not JSON: {error}", "check the JSON, or send the file as it is") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"the JSON body is a {type(value).__name__}", "send a JSON object")
    return _merged(value, query_of(request))


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body, refused as soon as its header or its length says that it is too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_many_bytes(int(announced), max_bytes)
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > max_bytes:
                raise _too_many_bytes(len(chunks), max_bytes)
    except ClientDisconnect as error:
        raise InvalidRequest("the body ended early", "send it again") from error
    return bytes(chunks)


def query_of(request: Request) -> dict[str, str]:
    """The options in the query. Raises InvalidRequest when one is given twice."""
    return _single_values(request.query_params.multi_items())


def decode_base64(text: object, field: str) -> bytes:
    """The bytes behind base64, with or without the `data:image/...;base64,` that browsers put before it."""
    if not isinstance(text, str) or not text:
        raise InvalidRequest(f"field '{field}' is not a base64 string", "encode the file's bytes with base64")
    payload = text.split(",", 1)[1] if text.startswith("data:") and "," in text[:100] else text
    try:
        return base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"field '{field}' is not valid base64: {error}", "encode the file's bytes anew") from error


async def _read_form(request: Request, max_bytes: int) -> tuple[bytes, dict[str, str]]:
    body = await read_body(request, max_bytes)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _InMemoryParser(
            request.headers, stream(), max_files=1, max_fields=32, max_part_size=max_bytes
        ).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the multipart body is malformed: {error}", "send one file field 'image'") from error
    try:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise InvalidRequest("the form has no file field 'image'", "send the file as form field 'image'")
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        return await image.read(), _single_values(fields)
    finally:
        await form.close()


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _single_values(items: Sequence[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in items:
        if name in values:
            raise InvalidRequest(f"option '{name}' is given twice", "give it once; lists are written a,b")
        values[name] = value
    return values


def _merged(fields: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    twice = sorted(fields.keys() & query.keys())
    if twice:
        raise InvalidRequest(f"option '{twice[0]}' is given in the body and in the query", "give it once")
    return {**fields, **query}


def _too_many_bytes(size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"the body has {size} bytes or more; the limit is {limit}",
        "send a smaller or better compressed file, or fewer at once",
    )
