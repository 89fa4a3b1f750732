"""The Open Inference Protocol over ASGI: what docling and Triton's client send, and what they are told."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest

from ocr.errors import Overloaded
from tests.fakes.plain_service import PlainService

PIXELS = np.random.default_rng(3).integers(0, 256, (1, 60, 50, 3), np.uint8)
INFER = "/v2/models/ocr/infer"


def tensors(language: str = "en", **more: object) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "lang_type", "shape": [1, 1], "datatype": "BYTES", "data": [language]},
            {"name": "image", "shape": list(PIXELS.shape), "datatype": "UINT8", "data": PIXELS.ravel().tolist()},
        ],
        "outputs": [{"name": "boxes"}, {"name": "txts"}, {"name": "scores"}],
        **more,
    }


def as_docling_sends(pixels: np.ndarray = PIXELS, language: str = "english") -> dict[str, Any]:
    """The binary request of docling 2.143, as arguments of a POST."""
    word = struct.pack("<I", len(language)) + language.encode()
    sizes = {"lang_type": ([1, 1], "BYTES", len(word)), "image": (list(pixels.shape), "UINT8", pixels.nbytes)}
    head = {
        "inputs": [
            {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}
            for name, (shape, kind, size) in sizes.items()
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in ("boxes", "txts", "scores")],
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))}
    return {"content": text + word + pixels.tobytes(), "headers": headers}


async def test_a_page_in_json_is_answered_with_lines_as_tensors(client: httpx.AsyncClient, service: PlainService):
    response = await client.post(INFER, json=tensors(id="7", parameters={"policy": "all"}))
    assert response.status_code == 200
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("ocr", "1", "7")
    boxes, texts, scores = answer["outputs"]
    assert (boxes["name"], boxes["shape"], boxes["data"]) == ("boxes", [1, 4, 2], [10, 20, 50, 20, 50, 40, 10, 40])
    assert (texts["datatype"], texts["shape"], texts["data"]) == ("BYTES", [1], ["Hi"])
    assert (scores["name"], scores["data"]) == ("scores", [0.9])


@pytest.mark.parametrize("request_of", [lambda: {"json": tensors()}, as_docling_sends], ids=["JSON", "binary"])
async def test_the_pixels_are_read_as_they_were_sent(client: httpx.AsyncClient, service: PlainService, request_of: Any):
    assert (await client.post(INFER, **request_of())).status_code == 200
    with PIL.Image.open(io.BytesIO(service.images[0])) as image:
        np.testing.assert_array_equal(np.asarray(image), PIXELS[0])
    assert service.requests[0].recognition.languages == ("en",)


async def test_binary_outputs_come_as_they_were_asked(client: httpx.AsyncClient):
    response = await client.post(INFER, **as_docling_sends())
    head = int(response.headers["Inference-Header-Content-Length"])
    told = json.loads(response.content[:head])["outputs"]
    assert [one["parameters"]["binary_data_size"] for one in told] == [32, 6, 4]
    boxes = np.frombuffer(response.content[head : head + 32], "<f4")
    assert boxes.tolist() == [10, 20, 50, 20, 50, 40, 10, 40]
    assert response.content[head + 32 : head + 38] == struct.pack("<I", 2) + b"Hi"


@pytest.mark.parametrize(
    ("model", "seen"),
    [("printed", ("printed", ("a", "b", "lines"))), ("a", ("auto", ("a",))), ("ocr", ("auto", ("a", "b", "lines")))],
)
async def test_a_model_is_the_ensemble_a_profile_or_an_engine(
    client: httpx.AsyncClient, service: PlainService, model: str, seen: tuple[str, tuple[str, ...]]
):
    response = await client.post(f"/v2/models/{model}/versions/1/infer", json=tensors())
    assert response.status_code == 200
    [request] = service.requests
    assert (request.profile.name, request.engines) == seen


@pytest.mark.parametrize(("said", "language"), [("chinese", "zh"), ("de", "de"), ("Latin", "en")])
async def test_languages_are_words_or_codes(client: httpx.AsyncClient, service: PlainService, said: str, language: str):
    await client.post(INFER, json=tensors(said))
    assert service.requests[0].recognition.languages == (language,)


async def test_the_server_and_its_models_say_what_they_are(client: httpx.AsyncClient, service: PlainService):
    server = (await client.get("/v2")).json()
    assert server == {"name": "quorum", "version": "1.2.3", "extensions": ["binary_tensor_data"]}
    assert (await client.get("/v2/health/live")).json() == {"live": True}
    assert (await client.get("/v2/health/ready")).json() == {"live": True, "ready": True}
    told = (await client.get("/v2/models/ocr")).json()
    assert [(one["name"], one["datatype"], one["shape"]) for one in told["outputs"]] == [
        ("boxes", "FP32", [-1, 4, 2]),
        ("txts", "BYTES", [-1]),
        ("scores", "FP32", [-1]),
    ]
    assert (await client.get("/v2/models/a/versions/1/ready")).json() == {"name": "a", "ready": True}
    service.warm = False
    cold = await client.get("/v2/health/ready")
    assert (cold.status_code, cold.json()["ready"]) == (503, False)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v2/models/nobody/infer", tensors(), 404, "no model 'nobody'"),
        ("/v2/models/ocr/versions/2/infer", tensors(), 404, "no version '2'"),
        (INFER, tensors("klingon"), 422, "klingon"),
        (INFER, tensors(parameters={"colour": "red"}), 400, "colour"),
        ("/v2/models/printed/infer", tensors(parameters={"profile": "noisy"}), 400, "profile"),
        (INFER, tensors(outputs=[{"name": "text"}]), 400, "no output 'text'"),
        (INFER, {"inputs": []}, 400, "no tensor 'image'"),
        (INFER, {"inputs": [{**tensors()["inputs"][1], "shape": [60, 50, 3]}]}, 400, "shape"),
        ("/v2/nothing", {}, 401, "administrator"),
    ],
)
async def test_what_is_wrong_is_said_in_the_protocols_own_shape(
    client: httpx.AsyncClient, path: str, body: Any, status: int, says: str
):
    response = await client.post(path, json=body)
    assert response.status_code == status
    [(name, text)] = response.json().items()
    assert name == "error"
    assert says in text


async def test_a_failure_of_the_service_has_that_shape_and_a_time_to_wait(
    client: httpx.AsyncClient, service: PlainService
):
    service.failure = Overloaded("too many requests", "wait", 3.0)
    response = await client.post(INFER, json=tensors())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "3")
    assert response.json() == {"error": "too many requests (wait)"}


async def test_a_binary_tensor_is_held_to_its_pixels_and_json_to_its_bytes(client: httpx.AsyncClient):
    """The service takes 100,000 pixels and bodies of 50,000 bytes."""
    page = np.zeros((1, 300, 300, 3), np.uint8)
    assert (await client.post(INFER, **as_docling_sends(page))).status_code == 200
    larger = np.zeros((1, 400, 300, 3), np.uint8)
    refused = await client.post(INFER, **as_docling_sends(larger))
    assert refused.status_code == 413
    assert "error" in refused.json()
    image = {"name": "image", "shape": [1, 100, 100, 3], "datatype": "UINT8", "data": [0] * 30_000}
    assert (await client.post(INFER, json={"inputs": [image]})).status_code == 413


async def test_a_page_without_text_is_three_empty_tensors(client: httpx.AsyncClient, service: PlainService):
    service.is_blank = True
    outputs = (await client.post(INFER, json=tensors())).json()["outputs"]
    assert [(one["shape"], one["data"]) for one in outputs] == [([0, 4, 2], []), ([0], []), ([0], [])]


async def test_the_same_key_and_body_for_another_model_is_another_request(
    client: httpx.AsyncClient, service: PlainService
) -> None:
    headers = {"Idempotency-Key": "of-two-models"}
    first = await client.post(INFER, json=tensors(), headers=headers)
    assert first.status_code == 200, first.text
    other = await client.post("/v2/models/printed/infer", json=tensors(), headers=headers)
    assert other.status_code == 422
