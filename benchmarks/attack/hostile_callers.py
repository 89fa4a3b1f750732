"""Callers that mean harm, or behave as if. Each one works for some seconds against a service on loopback, with a
bounded number of requests and connections, and then goes away. What they send is made here; none of it crashes
anything.

    python -m benchmarks.attack.hostile_callers NAME HOST PORT SECONDS

is one of them as a process of its own, at the lowest priority: a real one computes on another machine, and must not
take the processors of the service here. Ray runs the service at nice 15, so at nice 19 the caller still gets about a
third of a processor that one process of the service wants too: enough to send, and it counts against the service. It
says `ready` when what it sends is made, begins when it is sent a line, and says at the end how many seconds of a
processor it took.

Two kinds of harm are tried: holding what others need (places, connections, streams, memory), and making the service
compute for very little that was sent.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial

import httpx
import numpy as np
import PIL.Image
import PIL.ImageDraw
import websockets

from benchmarks.attack.asking import (
    JSON,
    PDF,
    PNG,
    Attack,
    Posting,
    Target,
    getting,
    head_of_post,
    holding_connections,
    repeated,
)
from benchmarks.attack.kept_and_foreign import WithJob, kept_kinds, protocol_kinds
from benchmarks.harness.results import ROOT
from benchmarks.inputs.bad_files import bad_files, pdf_of_pages, png_of_size

PAGE = ROOT / "examples" / "quick.png"
SEVEN = ROOT / "tests" / "fixtures" / "seven.png"
LEAVES_S = 3.0
"""When its time is over a caller waits so long for its last answers, and then hangs up."""


def _nothing() -> None:
    """Most callers have nothing to prepare."""


@dataclass(frozen=True, slots=True)
class HostileCaller:
    """`name` says what it does; `attack` does it until its target's time is over. What takes long to make is made
    before, by `prepare`.
    """

    name: str
    attack: Attack
    prepare: Callable[[], object] = _nothing


def hostile_callers() -> list[HostileCaller]:
    """All of them."""
    kinds = (*_holding(), *_requests(), *_pictures(), *_documents(), *kept_kinds(), *protocol_kinds())
    return [HostileCaller(name, attack, _preparation(attack)) for name, attack in kinds]


def _preparation(attack: Attack) -> Callable[[], object]:
    return (lambda: attack.body) if isinstance(attack, Posting | WithJob) else _nothing


# --- holding what others need -----------------------------------------------------------------------------------------


async def idle_streams(target: Target) -> None:
    """Opens many more streams than one caller may have, and says nothing."""

    async def idle() -> None:
        with suppress(OSError, websockets.WebSocketException, TimeoutError):
            async with websockets.connect(f"ws://{target.host}:{target.port}/stream?task=text") as socket:
                await asyncio.wait_for(socket.wait_closed(), target.seconds_left)

    async with asyncio.TaskGroup() as group:
        for _ in range(64):
            group.create_task(idle())


async def flooded_stream(target: Target) -> None:
    """Sends frames as fast as they go out, each a little different."""
    frames = [_words(600, 20, seed) for seed in range(8)]
    with suppress(OSError, websockets.WebSocketException, TimeoutError):
        async with websockets.connect(f"ws://{target.host}:{target.port}/stream?task=text") as socket:
            for number in range(2000):
                if not target.seconds_left:
                    break
                await asyncio.wait_for(socket.send(frames[number % len(frames)]), target.seconds_left)
                await asyncio.sleep(0.002)


async def compressed_stream(target: Target) -> None:
    """Sends frames of 9 MB of zeros, of which a thousandth is sent (permessage-deflate)."""
    with suppress(OSError, websockets.WebSocketException, TimeoutError):
        async with websockets.connect(f"ws://{target.host}:{target.port}/stream?task=text") as socket:
            for _ in range(500):
                if not target.seconds_left:
                    break
                await asyncio.wait_for(socket.send(bytes(9_000_000)), target.seconds_left)


async def unread_answers(target: Target) -> None:
    """Asks for pages with all pictures, and reads nothing of what comes."""
    page = PAGE.read_bytes()

    async def ask() -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(target.host, target.port, limit=1024)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(5):
                writer.write(
                    head_of_post("/predict_text?engines=tesseract&pictures=true&explain=true", len(page)) + page
                )
            await asyncio.sleep(target.seconds_left)
            writer.transport.abort()

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(ask())


async def cut_off_keyed_requests(target: Target) -> None:
    """The same as below under ever new idempotency keys: what is asked goes on without its caller."""
    keys = itertools.count()
    await cut_off_requests(target, lambda: f"Idempotency-Key: cut-{next(keys)}\r\n")


async def cut_off_requests(target: Target, header: Callable[[], str] = str) -> None:
    """Sends a whole page and hangs up before the answer, again and again: twenty times a second."""
    page = PAGE.read_bytes()
    for _ in range(600):
        if not target.seconds_left:
            return
        with suppress(OSError):
            _, writer = await asyncio.open_connection(target.host, target.port)
            writer.write(head_of_post("/predict_text", len(page), header()) + page)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()


def _holding() -> Iterator[tuple[str, Attack]]:
    head = head_of_post("/predict_text", 1_000_000)
    yield "500 connections that say nothing", holding_connections(b"", b"", 1.0, 500)
    yield "200 requests whose headers never end", holding_connections(b"GET / HTTP/1.1\r\n", b"X-A: b\r\n", 0.5, 200)
    yield "300 bodies of ten bytes a second", holding_connections(head, b"x" * 5, 0.5, 300)
    yield "300 bodies that stop in the middle", holding_connections(head + b"x" * 1000, b"", 1.0, 300)
    chunked = b"POST /predict_text HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield (
        "100 bodies in chunks without an end",
        holding_connections(chunked, b"400\r\n" + b"x" * 1024 + b"\r\n", 0.05, 100),
    )
    tiny = chunked + b"1\r\nx\r\n" * 10_000
    yield "20 bodies in chunks of one byte", holding_connections(tiny, b"1\r\nx\r\n" * 10_000, 0.2, 20)
    yield "bytes that are no HTTP", holding_connections(b"\x16\x03\x01" * 100, b"\x00" * 100, 0.2, 100)
    yield "64 idle streams", idle_streams
    yield "a stream of frames without a pause", flooded_stream
    yield "a stream of compressed zeros", compressed_stream
    yield "answers that nobody reads", unread_answers
    yield "pages whose caller hangs up", cut_off_requests
    yield "the same under idempotency keys", cut_off_keyed_requests


# --- requests that cost more than they should -------------------------------------------------------------------------


def _many_names() -> str:
    return "/predict?" + "&".join(f"n{number}=1" for number in range(4000))


def _form_of_fields() -> bytes:
    field = '--b\r\nContent-Disposition: form-data; name="f{}"\r\n\r\nx\r\n'
    return ("".join(field.format(number) for number in range(20_000)) + "--b--\r\n").encode()


def _batch(images: list[str]) -> bytes:
    return json.dumps({"images": images, "task": "text"}).encode()


def _blanked() -> bytes:
    return b'{"image":"' + b"Q " * 4_500_000 + b'"}'


def _batch_of_characters(image: bytes) -> bytes:
    return json.dumps({"images": [base64.b64encode(image).decode()] * 256, "task": "character"}).encode()


async def keyed_requests(target: Target) -> None:
    """The same small page under ever new idempotency keys."""
    page = _words(300, 5, 0)
    keys = iter(range(100_000))

    async def once(client: httpx.AsyncClient) -> None:
        headers = {**PNG, "Idempotency-Key": f"key-{next(keys)}"}
        await client.post("/predict_text?engines=tesseract&explain=true", content=page, headers=headers)

    await repeated(target, once, at_once=4, most=200)


def _requests() -> Iterator[tuple[str, Attack]]:
    text = JSON
    yield (
        "a batch of 3,000,000 empty images",
        Posting("/batch_predict", lambda: b'{"images":[' + b'"",' * 2_400_000 + b'""]}', text),
    )
    yield "a batch of 256 images that are none", Posting("/batch_predict", lambda: _batch(["bm8="] * 256), text)
    yield "JSON 100,000 levels deep", Posting("/predict", lambda: b'{"image":' + b"[" * 100_000, text)
    yield (
        "JSON with a number of a million digits",
        Posting("/predict", lambda: b'{"image":' + b"9" * 1_000_000 + b"}", text),
    )
    yield "an option name of 5 MB", Posting("/predict", lambda: b'{"image":"a","' + b"x" * 5_000_000 + b'":1}', text)
    yield "base64 of white space", Posting("/predict", lambda: b'{"image":"' + b" \\n" * 3_000_000 + b'"}', text)
    yield "a data URL of escapes", Posting("/predict", lambda: b'{"image":"data:,' + b"%41" * 3_000_000 + b'"}', text)
    yield "base64 with a blank behind each character", Posting("/predict", _blanked, text)
    yield (
        "a batch of 256 characters",
        Posting("/batch_predict", lambda: _batch_of_characters(SEVEN.read_bytes()), text, 4, 40),
    )
    yield (
        "256 headers at once",
        Posting("/batch_predict", lambda: _batch_of_characters(_jpeg_of_markers(900)), text, 16, 200),
    )
    yield "a query of 4,000 names", getting(_many_names())
    ranges = ", ".join(f"a/{number}" for number in range(3000)).encode()
    yield (
        "3,000 media types to choose from",
        Posting("/predict_text", PAGE.read_bytes, {**PNG, "Accept": ranges.decode()}),
    )
    yield (
        "a form of 20,000 fields",
        Posting("/predict", _form_of_fields, {"Content-Type": "multipart/form-data; boundary=b"}),
    )
    yield "bodies of 80 MB", Posting("/predict_text", lambda: b"x" * 80_000_000, PNG, most=60)
    yield "bodies of 40 MB", Posting("/predict_text", lambda: b"x" * 40_000_000, PNG, most=60)
    yield "request ids of 30 kB", getting("/ready", [(b"X-Request-ID", b"x" * 30_000)])
    yield "request ids that are not ASCII", getting("/ready", [(b"X-Request-ID", "é".encode())])
    yield (
        "instructions to Serve",
        getting("/ready", [(b"X-Request-Timeout-Seconds", b"\xff"), (b"X-Session-Id", b"\xff")]),
    )
    yield "paths that are no route", getting("/" + "a/" * 500)
    yield "guesses at the administrator's key", getting("/config", [(b"X-API-Key", b"guess")])
    yield (
        "a name that is not the service's",
        getting("/status", [(b"Host", b"evil.example")]),
    )
    yield "/status and /metrics without a pause", getting("/metrics", at_once=4)
    yield "the page and its files without a pause", getting("/page/page.js")
    yield "no time to answer", Posting("/predict_text?timeout_s=0.001", PAGE.read_bytes, PNG, at_once=8)
    yield "ever new idempotency keys", keyed_requests


# --- pictures and documents -------------------------------------------------------------------------------------------


@cache
def _words(width: int, count: int, seed: int) -> bytes:
    """A picture of separate short words, as tables have them."""
    random = np.random.default_rng(seed)
    picture = PIL.Image.new("L", (width, width), 255)
    pen = PIL.ImageDraw.Draw(picture)
    for x, y in random.integers(0, width - 30, (count, 2)):
        pen.text((int(x), int(y)), "ab", fill=0)
    return _as_png(picture)


def _grid_of_words(side: int, step: int) -> bytes:
    picture = PIL.Image.new("1", (side, side), 1)
    pen = PIL.ImageDraw.Draw(picture)
    for y in range(5, side - 15, step):
        for x in range(5, side - 20, step * 2):
            pen.text((x, y), "ab", fill=0)
    return _as_png(picture)


def _dense_text(lines: int, characters: int) -> bytes:
    """A page of lines as dense as in a telephone book."""
    random = np.random.default_rng(0)
    picture = PIL.Image.new("L", (characters * 6 + 40, lines * 14 + 40), 255)
    pen = PIL.ImageDraw.Draw(picture)
    for line in range(lines):
        letters = "".join(chr(code) for code in random.integers(97, 123, characters))
        pen.text((20, 20 + line * 14), letters, fill=0)
    return _as_png(picture)


def _noise(side: int) -> bytes:
    dots = np.random.default_rng(0).random((side, side)) > 0.97
    return _as_png(PIL.Image.fromarray((~dots).astype(np.uint8) * 255))


def _as_png(picture: PIL.Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _png_of_chunks(count: int) -> bytes:
    """A PNG with very many chunks that say nothing."""
    whole = png_of_size(8, 8)
    chunk = b"\0\0\0\0teSt" + zlib.crc32(b"teSt").to_bytes(4, "big")
    return whole[:33] + chunk * count + whole[33:]


def _jpeg_of_markers(count: int) -> bytes:
    """A JPEG with very many comments."""
    buffer = io.BytesIO()
    PIL.Image.new("L", (8, 8), 255).save(buffer, "JPEG")
    return buffer.getvalue()[:2] + b"\xff\xfe\0\2" * count + buffer.getvalue()[2:]


def _pictures() -> Iterator[tuple[str, Attack]]:
    text = partial(Posting, "/predict_text", headers=PNG, at_once=3, most=30)
    yield "a picture of 3,000 separate words", text(lambda: _grid_of_words(1500, 20))
    path = "/predict_text?explain=true&engines=tesseract,paddleocr&timeout_s=60"
    yield "a page of 200 lines of 120 characters, explained", Posting(path, lambda: _dense_text(200, 120), PNG, 3, 30)
    path = "/predict_text?pictures=true&preprocess=contrast,denoise,normalise,gamma,sharpen,contrast,denoise,normalise"
    yield "pictures of eight steps of a large page", Posting(path, lambda: _noise(2500), PNG, 3, 12)
    yield "3,000 words through the character route", Posting("/predict", lambda: _grid_of_words(1500, 20), PNG, 3, 30)
    yield "a picture of 60,000 dots", text(lambda: _noise(1400))
    yield "a PNG of 700,000 chunks", text(lambda: _png_of_chunks(700_000))
    yield "a JPEG of 2,000,000 comments", text(lambda: _jpeg_of_markers(2_000_000))
    files = {file.name: file for file in bad_files()}
    for name in ("JPEG with 20,000 scans", "PNG with 200 MB of text", "TIFF of 10,000 pages", "PNG of 65,000 x 65,000"):
        yield f"a {name}", text(files[name].make)
    yield (
        "the dearest cleaning of a large page",
        Posting("/predict_text?preprocess=non_local_means,bilateral,sharpen", lambda: _noise(3000), PNG, 3, 12),
    )


def _documents() -> Iterator[tuple[str, Attack]]:
    files = {file.name: file for file in bad_files()}
    names = ("PDF with forms that double 40 times", "PDF with 2 GB of operators", "PDF of 10,000 pages")
    for name in names:
        yield f"four times a {name}", Posting("/predict_text?pages=1", files[name].make, PDF, 4, 40)
    yield "PDFs of 100 empty pages", Posting("/predict_text", lambda: pdf_of_pages(100), PDF, 4, 20)
    encoded = base64.b64encode(PAGE.read_bytes()).decode()
    yield "batches of eight pages", Posting("/batch_predict", lambda: _batch([encoded] * 8), JSON, 2, 8)


async def work(caller: HostileCaller, target: Target) -> None:
    """What the caller does until its time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(target.seconds_left + LEAVES_S):
            await caller.attack(target)


def main() -> None:
    """One hostile caller, told by the command line."""
    name, host, port, seconds = sys.argv[1:]
    os.nice(19)
    [caller] = [caller for caller in hostile_callers() if caller.name == name]
    caller.prepare()
    print("ready", flush=True)
    sys.stdin.readline()
    began_s = time.process_time()
    asyncio.run(work(caller, Target(host, int(port), time.monotonic() + float(seconds))))
    print(time.process_time() - began_s, flush=True)


if __name__ == "__main__":
    main()
