"""A file is read however a client sends it: under any media type, in a form, as any base64, compressed."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import httpx
import PIL.Image
import pytest
from python_multipart.multipart import MultipartParser
from starlette.requests import Request

from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.uploads import read_json
from ocr.contract import ErrorAnswer
from ocr.errors import InvalidRequest, TooLarge
from tests.fakes.plain_service import PlainService, app_over, as_base64, asking, png

_SERVICE = PlainService()
_APP = app_over(_SERVICE, max_request_mb=0.02)
IMAGE = png()


@pytest.fixture
def service() -> PlainService:
    _SERVICE.forget()
    return _SERVICE


@pytest.fixture
async def client(service: PlainService) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(_APP) as client:
        yield client


@pytest.mark.parametrize("path", ["/predict", "/predict_text", "/predict_text/", "/predict/"])
@pytest.mark.parametrize(
    "kind",
    [
        "",
        "image/png",
        "image/*",
        "application/x-www-form-urlencoded",
        "binary/octet-stream",
        "application/octet-stream",
        "application/x-pdf",
        "application/x-binary",
        "text/plain; charset=utf-8",
        "Image/PNG",
        "not a media type",
    ],
)
async def test_the_first_bytes_say_what_a_body_is_and_not_its_media_type(
    client: httpx.AsyncClient, service: PlainService, path: str, kind: str
) -> None:
    response = await client.post(path, content=IMAGE, headers={"content-type": kind} if kind else {})
    assert response.status_code == 200
    assert service.images == [IMAGE]


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/plain"])
async def test_a_body_that_begins_like_json_is_json(
    client: httpx.AsyncClient, service: PlainService, kind: str
) -> None:
    body = f' \n{{"image": "{as_base64(IMAGE)}", "engines": ["a"]}}'.encode()
    response = await client.post("/predict_text", content=body, headers={"content-type": kind} if kind else {})
    assert response.status_code == 200
    assert service.images == [IMAGE]
    assert service.requests[0].engines == ("a",)


@pytest.mark.parametrize("field", ["image", "file"])
async def test_a_form_may_call_its_file_either_name(
    client: httpx.AsyncClient, service: PlainService, field: str
) -> None:
    response = await client.post("/predict_text", files={field: ("a.png", IMAGE)}, data={"engines": "a"})
    assert response.status_code == 200
    assert service.images == [IMAGE]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"files": {"picture": IMAGE}}, "no file field 'image' or 'file'"),
        ({"data": {"image": as_base64(IMAGE)}}, "URL-encoded"),
        ({"data": {"file": "x"}}, "URL-encoded"),
    ],
)
async def test_a_form_that_is_not_understood_says_what_to_send(
    client: httpx.AsyncClient, body: dict[str, dict[str, bytes | str]], words: str
) -> None:
    response = await client.post("/predict_text", **body)  # type: ignore[arg-type]
    error = ErrorAnswer.model_validate(response.json()).error
    assert response.status_code == 400
    assert words in error.message
    assert "form" in error.hint


async def test_an_option_in_a_form_is_no_file(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.gateway.requests.uploads._MOST_FIELD_BYTES", 1000)
    sent = {"files": {"image": IMAGE}, "data": {"engines": "a," * 600}}
    response = await client.post("/predict_text", **sent)  # type: ignore[arg-type]
    assert response.status_code == 400
    assert "maximum size" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/predict_text", "/jobs"])
async def test_a_form_of_boundaries_is_refused_before_it_is_parsed(
    client: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("python_multipart.multipart.MultipartParser.write", parsed)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await client.post(path, content=b"\r\n--bx" * 10_000, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


ODD = bytes(range(256)) + b"\xfb\xff\xfe"  # its base64 has + and /


@pytest.mark.parametrize("content", [ODD, ODD + b"x", ODD + b"xy"])
@pytest.mark.parametrize(
    "write",
    [
        lambda text: text,
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
        lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        lambda text: f"data:image/png;base64,{text}",
        lambda text: f"DATA:IMAGE/PNG;BASE64,{text}",
        lambda text: f'data:image/png;name="scan 1.png";charset=utf-8; base64,{text}',
        lambda text: f"data:;base64,{text.rstrip('=')}",
        lambda text: f"  data:image/png;base64,{quote(text)}",
        lambda text: f"data:application/octet-stream;{'x=' + 'y' * 300};base64,{text}",
    ],
    ids=["plain", "unpadded", "url-safe", "both", "lines", "data", "capitals", "parameters", "bare", "percent", "long"],
)
def test_base64_is_understood_in_every_form(write: Callable[[str], str], content: bytes) -> None:
    assert decode_base64(write(base64.b64encode(content).decode()), "image") == content


def test_a_data_url_may_be_without_base64() -> None:
    assert decode_base64("data:image/svg+xml,%3Csvg%2F%3E", "image") == b"<svg/>"


@pytest.mark.parametrize("text", ["a", "abcde", "ab*d", "data:image/png;base64,ab*d", "ä", "", None, 7])
def test_what_is_not_base64_is_said_with_its_field(text: object) -> None:
    with pytest.raises(InvalidRequest, match=r"images\.3") as raised:
        decode_base64(text, "images.3")
    assert raised.value.hint


def _raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("gzip", lambda body: gzip.compress(body) + bytes(512)),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("identity", lambda body: body),
        ("identity, gzip", gzip.compress),
    ],
)
@pytest.mark.parametrize("key", [None, "twice"])
async def test_a_compressed_body_is_decompressed(
    client: httpx.AsyncClient, service: PlainService, encoding: str, pack: Callable[[bytes], bytes], key: str | None
) -> None:
    headers = {"content-encoding": encoding}
    if key is not None:
        headers["idempotency-key"] = f"{key}-{encoding.replace(' ', '')}-{len(pack(IMAGE))}"
    response = await client.post("/predict_text", content=pack(IMAGE), headers=headers)
    assert response.status_code == 200
    body = f'{{"image": "{as_base64(IMAGE)}"}}'.encode()
    as_json = {"content-encoding": encoding, "content-type": "application/json"}
    assert (await client.post("/predict_text", content=pack(body), headers=as_json)).status_code == 200
    assert service.images == [IMAGE, IMAGE]


async def test_a_compressed_form_is_decompressed(client: httpx.AsyncClient, service: PlainService) -> None:
    form = httpx.Request("POST", "http://localhost/predict_text", files={"image": IMAGE})
    headers = {"content-type": form.headers["content-type"], "content-encoding": "gzip"}
    response = await client.post("/predict_text", content=gzip.compress(form.read()), headers=headers)
    assert response.status_code == 200
    assert service.images == [IMAGE]


@pytest.mark.parametrize(
    ("encoding", "body", "status", "words"),
    [
        ("br", b"x", 415, "Content-Encoding: br"),
        ("zstd", b"x", 415, "Content-Encoding: zstd"),
        ("gzip, gzip", gzip.compress(gzip.compress(IMAGE, mtime=0), mtime=0), 415, "Content-Encoding: gzip, gzip"),
        ("gzip", IMAGE, 400, "not gzip"),
        ("gzip", gzip.compress(IMAGE, mtime=0)[:-9], 400, "breaks off"),
        ("gzip", b"", 400, "breaks off"),
        ("deflate", b"\xff\xff\xff", 400, "not deflate"),
        ("gzip", gzip.compress(bytes(10_000_000), mtime=0), 413, "limit is 20000"),
        ("gzip", b"".join(gzip.compress(bytes(9000)) for _ in range(3)), 413, "limit is 20000"),
    ],
)
async def test_a_body_that_cannot_be_decompressed_within_the_limit_says_why(
    client: httpx.AsyncClient, encoding: str, body: bytes, status: int, words: str
) -> None:
    response = await client.post("/predict_text", content=body, headers={"content-encoding": encoding})
    error = ErrorAnswer.model_validate(response.json()).error
    assert (response.status_code, error.hint != "") == (status, True)
    assert words in error.message


async def test_a_body_of_more_gzip_members_than_any_program_writes_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/predict_text", content=gzip.compress(b"", 1, mtime=0) * 900, headers={"content-encoding": "gzip"}
    )
    assert response.status_code == 400  # so many are read, and nothing is in them
    tiny = zlib.compress(b"", wbits=-15) * 2000
    response = await client.post("/predict_text", content=tiny, headers={"content-encoding": "deflate"})
    assert (response.status_code, "1003 parts" in response.text) == (413, True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("QUJ D\n" * 3, id="pieces"),
        pytest.param("data:;base64," + "QUJD" * 40 + "%0AQUJD%0d%0a%20", id="escapes"),
    ],
)
def test_spaces_and_line_breaks_in_base64_count_for_nothing(text: str) -> None:
    assert set(decode_base64(text, "image").decode()) == set("ABC")


def test_base64_with_a_letter_of_another_alphabet_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidRequest, match="not valid base64"):
        decode_base64("QUJD" * 100 + "\N{LATIN SMALL LETTER E WITH ACUTE}", "image")


@pytest.mark.parametrize(("head", "escape"), [("data:,", "%41"), ("data:;base64,", "%2B")])
def test_a_data_url_of_nothing_but_escapes_is_refused_with_the_remedy(head: str, escape: str) -> None:
    with pytest.raises(TooLarge, match="escapes") as refused:
        decode_base64(head + escape * 400_000, "image")
    assert "base64" in refused.value.hint


def test_base64_with_white_space_in_it_and_escaped_slashes_is_what_encoders_write() -> None:
    file = bytes(range(256)) * 400
    lines = base64.encodebytes(file).decode()
    assert decode_base64(lines, "image") == decode_base64(" \t" + lines.replace("\n", "\r\n"), "image") == file
    with pytest.raises(InvalidRequest, match="not valid base64"):
        decode_base64("\N{NO-BREAK SPACE}QUJD", "image")


def request_of(body: bytes) -> Request:
    """A request with this body, and nothing else."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    return Request(scope, receive)


