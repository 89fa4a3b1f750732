"""Tensors of the Open Inference Protocol as bytes, both ways, and what is wrong with them."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.gateway.integrations.tensors import (
    BYTES,
    FP32,
    MAX_HEADER_BYTES,
    InferRequest,
    Tensor,
    parse_request,
    write_answer,
)
from ocr.errors import InvalidRequest, TooLarge

PIXELS = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)


def as_json(data: object, shape: tuple[int, ...] = PIXELS.shape, **more: object) -> bytes:
    language = {"name": "lang_type", "shape": [1, 1], "datatype": "BYTES", "data": ["en"]}
    image = {"name": "image", "shape": list(shape), "datatype": "UINT8", "data": data}
    return json.dumps({"inputs": [language, image], **more}).encode()


def as_binary(language: bytes = b"en", pixels: bytes = PIXELS.tobytes(), size: object = None) -> tuple[bytes, int]:
    word = struct.pack("<I", len(language)) + language
    inputs = [
        {"name": "lang_type", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(word)}},
        {
            "name": "image",
            "shape": list(PIXELS.shape),
            "datatype": "UINT8",
            "parameters": {"binary_data_size": len(pixels) if size is None else size},
        },
    ]
    head = json.dumps({"inputs": inputs}).encode()
    return head + word + pixels, len(head)


def binary_tensor(datatype: str, shape: list[int], blob: bytes) -> tuple[bytes, int]:
    size = {"binary_data_size": len(blob)}
    head = json.dumps({"inputs": [{"name": "image", "shape": shape, "datatype": datatype, "parameters": size}]})
    return head.encode() + blob, len(head)


def parsed(body: bytes, header: int | None = None) -> InferRequest:
    return parse_request(body, header, max_values=1000)


@pytest.mark.parametrize(
    "request_body",
    [(as_json(PIXELS.ravel().tolist()), None), (as_json(PIXELS.tolist()), None), as_binary()],
    ids=["flat JSON", "nested JSON", "binary"],
)
def test_an_image_and_a_word_arrive_as_they_were_sent(request_body):
    request = parsed(*request_body)
    np.testing.assert_array_equal(request.inputs["image"].value, PIXELS)
    assert request.inputs["lang_type"].value == (b"en",)


def test_an_image_of_many_parts_arrives_whole():
    pixels = np.random.default_rng(7).integers(0, 256, (1, 300, 400, 3), np.uint8)
    request = parse_request(as_json(pixels.ravel().tolist(), pixels.shape), None, max_values=pixels.size)
    np.testing.assert_array_equal(request.inputs["image"].value, pixels)


def test_options_outputs_and_id_are_read():
    body = as_json(
        PIXELS.tolist(),
        id="7",
        parameters={"profile": "printed", "binary_data_output": True},
        outputs=[{"name": "txts"}, {"name": "boxes", "parameters": {"binary_data": False}}],
    )
    request = parsed(body)
    assert (request.id, dict(request.parameters)) == ("7", {"profile": "printed"})
    assert dict(request.outputs) == {"txts": True, "boxes": False}


@pytest.mark.parametrize(
    ("body", "header", "says"),
    [
        (b"no JSON", None, "not JSON"),
        (b"[]", None, "inputs"),
        (as_json([1, 2, 3]), None, "3 values"),
        (as_json([256] * 24), None, "0 to 255"),
        (as_json([0.5] * 24), None, "0 to 255"),
        (as_json("pixels"), None, "1 values"),
        (as_json({"cut": 5}), None, "1 values"),
        (as_json(PIXELS.tolist(), shape=(-1, 24)), None, "whole numbers"),
        (as_binary()[0], 0, "Inference-Header-Content-Length"),
        (as_binary()[0], 10**6, "Inference-Header-Content-Length"),
        (*as_binary(size=25), "24 bytes are left"),
        (*as_binary(size="24"), "announce"),
        (*as_binary(pixels=b"\0" * 23), "23 values"),
        (*binary_tensor("UINT8", [0, *[2**31 - 1] * 7], b""), "0 values"),
        (*binary_tensor("UINT8", [0, 10**30], b""), "shape is"),
        (*binary_tensor("UINT8", [1] * 100, b"1"), "shape is"),
        (*binary_tensor("FP32", [1], b"12345"), "FP32 data of 5 bytes"),
        (*binary_tensor("BYTES", [1, 1], bytes(8)), "2 values"),
        (as_json([5], (1,) * 100), None, "shape is"),
    ],
)
def test_what_does_not_fit_is_told(body, header, says):
    with pytest.raises(InvalidRequest, match=says) as caught:
        parsed(body, header)
    assert caught.value.hint


def test_a_string_that_ends_early_is_told():
    body, header = as_binary()
    broken = body[:header] + struct.pack("<I", 999) + body[header + 4 :]
    with pytest.raises(InvalidRequest, match="within an element"):
        parsed(broken, header)


@pytest.mark.parametrize("request_body", [(as_json([0] * 3000, (1, 10, 100, 3)), None), as_binary(pixels=b"\0" * 3000)])
def test_more_values_than_allowed_are_refused(request_body):
    with pytest.raises(TooLarge, match="limit is 1000"):
        parsed(*request_body)


def test_a_request_of_very_many_tensors_is_refused_unparsed():
    with pytest.raises(TooLarge, match="more than 100 tensors"):
        parsed(b'"data":[' * 101)


def test_very_many_strings_are_refused():
    with pytest.raises(TooLarge, match="50000 strings"):
        parsed(*binary_tensor("BYTES", [50_000], bytes(4 * 50_000)))


def test_json_of_much_else_than_numbers_is_refused_unparsed():
    with pytest.raises(TooLarge, match="beside its numbers"):
        parsed(b'{"inputs": "' + b"x" * MAX_HEADER_BYTES + b'"}')


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)))
def test_any_data_is_read_or_refused(data: Any):
    try:
        request = parsed(as_json(data))
    except (InvalidRequest, TooLarge):
        return
    assert request.inputs["image"].value.shape == PIXELS.shape  # type: ignore[union-attr]


ANSWER = (
    Tensor("boxes", FP32, (1, 4, 2), np.array([[[1.5, 2], [9, 2], [9, 4], [1, 4]]], np.float32)),
    Tensor("txts", BYTES, (1,), ("Größe".encode(),)),
)


def test_an_answer_in_json():
    body, header = write_answer("ocr", "1", ANSWER, InferRequest({}, {}, id="7"))
    assert header is None
    assert json.loads(body) == {
        "model_name": "ocr",
        "model_version": "1",
        "id": "7",
        "outputs": [
            {"name": "boxes", "datatype": "FP32", "shape": [1, 4, 2], "data": [1.5, 2, 9, 2, 9, 4, 1, 4]},
            {"name": "txts", "datatype": "BYTES", "shape": [1], "data": ["Größe"]},
        ],
    }


def test_an_answer_with_the_wanted_output_in_binary():
    body, header = write_answer("ocr", "1", ANSWER, InferRequest({}, {}, {"txts": True}))
    assert header is not None
    [told] = json.loads(body[:header])["outputs"]
    word = "Größe".encode()
    assert (told["name"], told["parameters"]) == ("txts", {"binary_data_size": 4 + len(word)})
    assert body[header:] == struct.pack("<I", len(word)) + word


@pytest.mark.parametrize("shape", [[1] * 9, [1] * 70, [0, 2**70], [2**31]])
def test_shapes_that_no_picture_has_are_refused(shape: list[int]) -> None:
    with pytest.raises(InvalidRequest, match="shape is"):
        parse_request(as_json([1], tuple(shape)), None, 1000)
    told = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": 1}}]}
    head = json.dumps(told).encode()
    with pytest.raises(InvalidRequest, match="shape is"):
        parse_request(head + b"\0", len(head), 1000)


def test_an_empty_list_is_no_pixel() -> None:
    with pytest.raises(InvalidRequest, match="has 0 values"):
        parse_request(as_json([], (1,)), None, 1000)


def test_a_request_of_many_tensors_is_refused_at_the_first_that_is_too_many() -> None:
    with pytest.raises(TooLarge, match="more than 100 tensors"):
        parse_request(b'"data":[' * 101, None, 1000)


def test_numbers_that_are_no_pixels_are_few() -> None:
    numbers = b"1," * MAX_HEADER_BYTES + b"1"
    body = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[65537],"data":[%s]}]}' % numbers
    with pytest.raises(TooLarge, match="UINT8"):
        parse_request(body, None, 10**9)


def test_strings_are_as_many_as_the_shape_says_and_few() -> None:
    def binary(count: int) -> tuple[bytes, int]:
        told = {"name": "x", "datatype": "BYTES", "shape": [count], "parameters": {"binary_data_size": 12}}
        head = json.dumps({"inputs": [told]}).encode()
        return head + bytes(12), len(head)

    assert parse_request(*binary(3), 1000).inputs["x"].value == (b"", b"", b"")
    for wrong in (1, 2, 4):
        with pytest.raises(InvalidRequest, match="send as many as the shape says"):
            parse_request(*binary(wrong), 1000)
    with pytest.raises(TooLarge, match="strings"):
        parse_request(*binary(1_000_000), 1000)


def test_values_lie_in_lists_however_deep() -> None:
    deep: object = ["a", "b"]
    for _ in range(500):
        deep = [deep]
    told = {"name": "x", "datatype": "BYTES", "shape": [2], "data": deep}
    assert parse_request(json.dumps({"inputs": [told]}).encode(), None, 1000).inputs["x"].value == (b"a", b"b")
