"""The Open Inference Protocol v2 (KServe, Triton): a page as a tensor in, lines as tensors out.

What docling sends to its OCR engine `kserve_v2_ocr`: `image` UINT8 [1, H, W, 3] in RGB, and `lang_type` BYTES [1, 1].
What it wants back: `boxes` FP32 [N, 4, 2] in pixels of the image, `txts` BYTES [N] and `scores` FP32 [N]. A model is
the whole ensemble (`ocr`), a profile or a single engine. `parameters` may carry the options of a page.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from deployments.gateway.access.body_limit import TENSOR_HEADER, body_limit
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.integrations.tensors import (
    BYTES,
    FP32,
    UINT8,
    InferRequest,
    Tensor,
    parse_request,
    write_answer,
)
from deployments.gateway.requests.bodies import read_body
from deployments.gateway.requests.options import parse
from ocr.contract import LineAnswer, TextAnswer, TextOptions
from ocr.errors import InvalidRequest, NotFound, NotReady, OutOfRange
from ocr.geometry import bounds
from ocr.text.languages import AUTO, LANGUAGES, known

WHOLE_ENSEMBLE = "ocr"
"""The model of that name is the service as it is configured."""
VERSION = "1"
_MODEL = "/v2/models/{model}"
_VERSIONED = _MODEL + "/versions/{version}"
_OUTPUTS = ("boxes", "txts", "scores")

_LANGUAGES = {
    "english": "en",
    "latin": "en",
    "chinese": "zh",
    "ch": "zh",
    "korean": "ko",
    "japanese": "ja",
    "arabic": "ar",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "russian": "ru",
}
"""The words that clients of this protocol send for languages, besides ISO 639-1."""


def open_inference_routes(api: GatewayApi) -> APIRouter:
    """`/v2`, its health and models, and `POST .../infer`."""
    router = APIRouter(include_in_schema=False)  # their protocols describe themselves

    @router.get("/v2")
    async def server() -> dict[str, Any]:
        """The name of the server and what it can do beyond the protocol."""
        return {"name": "quorum", "version": api.version, "extensions": ["binary_tensor_data"]}

    @router.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        """The process lives."""
        return {"live": True}

    @router.get("/v2/health/ready")
    async def ready() -> Response:
        """Enough engines are warm to answer."""
        is_ready = await _is_ready(api)
        return JSONResponse({"live": True, "ready": is_ready}, 200 if is_ready else 503)

    _add_models(router, api)
    _add_infer(router, api)
    return router


def _add_models(router: APIRouter, api: GatewayApi) -> None:
    @router.get(_MODEL)
    @router.get(_VERSIONED)
    async def metadata(model: str, version: str = VERSION) -> dict[str, Any]:
        """What a model takes and gives."""
        _options_of_model(api, model, version)
        return {
            "name": model,
            "versions": [VERSION],
            "platform": "quorum",
            "inputs": [
                {"name": "lang_type", "datatype": BYTES, "shape": [1, 1]},
                {"name": "image", "datatype": UINT8, "shape": [1, -1, -1, 3]},
            ],
            "outputs": [
                {"name": "boxes", "datatype": FP32, "shape": [-1, 4, 2]},
                {"name": "txts", "datatype": BYTES, "shape": [-1]},
                {"name": "scores", "datatype": FP32, "shape": [-1]},
            ],
        }

    @router.get(f"{_MODEL}/ready")
    @router.get(f"{_VERSIONED}/ready")
    async def model_ready(model: str, version: str = VERSION) -> Response:
        """Whether a model answers."""
        _options_of_model(api, model, version)
        is_ready = await _is_ready(api, model)
        return JSONResponse({"name": model, "ready": is_ready}, 200 if is_ready else 503)


def _add_infer(router: APIRouter, api: GatewayApi) -> None:
    @router.post(f"{_MODEL}/infer")
    @router.post(f"{_VERSIONED}/infer")
    async def infer(request: Request, model: str, version: str = VERSION) -> Response:
        """Read the page in the tensor `image`."""
        fixed = _options_of_model(api, model, version)
        limits = api.config.limits
        header_bytes = _header_bytes(request)
        max_values = 3 * limits.max_pixels
        body = await read_body(request, body_limit(request.scope, limits))
        asked = await asyncio.to_thread(parse_request, body, header_bytes, max_values)
        options = _options(asked, fixed)
        file = await asyncio.to_thread(_image_file, asked)
        answer = await api.readings.read_image(file, options)
        content, head = await asyncio.to_thread(write_answer, model, VERSION, tensors_of(answer), asked)
        if head is None:
            return Response(content, media_type="application/json")
        return Response(content, media_type="application/octet-stream", headers={TENSOR_HEADER: str(head)})


def tensors_of(answer: TextAnswer) -> tuple[Tensor, Tensor, Tensor]:
    """The lines that have text which can be read, in reading order."""
    lines = [line for line in answer.lines if line.text and line.legible]
    count = len(lines)
    boxes = np.array([_corners(line) for line in lines], np.float32).reshape(count, 4, 2)
    scores = np.array([line.confidence for line in lines], np.float32)
    return (
        Tensor("boxes", FP32, (count, 4, 2), boxes),
        Tensor("txts", BYTES, (count,), tuple(line.text.encode("utf-8", "replace") for line in lines)),
        Tensor("scores", FP32, (count,), scores),
    )


def _corners(line: LineAnswer) -> list[tuple[float, float]]:
    """Four corners, from the text's top left clockwise; of an outline with more, the box around it."""
    if len(line.polygon) == 4:
        return list(line.polygon)
    left, top, right, bottom = bounds(line.polygon)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _options_of_model(api: GatewayApi, model: str, version: str) -> dict[str, Any]:
    """The options that a model stands for. Raises NotFound."""
    if version != VERSION:
        raise NotFound(f"model '{model}' has no version '{version}'", f"ask for version {VERSION}, or for none")
    if model == WHOLE_ENSEMBLE:
        return {}
    if model in api.profiles:
        return {"profile": model}
    if model in api.engines:
        return {"engines": (model,)}
    known = ", ".join([WHOLE_ENSEMBLE, *api.profiles, *api.engines])
    raise NotFound(f"there is no model '{model}'", f"known are {known}")


