"""Requests made up at random for every route that a service describes: files of every format that were damaged, options
that are right, wrong and odd, bodies of every kind. The same seed makes the same requests.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks.inputs.bad_files import pdf_of_pages

_PICTURES = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "AVIF", "JPEG2000", "PPM", "ICO")
_ODD = (
    *("", " ", "0", "-1", "1e999", "NaN", "null", "true", "[]", "{}", '{"a":' * 40, "a" * 3000, "\u0000", "%00"),
    *(
        "\u202e",
        "🙂",
        "\ud7ff",
        "../../etc/passwd",
        "1-",
        "-",
        "1,1,1",
        "99999999999999999999",
        "'\"<script>",
        "*/*;q=x",
    ),
    "application/pdf",
)
"""Values that somebody forgot."""

_ODD_JSON: tuple[Any, ...] = (None, True, -1, 0, 1e308, "", "🙂", [], {}, [[[[]]]], {"": {"": ""}}, "a" * 3000)
_METHODS = ("get", "post", "put", "delete")
_TYPES = ("application/json", "application/octet-stream", "image/png", "application/pdf", "text/plain")
_ACCEPTED = ("*/*", "application/json", "text/plain", "application/pdf", "application/x-ndjson", "image/x")
_WELL_KNOWN = {"model": "ocr", "version": "1", "job": "0" * 32}


@dataclass(frozen=True, slots=True)
class FuzzCase:
    """One request, and what is odd about it. `keywords` are those of httpx's `request`."""

    number: int
    method: str
    path: str
    keywords: Mapping[str, Any]
    what: str


