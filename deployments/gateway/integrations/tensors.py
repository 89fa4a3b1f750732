"""Requests and answers of the Open Inference Protocol v2 as bytes: JSON, or JSON with binary tensors behind it.

The protocol: https://github.com/kserve/open-inference-protocol (inference_rest.md and the extension for binary tensor
data). Types are those that a reader of pages needs: UINT8, FP32 and BYTES. Knows nothing of HTTP or of text.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.gateway.access.body_limit import TENSOR_JSON_BYTES
from ocr.errors import InvalidRequest, TooLarge

MAX_HEADER_BYTES = TENSOR_JSON_BYTES
"""Of the JSON before binary tensors, and of a JSON request without the numbers of its tensors."""
_BYTES_AT_ONCE = 1 << 18
_MOST_TENSORS = 100
_MOST_STRINGS = 10_000
_MOST_DIMENSIONS, _LARGEST_DIMENSION = 8, 2**31

_DATA = re.compile(rb'"data"\s*:\s*(?=\[)')
_IN_LISTS = b"0123456789,[] \t\r\n"

UINT8, FP32, BYTES = "UINT8", "FP32", "BYTES"
Value = NDArray[np.uint8] | NDArray[np.float32] | tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array. `value` has `shape` for numbers; strings are flat, row by row."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What is asked: tensors by name, options, and which outputs are wanted: all when none is named."""

    inputs: Mapping[str, Tensor]
    parameters: Mapping[str, Any]
    outputs: Mapping[str, bool] = field(default_factory=dict)
    """Whether each output that was named is wanted as binary."""
    binary_outputs: bool = False
    """The same for all of them, when none is named."""
    id: str | None = None


def parse_request(body: bytes, header_bytes: int | None, max_values: int) -> InferRequest:
    """The request in a body; with `header_bytes`, so many bytes of JSON come before binary tensors.

    Raises InvalidRequest, or TooLarge for a tensor of more than `max_values` numbers.
    """
    if header_bytes is None:
        head, numbers = _without_numbers(body)
        return _request(_parsed(head), _Numbers(numbers, max_values))
    if not 0 < header_bytes <= min(MAX_HEADER_BYTES, len(body)):
        raise InvalidRequest(
            f"Inference-Header-Content-Length is {header_bytes}, and the body has {len(body)} bytes",
            f"send the length of the JSON part, at most {MAX_HEADER_BYTES}",
        )
    return _request(_parsed(body[:header_bytes]), _Blob(memoryview(body)[header_bytes:], max_values))