def _options(asked: InferRequest, fixed: Mapping[str, Any]) -> TextOptions:
    given = dict(asked.parameters)
    if twice := sorted(given.keys() & fixed.keys()):
        raise InvalidRequest(f"the model decides '{twice[0]}' already", f"leave it out, or ask {WHOLE_ENSEMBLE}")
    if unknown := sorted(asked.outputs.keys() - _OUTPUTS):
        raise InvalidRequest(f"the model has no output '{unknown[0]}'", f"it has {', '.join(_OUTPUTS)}")
    language = asked.inputs.get("lang_type")
    if language is not None and "lang" not in given:
        given["lang"] = _language_of(language)
    return parse(TextOptions, {**given, **fixed})


def _language_of(tensor: Tensor) -> str:
    if not isinstance(tensor.value, tuple) or not tensor.value:
        raise InvalidRequest("'lang_type' holds no string", 'send BYTES [1, 1], for example ["en"]')
    word = tensor.value[0].decode("utf-8", "replace").strip().lower()
    code = _LANGUAGES.get(word, word)
    if code != AUTO and code not in LANGUAGES:
        raise OutOfRange(f"unknown language '{word[:40]}'", f"{known()}; or one of {', '.join(_LANGUAGES)}")
    return code


def _image_file(asked: InferRequest) -> bytes:
    """The tensor `image` as an image file without compression, which the reading of pages takes."""
    image = asked.inputs.get("image")
    if image is None or isinstance(image.value, tuple) or image.datatype != UINT8:
        raise InvalidRequest("there is no tensor 'image' of UINT8", "send [1, H, W, 3], RGB")
    if len(image.shape) != 4 or image.shape[0] != 1 or image.shape[3] != 3 or 0 in image.shape:
        raise InvalidRequest(f"'image' has the shape {list(image.shape)}", "send one image as [1, H, W, 3], RGB")
    file = io.BytesIO()
    PIL.Image.fromarray(image.value[0]).save(file, "TIFF")
    return file.getvalue()


def _header_bytes(request: Request) -> int | None:
    told = request.headers.get(TENSOR_HEADER)
    if told is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", told):
        raise InvalidRequest(f"{TENSOR_HEADER} is {told[:20]!r}", "send the length of the JSON part in bytes")
    return int(told)


async def _is_ready(api: GatewayApi, model: str | None = None) -> bool:
    try:
        answer = await api.ready()
    except NotReady:
        return False
    return model not in api.engines or model in answer.engines