async def test_a_large_body_with_every_slash_escaped_is_parsed() -> None:
    escaped = base64.b64encode(bytes(range(256)) * 400).decode().replace("/", "\\/")
    body = b'{"image": "' + escaped.encode() + b'"}'
    assert len((await read_json(request_of(body), 10**7))["image"]) == 136_536


def disposed(header: str) -> dict[str, Any]:
    return {"content": IMAGE, "headers": {"content-disposition": header}}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({"files": {"image": ("scans/Größe 1.png", IMAGE)}}, "Größe 1.png"),
        ({"files": {"image": (r"C:\scans\a.png", IMAGE)}}, "a.png"),
        (disposed('attachment; filename="a b.png"'), "a b.png"),
        (disposed("inline; filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"), "Größe.png"),
        (disposed("attachment; filename*=nothing''%ff"), None),
        (disposed("\x00;;filename"), "page-0001.png"),
        ({"content": IMAGE}, "page-0001.png"),
        ({"json": {"image": as_base64(IMAGE)}}, "page-0001.png"),
    ],
)
async def test_the_name_of_a_file_is_what_formats_call_it(
    client: httpx.AsyncClient, sent: dict[str, Any], name: str | None
) -> None:
    response = await client.post("/predict_text", **sent, params={"format": "alto"})
    assert response.status_code == 200
    [told] = re.findall("<fileName>(.*?)</fileName>", response.text)
    assert told == name if name is not None else told