@dataclass(slots=True)
class Fuzzer:
    """Makes up requests for the routes of an OpenAPI description and those at `paths` that it does not show, except
    those in `spared`.
    """

    description: Mapping[str, Any]
    seed: int
    paths: Collection[str] = ()
    spared: frozenset[tuple[str, str]] = frozenset()
    _files: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._files = sample_files()

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of each route that is asked."""
        shown = self.description["paths"]
        return [
            (method, path)
            for path in sorted({*shown, *self.paths})
            for method in _METHODS
            if method in shown.get(path, _METHODS) and (method, path) not in self.spared
        ]

    def cases(self) -> Iterator[FuzzCase]:
        """Without end: every route in turn."""
        routes = self.routes()
        number = 0
        while True:
            for method, path in routes:
                yield self._case(number, method, path)
                number += 1

    def _case(self, number: int, method: str, path: str) -> FuzzCase:
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311 - the same requests again
        operation = self.description["paths"].get(path, {}).get(method, {})
        keywords: dict[str, Any] = {"params": self._params(chance, operation), "headers": _headers(chance)}
        what = "no body"
        if method in ("post", "put"):
            what, body = chance.choice(_BODIES)(chance, self._files)
            keywords["headers"] |= body.pop("headers", {})
            keywords |= body
        return FuzzCase(number, method.upper(), _filled(chance, path), keywords, what)

    def _params(self, chance: random.Random, operation: Mapping[str, Any]) -> dict[str, str]:
        """Some of the parameters that the route knows, and now and then one that it does not."""
        known = [each for each in operation.get("parameters", []) if each.get("in") == "query"]
        chosen = chance.sample(known, chance.randint(0, min(3, len(known))))
        params = {each["name"]: _value(chance, each.get("schema", {})) for each in chosen}
        if chance.random() < 0.2:
            params[chance.choice(("format", "surplus", "lang"))] = chance.choice(_ODD)
        return params


def sample_files() -> list[bytes]:
    """A small file of each format that can be made here."""
    picture = PIL.Image.new("RGB", (160, 48), "white")
    PIL.ImageDraw.Draw(picture).text((8, 8), "fuzz 123", fill="black", font=PIL.ImageFont.load_default(24))
    made = [pdf_of_pages(2)]
    for kind in _PICTURES:
        file = io.BytesIO()
        try:
            picture.save(file, kind)
        except (OSError, KeyError):  # this Pillow cannot write it
            continue
        made.append(file.getvalue())
    pages = io.BytesIO()
    picture.save(pages, "TIFF", save_all=True, append_images=[picture, picture])
    return [*made, pages.getvalue()]


def damaged(chance: random.Random, file: bytes) -> bytes:
    """The file as it was, or after some accidents."""
    data = bytearray(file)
    for _ in range(chance.choice((0, 1, 1, 2, 8))):
        _ACCIDENTS[chance.randrange(len(_ACCIDENTS))](chance, data)
        if not data:
            break
    return bytes(data)


def _flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randint(1, 32)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_head(chance: random.Random, data: bytearray) -> None:
    """Where headers say how much there is."""
    at = chance.randrange(min(len(data), 64))
    data[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _cut_out(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randint(1, 200)]


def _repeat(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randint(1, 400)] * chance.randint(1, 20)


def _replace_number(chance: random.Random, data: bytearray) -> None:
    """A number that is written in figures, as in a PDF."""
    digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()]
    if digits:
        at = chance.choice(digits)
        data[at : at + 1] = chance.choice((b"99999999", b"-1", b"0", b"1e9", b""))


_ACCIDENTS: Sequence[Callable[[random.Random, bytearray], None]] = (
    _flip,
    _flip_head,
    _cut,
    _cut_out,
    _repeat,
    _replace_number,
)


Made = tuple[str, dict[str, Any]]


def _raw(chance: random.Random, files: Sequence[bytes]) -> Made:
    content = damaged(chance, chance.choice(files))
    headers = {"content-type": chance.choice(_TYPES)}
    if chance.random() < 0.15:
        headers["content-encoding"] = chance.choice(("gzip", "deflate", "br", "gzip, gzip"))
        content = gzip.compress(content, mtime=0) if chance.random() < 0.7 else content
    return "a damaged file", {"content": content, "headers": headers}


def _form(chance: random.Random, files: Sequence[bytes]) -> Made:
    name = chance.choice(("image", "file", "files", "surplus", ""))
    sent = [
        (name, (chance.choice(_ODD)[:200] or "x", damaged(chance, chance.choice(files))))
        for _ in range(chance.randint(1, 3))
    ]
    data = {chance.choice(("format", "lang", "regions", "engines", "x")): chance.choice(_ODD) for _ in range(2)}
    return "a form", {"files": sent, "data": data}


def _json(chance: random.Random, files: Sequence[bytes]) -> Made:
    """JSON that one of the routes would take, with something in it replaced."""
    encoded = base64.b64encode(damaged(chance, chance.choice(files))).decode()
    tensor = {"name": "image", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": [255] * 12}
    page = {"type": "image_url", "image_url": f"data:image/png;base64,{encoded}"}
    body = chance.choice(
        (
            {"image": encoded},
            {"images": [encoded, "x"], "task": "text"},
            {"files": [{"name": "a", "content": encoded}], "formats": ["json"]},
            {"document": page, "pages": [0]},
            {"base64Source": encoded},
            {"inputs": [tensor], "parameters": {"lang": "en"}},
            {"session": "s", "decisions": [{"number": 0, "kind": "illegible"}]},
            {"samples": 1, "task": "text"},
        )
    )
    return "changed JSON", {"json": _changed(chance, body)}


def _broken_json(chance: random.Random, files: Sequence[bytes]) -> Made:
    text = json.dumps({"image": base64.b64encode(files[0]).decode(), "options": {"deep": [[[{}]]]}})
    return "broken JSON", {
        "content": damaged(chance, text.encode()),
        "headers": {"content-type": "application/json"},
    }


_BODIES = (_raw, _raw, _form, _json, _json, _broken_json)


def _changed(chance: random.Random, value: Any) -> Any:  # noqa: ANN401 - JSON
    if chance.random() < 0.2:
        return chance.choice(_ODD_JSON)
    if isinstance(value, dict):
        return {name: _changed(chance, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_changed(chance, each) for each in value]
    return value


def _value(chance: random.Random, schema: Mapping[str, Any]) -> str:
    """What the schema names, or something odd."""
    named = [*schema.get("enum", []), *schema.get("examples", [])]
    return str(chance.choice(named)) if named and chance.random() < 0.5 else chance.choice(_ODD)


def _headers(chance: random.Random) -> dict[str, str]:
    """Some that the service looks at. Values are what HTTP can carry."""
    headers = {"accept": chance.choice(_ACCEPTED)}
    if chance.random() < 0.2:
        headers["idempotency-key"] = chance.choice(("k", "x" * 300, "same"))
    if chance.random() < 0.1:
        headers["x-request-id"] = chance.choice(("ok", "y" * 200, "a b"))
    if chance.random() < 0.1:
        headers["if-match"] = chance.choice(('"1"', "*", "W/"))
    return headers


def _filled(chance: random.Random, path: str) -> str:
    """The path with something in the place of its parameters."""
    for name, known in _WELL_KNOWN.items():
        known = "prebuilt-read" if name == "model" and path.startswith("/documentintelligence") else known
        value = known if chance.random() < 0.6 else chance.choice(("x", "0", "..%2f", "%F0%9F%99%82", "a" * 500))
        path = path.replace(f"{{{name}}}", value)
    return path
