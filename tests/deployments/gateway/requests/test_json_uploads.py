"""Files in a JSON body, taken out of it piece by piece."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.gateway.requests.base64_files import Base64Decoder
from deployments.gateway.requests.json_uploads import MOST_BESIDE_BYTES, FileFields, JsonUpload
from ocr.errors import InvalidRequest, TooLarge

FIELDS = FileFields()
ODD = bytes(range(256)) + b"\xfb\xff\xfe"  # its base64 has + and /


def taken(body: bytes, size: int, fields: FileFields = FIELDS) -> tuple[list[bytes], dict[str, Any]]:
    """The files and the rest of a body that comes in pieces of `size` bytes."""
    upload, files = JsonUpload(fields, 1000), []
    for at in range(0, len(body), size):
        for part in upload.parts(body[at : at + size]):
            if part.begins:
                files.append(bytearray())
            files[-1] += part.content
    return [bytes(file) for file in files], upload.finish(len(files))


def as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@given(
    files=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3),
    options=st.dictionaries(st.text(max_size=8).filter(lambda name: name not in ("image", "images")), st.text()),
    size=st.integers(1, 50),
    indent=st.none() | st.integers(0, 2),
)
def test_files_and_options_are_the_same_wherever_the_body_is_cut(
    files: list[bytes], options: dict[str, str], size: int, indent: int | None
) -> None:
    body = json.dumps({**options, "images": [as_text(file) for file in files]}, indent=indent).encode()
    assert taken(body, size) == (files, options)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    "write",
    [
        lambda text: text,
        lambda text: text.replace("/", "\\/"),
        lambda text: text.replace("+", "\\u002B").replace("=", "\\u003d"),
        lambda text: "\\r\\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        lambda text: f"data:image/png;base64,{text}",
        lambda text: "data:image/png;base64," + text.replace("+", "%2b").replace("=", "%3D"),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    ],
    ids=["plain", "slashes", "as .NET writes it", "lines", "data URL", "percent", "url-safe"],
)
def test_base64_is_understood_in_every_form_wherever_it_is_cut(write: Callable[[str], str], size: int) -> None:
    body = f'{{"lang": "de", "image": "{write(as_text(ODD))}"}}'
    assert taken(body.encode(), size) == ([ODD], {"lang": "de"})


def test_only_fields_of_the_object_itself_are_files() -> None:
    body = json.dumps(
        {"callback": {"image": "x", "images": ["y"]}, "a": ["image", "images"], "image": as_text(b"scan")}
    )
    files, told = taken(body.encode(), 5)
    assert files == [b"scan"]
    assert told == {"callback": {"image": "x", "images": ["y"]}, "a": ["image", "images"]}


def test_another_protocol_names_its_file_otherwise() -> None:
    body = json.dumps({"base64Source": as_text(b"scan"), "images": ["x"]}).encode()
    assert taken(body, 4, FileFields("base64Source", None)) == ([b"scan"], {"images": ["x"]})


@pytest.mark.parametrize(
    "body",
    [
        '{"image": "QUJD"',
        '{"image": "QUJD',
        '{"image": "QU\\x4a"}',
        '{"image": "QUJD", "image": "QUJD"}',
        '{"image": "Q*JD"}',
        '{"image": "QUJD=QUJD"}',
        '{"image": 7}',
        '{"images": "QUJD"}',
        '{"images": ["QUJD", 7]}',
        '{"images": []}',
        '{"image": "QUJD", "images": []}',
        '{"lang": "de"}',
        '["image", "QUJD"]',
        "image",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_no_upload_is_refused_with_a_hint(body: str, size: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        taken(body.encode(), size)
    assert refused.value.hint


def test_what_stands_beside_files_is_not_gathered_without_end() -> None:
    upload = JsonUpload(FIELDS, 1000)
    assert list(upload.parts(b'{"lang": "')) == []
    for _ in range(MOST_BESIDE_BYTES // 1000 - 1):
        assert list(upload.parts(b"x" * 1000)) == []
    with pytest.raises(TooLarge, match="beside its files"):
        list(upload.parts(b"x" * 1000))


def test_a_file_is_handed_on_as_it_comes() -> None:
    upload, text = JsonUpload(FIELDS, 1000), as_text(bytes(30_000)).encode()
    assert [part.begins for part in upload.parts(b'{"image": "')] == [True]
    sizes = [len(part.content) for at in range(0, len(text), 4000) for part in upload.parts(text[at : at + 4000])]
    assert sizes == [3000] * 10


@given(st.binary(max_size=60), st.integers(1, 9))
def test_a_data_url_without_base64_is_the_same_wherever_it_is_cut(content: bytes, size: int) -> None:
    text = ("data:," + "".join(f"%{byte:02x}" for byte in content)).encode()
    decoder = Base64Decoder("image")
    parts = [decoder.decode(text[at : at + size]) for at in range(0, len(text), size)]
    assert b"".join([*parts, decoder.finish()]) == content


def test_more_files_than_a_job_may_have_are_refused_before_they_are_taken_out() -> None:
    upload = JsonUpload(FIELDS, 3)
    parts = upload.parts(b'{"images": [' + b'"",' * 1000)
    assert sum(part.begins for part in islice(parts, 6)) == 3
    with pytest.raises(TooLarge, match="more than 3 files"):
        next(parts)
