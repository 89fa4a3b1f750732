"""The body of a request: received within the limit, and decompressed within the same limit."""

from __future__ import annotations

import asyncio
import re
import zlib

from starlette.requests import ClientDisconnect, Request

from ocr.errors import InvalidRequest, TooLarge, UnsupportedFormat

_GZIP = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3
_GZIP_WINDOW = 31  # zlib.decompressobj: with a head as gzip writes it
_ANY_WINDOW = 47  # the same, or as zlib writes it
# What zlib has not used it copies, so it is given little at a time; and each member costs some microseconds. Programs
# that compress in blocks (bgzip) write members of many kilobytes.
_BYTES_AT_ONCE = 16_384
_FEW_MEMBERS, _BYTES_A_MEMBER = 1000, 1024
_ZEROS = re.compile(rb"\0*")


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
    whole, at = bytearray(), 0
    most = _FEW_MEMBERS + len(body) // _BYTES_A_MEMBER
    try:
        for _ in range(most):  # gzip files may stand one behind the other
            at = _decompress_member(body, at, encoding, whole, max_bytes)
            at = _ZEROS.match(body, at).end()  # type: ignore[union-attr] # some programs fill up the last block
            if at == len(body):
                return bytes(whole)
    except zlib.error as error:
        raise InvalidRequest(
            f"the body is not {encoding}, as its Content-Encoding says: {error}", "compress it again, or leave out both"
        ) from error
    raise TooLarge(f"the {encoding} body has more than {most} parts, each compressed by itself", "compress it in one")


def _decompress_member(body: bytes, at: int, encoding: str, whole: bytearray, max_bytes: int) -> int:
    """Add to `whole` what is compressed from `at` on. Returns where that ends."""
    member = zlib.decompressobj(_GZIP_WINDOW if encoding in _GZIP else _window_of_deflate(body[at : at + 2]))
    while not member.eof:
        part = body[at : at + _BYTES_AT_ONCE]
        if not part:
            raise InvalidRequest(f"the {encoding} body breaks off", "send all of it")
        whole += member.decompress(part, max_bytes + 1 - len(whole))
        require_fitting(len(whole), max_bytes)
        at += len(part)
    return at - len(member.unused_data)


def _window_of_deflate(body: bytes) -> int:
    """RFC 9110 means zlib's form by "deflate"; some programs send it without its head."""
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _ANY_WINDOW if is_zlib else -zlib.MAX_WBITS