def write_answer(
    model: str, version: str, tensors: Sequence[Tensor], request: InferRequest
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON part when binary tensors follow."""
    wanted = [tensor for tensor in tensors if not request.outputs or tensor.name in request.outputs]
    outputs, blobs = [], []
    for tensor in wanted:
        told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if request.outputs.get(tensor.name, request.binary_outputs):
            blobs.append(_binary(tensor))
            told["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            told["data"] = _listed(tensor)
        outputs.append(told)
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request.id is not None:
        answer["id"] = request.id
    head = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    return b"".join([head, *blobs]), len(head) if blobs else None


class _Blob:
    """Binary tensors, one behind the other."""

    def __init__(self, blob: memoryview, max_values: int) -> None:
        self._blob = blob
        self._max_values = max_values

    def take(self, told: Mapping[str, Any], datatype: str, shape: tuple[int, ...]) -> Value:
        size = _mapping(told, "parameters").get("binary_data_size")
        if size is None:
            return _values_of_json(told.get("data"), datatype, shape)
        if not isinstance(size, int) or not 0 <= size <= len(self._blob):
            raise InvalidRequest(
                f"binary_data_size of '{told.get('name')}' is {size!r}, and {len(self._blob)} bytes are left",
                "send as many bytes as you announce",
            )
        part, self._blob = self._blob[:size], self._blob[size:]
        if datatype == BYTES:
            return _strings(part, shape)
        each = np.dtype(_DTYPES[datatype]).itemsize
        if size % each:
            raise InvalidRequest(f"{datatype} data of {size} bytes", f"send {each} bytes a value")
        _require_count(size // each, shape, self._max_values)
        return np.frombuffer(part, _DTYPES[datatype]).reshape(shape)


class _Numbers:
    """The numbers that were cut out of a JSON request."""

    def __init__(self, cut: Sequence[bytes], max_values: int) -> None:
        self._cut = cut
        self._max_values = max_values

    def take(self, told: Mapping[str, Any], datatype: str, shape: tuple[int, ...]) -> Value:
        data = told.get("data")
        cut = data.get(_CUT) if isinstance(data, dict) else None
        if not isinstance(cut, int) or not 0 <= cut < len(self._cut):
            return _values_of_json(data, datatype, shape)
        if datatype != UINT8:
            return _values_of_json(_parsed(_few(self._cut[cut])), datatype, shape)
        _require_count(self._cut[cut].count(b",") + 1, shape, self._max_values)
        values = _integers(self._cut[cut])
        _require_count(len(values), shape, self._max_values)
        return values.reshape(shape)


_CUT = "cut"
_DTYPES = {UINT8: "<u1", FP32: "<f4"}


def _request(told: Mapping[str, Any], source: _Blob | _Numbers) -> InferRequest:
    inputs = {}
    for one in _list(told, "inputs"):
        name, datatype, shape = _text(one, "name"), _text(one, "datatype"), _shape(one)
        if datatype not in (*_DTYPES, BYTES):
            raise InvalidRequest(f"'{name}' is {datatype}", "send UINT8 for images and BYTES for strings")
        inputs[name] = Tensor(name, datatype, shape, source.take(one, datatype, shape))
    parameters = dict(_mapping(told, "parameters"))
    all_binary = parameters.pop("binary_data_output", False) is True
    outputs = {
        _text(one, "name"): _mapping(one, "parameters").get("binary_data", all_binary) is True
        for one in _list(told, "outputs")
    }
    identity = told.get("id")
    return InferRequest(inputs, parameters, outputs, all_binary, None if identity is None else str(identity))


def _without_numbers(body: bytes) -> tuple[bytes, list[bytes]]:
    """The JSON with a number in place of each list of numbers, flat or nested, and those lists: a page has millions."""
    cut: list[bytes] = []
    head: list[bytes] = []
    kept, brace = 0, -1
    for number, found in enumerate(_DATA.finditer(body), 1):
        if number > _MOST_TENSORS:
            raise TooLarge(f"the request has more than {_MOST_TENSORS} tensors", "send one picture")
        start = found.end()
        brace = brace if brace >= start else _place(body, b"}", start)
        end = body.rfind(b"]", start, min(brace, _place(body, b'"', start))) + 1
        if end <= start or not _is_of_numbers(body, start, end):
            continue
        head += [body[kept : found.start()], b'"data":{"%s":%d}' % (_CUT.encode(), len(cut))]
        cut.append(body[start:end])
        kept = end
    whole = b"".join([*head, body[kept:]])
    if len(whole) > MAX_HEADER_BYTES:
        raise TooLarge(f"the JSON has {len(whole)} bytes beside its numbers", f"send at most {MAX_HEADER_BYTES}")
    return whole, cut


def _place(body: bytes, sign: bytes, start: int) -> int:
    """Where the byte stands from `start` on, or the end."""
    found = body.find(sign, start)
    return len(body) if found < 0 else found


def _few(numbers: bytes) -> bytes:
    """Numbers that are no pixels, of which nobody needs many. Raises TooLarge."""
    if len(numbers) > MAX_HEADER_BYTES:
        raise TooLarge(f"a tensor has {len(numbers)} bytes of numbers that are not UINT8", "send pixels as UINT8")
    return numbers


def _is_of_numbers(body: bytes, start: int, end: int) -> bool:
    return not any(
        body[at : min(at + _BYTES_AT_ONCE, end)].translate(None, _IN_LISTS) for at in range(start, end, _BYTES_AT_ONCE)
    )


def _integers(text: bytes) -> NDArray[np.uint8]:
    """A list of bytes as numbers, a part at a time: other threads want their turn."""
    values: list[NDArray[np.uint8]] = []
    start = 0
    while start < len(text):
        comma = text.find(b",", start + _BYTES_AT_ONCE)
        end = len(text) if comma < 0 else comma
        part = _parsed(b"[" + text[start:end].translate(None, b"[]") + b"]")
        _require_bytes(part)
        values.append(np.array(part, np.uint8))
        start = end + 1
    return np.concatenate(values)


def _require_bytes(values: Sequence[object]) -> None:
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise InvalidRequest("UINT8 data holds what is no whole number from 0 to 255", "send pixels as they are")


def _values_of_json(data: object, datatype: str, shape: tuple[int, ...]) -> Value:
    """Strings, or the few numbers of a small tensor."""
    flat = list(_flattened(data))
    if len(flat) != prod(shape):
        raise _wrong_count(len(flat), shape)
    if datatype == BYTES:
        if not all(isinstance(value, str) for value in flat):
            raise InvalidRequest("BYTES data holds what is no string", "send strings")
        return tuple(value.encode("utf-8", "replace") for value in flat)
    if datatype == UINT8:
        _require_bytes(flat)
    try:
        return np.array(flat, _DTYPES[datatype]).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"{datatype} data: {error}", "send numbers in the range of the type") from error


def _flattened(data: object) -> Iterator[Any]:
    """What is in nested lists, in order. In a loop: each value of generators in generators goes through all of them."""
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        elif one is not None:
            yield one


def _strings(part: memoryview, shape: tuple[int, ...]) -> tuple[bytes, ...]:
    """As many elements of BYTES as the shape says."""
    count = prod(shape)
    if count > _MOST_STRINGS:
        raise TooLarge(f"a tensor has {count} strings; the limit is {_MOST_STRINGS}", "send fewer")
    strings = tuple(islice(_each_string(part), count + 1))
    if len(strings) != count:
        raise _wrong_count(len(strings), shape)
    return strings


def _each_string(part: memoryview) -> Iterator[bytes]:
    """Elements of BYTES: the length of each as 4 bytes, little-endian, before it."""
    at = 0
    while at < len(part):
        end = at + 4
        length = struct.unpack("<I", part[at:end])[0] if end <= len(part) else len(part)
        if end + length > len(part):
            raise InvalidRequest("BYTES data ends within an element", "send the length of each element before it")
        yield bytes(part[end : end + length])
        at = end + length


def _binary(tensor: Tensor) -> bytes:
    if isinstance(tensor.value, tuple):
        return b"".join(struct.pack("<I", len(value)) + value for value in tensor.value)
    return tensor.value.astype(_DTYPES[tensor.datatype]).tobytes()


def _listed(tensor: Tensor) -> list[Any]:
    if isinstance(tensor.value, tuple):
        return [value.decode("utf-8", "replace") for value in tensor.value]
    return [round(float(value), 6) for value in tensor.value.ravel()]


def _require_count(count: int, shape: tuple[int, ...], max_values: int) -> None:
    if count > max_values:
        raise TooLarge(f"a tensor has {count} values; the limit is {max_values}", "send a smaller picture")
    if count != prod(shape) or 0 in shape:  # numpy has no room for every shape of nothing
        raise _wrong_count(count, shape)


def _wrong_count(count: int, shape: tuple[int, ...]) -> InvalidRequest:
    return InvalidRequest(f"a tensor of shape {list(shape)} has {count} values", "send as many as the shape says")


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - whatever the JSON holds
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the request is not JSON: {error}", "see the Open Inference Protocol v2") from error


def _shape(told: Mapping[str, Any]) -> tuple[int, ...]:
    shape = told.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidRequest(f"shape is {shape!r}", "send a list of whole numbers")
    if len(shape) > _MOST_DIMENSIONS or any(size >= _LARGEST_DIMENSION for size in shape):
        raise InvalidRequest(f"shape is {shape!r}", f"send at most {_MOST_DIMENSIONS} dimensions, as [1, H, W, 3]")
    return tuple(shape)


def _list(told: object, name: str) -> list[Any]:
    value = told.get(name, []) if isinstance(told, dict) else None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidRequest(f"'{name}' is no list of objects", "see the Open Inference Protocol v2")
    return value


def _mapping(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name) or {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{name}' is no object", "see the Open Inference Protocol v2")
    return value


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"'{name}' is {value!r}", "send a string")
    return value