async def test_hocr_tells_the_resolution_that_stands_in_the_file(client: httpx.AsyncClient) -> None:
    file = io.BytesIO()
    PIL.Image.new("L", (60, 60), 255).save(file, "PNG", dpi=(150, 150))
    response = await client.post("/predict_text", content=file.getvalue(), params={"format": "hocr"})
    assert "scan_res 150 150" in response.text


async def test_a_form_whose_option_is_too_large_is_refused_by_its_beginning(
    service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    write = MultipartParser.write

    def noted(self: MultipartParser, data: bytes) -> int:
        given.append(len(data))
        return write(self, data)

    monkeypatch.setattr(MultipartParser, "write", noted)
    monkeypatch.setattr("deployments.gateway.requests.uploads._PIECE_BYTES", 10_000)
    form = {"data": {"engines": "a," * 500_000}, "files": {"image": IMAGE}}
    async with asking(app_over(service, max_request_mb=5.0)) as client:
        refused = await client.post("/predict_text", **form)  # type: ignore[arg-type]
    assert refused.status_code == 400
    assert sum(given) <= 120_000


async def test_a_form_that_comes_in_pieces_is_read_like_one_that_is_whole(
    service: PlainService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.gateway.requests.uploads._PIECE_BYTES", 7)
    async with asking(app_over(service)) as client:
        answer = await client.post("/predict_text", data={"engines": "a"}, files={"image": IMAGE})
    assert answer.status_code == 200


async def test_a_large_body_is_parsed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.gateway.requests.uploads._PARSED_AT_ONCE_BYTES", 100)
    threads: list[str] = []
    loads = json.loads

    def noted(body: bytes) -> Any:
        threads.append(threading.current_thread().name.partition("_")[0])
        return loads(body)

    monkeypatch.setattr(json, "loads", noted)
    assert await read_json(request_of(b'{"a": 1}'), 10_000) == {"a": 1}
    assert await read_json(request_of(b'{"a": "' + b"x" * 100 + b'"}'), 10_000) == {"a": "x" * 100}
    assert threads == [threading.current_thread().name, "json"]


async def test_a_body_that_is_made_of_white_space_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployments.gateway.requests.uploads._MOST_BLANKS", 100)
    assert await read_json(request_of(b"\r\n\t " * 10 + b"{}" + b"\n" * 60), 10_000) == {}
    monkeypatch.setattr(json, "loads", None)
    for body in (b" " * 101 + b"{}", b"{}" + b"\n" * 101, b" " * 99 + b"{}\n\n", b'{"image":' + b"\t\r" * 51 + b'""}'):
        with pytest.raises(TooLarge, match="more than 100 blanks"):
            await read_json(request_of(body), 10_000)


@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "  data:;base64,"])
def test_base64_that_is_decoded_in_pieces_is_the_same_wherever_they_end(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 2
    text = head + base64.b64encode(content).decode().replace("+", "%2B" if head else "+").replace("AQ", "A\r\nQ")
    for size in (1, 2, 3, 5, 64, 1000):
        monkeypatch.setattr("deployments.gateway.requests.base64_files._PIECE_BYTES", size)
        assert decode_base64(text, "image") == content
