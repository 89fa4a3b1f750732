"""The body of a request: received within the limit, and decompressed within the same limit."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from ocr.errors import InvalidRequest, TooLarge, UnsupportedFormat

_GZIP = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3
_GZIP_WINDOW = 31  # zlib.decompressobj: with a head as gzip writes it
_ANY_WINDOW = 47  # the same, or as zlib writes it


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body as it is meant, without its Content-Encoding. Raises TooLarge as soon as its header, its length or
    what is in it says that it is too large, InvalidRequest when it breaks off, UnsupportedFormat for an encoding that
    is not gzip or deflate.
    """
    encoding = content_encoding(request)
    body = await receive_body(request, max_bytes)
    return body if encoding is None else await asyncio.to_thread(_decompressed, body, encoding, max_bytes)


async def receive_body(request: Request, max_bytes: int) -> bytes:
    """The whole body as it is sent. Raises as `read_body` does."""
    require_fitting(announced_bytes(request), max_bytes)
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            require_fitting(len(chunks), max_bytes)
    except ClientDisconnect as error:
        raise InvalidRequest("the body broke off", "send it again") from error
    return bytes(chunks)


def announced_bytes(request: Request) -> int | None:
    """What Content-Length says; None where there is none."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdecimal() else None


def require_fitting(size: int | None, max_bytes: int) -> None:
    """Raises TooLarge."""
    if size is not None and size > max_bytes:
        raise TooLarge(
            f"the body has {size} bytes or more; the limit is {max_bytes}",
            "send a smaller or better compressed file, or fewer at once",
        )


def content_encoding(request: Request) -> str | None:
    """How the body is compressed; None when it is not. Raises UnsupportedFormat for what is not decompressed here."""
    told = [part.strip().lower() for part in request.headers.get("content-encoding", "").split(",")]
    encodings = [part for part in told if part not in ("", "identity")]
    if not encodings:
        return None
    if len(encodings) > 1 or encodings[0] not in {*_GZIP, "deflate"}:
        raise UnsupportedFormat(
            f"cannot read a body with Content-Encoding: {', '.join(encodings)}",
            "send it with Content-Encoding: gzip or deflate, or uncompressed without the header",
        )
    return encodings[0]


def _decompressed(body: bytes, encoding: str, max_bytes: int) -> bytes:
    whole = bytearray()
    rest = body
    try:
        while rest or not whole:  # gzip files may stand one behind the other
            member = zlib.decompressobj(_GZIP_WINDOW if encoding in _GZIP else _window_of_deflate(rest))
            whole += member.decompress(rest, max_bytes + 1 - len(whole))
            require_fitting(len(whole), max_bytes)
            if not member.eof:
                raise InvalidRequest(f"the {encoding} body breaks off", "send all of it")
            rest = member.unused_data.lstrip(b"\0")  # some programs fill up the last block
            if not whole and not rest:
                break
    except zlib.error as error:
        raise InvalidRequest(
            f"the body is not {encoding}, as its Content-Encoding says: {error}", "compress it again, or leave out both"
        ) from error
    return bytes(whole)


def _window_of_deflate(body: bytes) -> int:
    """RFC 9110 means zlib's form by "deflate"; some programs send it without its head."""
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _ANY_WINDOW if is_zlib else -zlib.MAX_WBITS
