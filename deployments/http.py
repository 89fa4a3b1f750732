"""The HTTP face: routes, limits, errors and OpenAPI, over any `Service`. Knows FastAPI, and neither Ray nor an engine.

A `Service` is the ensemble as seen from here. The Gateway passes one that calls the Router through a Serve handle; a
unit test passes one that answers by itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from deployments import rendering
from deployments.admission import Places
from deployments.asking import Ask, Catalogue
from deployments.config import ClusterConfig
from deployments.ensemble import CharacterReading
from deployments.messages import ServiceState
from deployments.page import add_page
from deployments.uploads import Options, decode_base64, parse, read_json, read_upload, require_json
from ocr import Page
from ocr.contract import (
    BatchAnswer,
    BatchBody,
    CharacterAnswer,
    CharacterBody,
    CharacterOptions,
    ComponentStatus,
    ErrorAnswer,
    FailedItem,
    HealthAnswer,
    Problem,
    ReadyAnswer,
    StatusAnswer,
    TextAnswer,
    TextBody,
    TextOptions,
)
from ocr.errors import InternalFailure, InvalidRequest, NotReady, OutOfRange, QuorumError, ServiceError
from segmentation.decoding import inspect

log = logging.getLogger("quorum.gateway")


class Service(Protocol):
    """The ensemble as the HTTP face sees it."""

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        """The text of one image file. Raises an error of the tree."""

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        """One character per image file, in order; an image that cannot be read is an error in its place."""

    async def state(self) -> ServiceState:
        """What is warm."""

    async def components(self) -> dict[str, ComponentStatus]:
        """The deployments and their replicas."""


class Api:
    """What the routes do, on bytes and options: used by HTTP and by Serve handles alike."""

    def __init__(self, service: Service, catalogue: Callable[[], Catalogue], version: str) -> None:
        self._service = service
        self._current = catalogue
        self.places = Places(lambda: self._config.limits.max_requests)
        self.version = version

    @property
    def _catalogue(self) -> Catalogue:
        """What the cluster can do under the configuration of this moment."""
        return self._current()

    @property
    def _config(self) -> ClusterConfig:
        return self._current().config

    @property
    def max_bytes(self) -> int:
        return int(self._config.limits.max_request_mb * 1e6)

    async def predict(self, image: bytes, options: CharacterOptions) -> CharacterAnswer:
        started = time.perf_counter()
        ask = self._catalogue.ask_character(options, time.time())
        [outcome] = await self._service.read_characters([self._checked(image)], ask)
        if isinstance(outcome, QuorumError):
            raise outcome
        return rendering.character_answer(outcome, ask, _since_ms(started))

    async def predict_text(self, image: bytes, options: TextOptions) -> TextAnswer:
        started = time.perf_counter()
        ask = self._catalogue.ask_text(options, time.time())
        page = await self._service.read_page(self._checked(image), ask)
        return rendering.text_answer(page, ask, _since_ms(started))

    async def batch_predict(self, images: Sequence[bytes | QuorumError], body: BatchBody) -> BatchAnswer:
        started = time.perf_counter()
        if len(images) > self._config.limits.max_batch:
            raise OutOfRange(
                f"the batch has {len(images)} images; the limit is {self._config.limits.max_batch}",
                "split it into several requests",
            )
        images = [image if isinstance(image, QuorumError) else self._check_or_error(image) for image in images]
        read = self._batch_of_characters if body.task == "character" else self._batch_of_pages
        results = await read(images, body, started)
        return BatchAnswer(
            results=results,
            count=len(results),
            succeeded=sum(result.success for result in results),
            processing_time_ms=_since_ms(started),
        )

    async def status(self) -> StatusAnswer:
        state, components = await asyncio.gather(self._service.state(), self._service.components())
        return rendering.status_answer(
            state, components, self._catalogue, ready=not self._missing(state), version=self.version
        )

    async def ready(self) -> ReadyAnswer:
        state = await self._service.state()
        missing = self._missing(state)
        if missing:
            raise NotReady(f"not ready: {missing}", "try again in a few seconds; /status shows each part", 5.0)
        return ReadyAnswer(engines=[name for name, engine in state.engines.items() if engine.available])

    def _missing(self, state: ServiceState) -> str:
        """What keeps the service from being ready; empty when nothing does."""
        if not state.segmentation_ready:
            return "segmentation is not warm"
        warm = sum(engine.available for engine in state.engines.values())
        wanted = self._config.ready_engines
        return "" if warm >= wanted else f"{warm} of the {wanted} engines that are needed are warm"

    async def _batch_of_characters(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, started: float
    ) -> list[CharacterAnswer | TextAnswer | FailedItem]:
        ask = self._catalogue.ask_character(_options_of(body, CharacterOptions), time.time())
        outcomes = iter(
            await self._service.read_characters([image for image in images if isinstance(image, bytes)], ask)
        )
        placed = [image if isinstance(image, QuorumError) else next(outcomes) for image in images]
        return [
            _failed(outcome)
            if isinstance(outcome, QuorumError)
            else rendering.character_answer(outcome, ask, _since_ms(started))
            for outcome in placed
        ]

    async def _batch_of_pages(
        self, images: Sequence[bytes | QuorumError], body: BatchBody, started: float
    ) -> list[CharacterAnswer | TextAnswer | FailedItem]:
        now = time.time()
        first = self._catalogue.ask_text(_options_of(body, TextOptions), now)
        time_a_page_s = first.deadline - now
        end = now + self._config.limits.batch_timeout_s
        # The engines' queues are fair between requests; this keeps one large batch from filling them.
        at_once = asyncio.Semaphore(self._config.limits.batch_workers)

        async def read(image: bytes | QuorumError) -> TextAnswer | FailedItem:
            if isinstance(image, QuorumError):
                return _failed(image)
            async with at_once:
                # The time of a page begins when it is its turn, so that the last pages of a batch have as much.
                ask = replace(first, deadline=min(time.time() + time_a_page_s, end))
                try:
                    page = await self._service.read_page(image, ask)
                except QuorumError as error:
                    return _failed(error)
                except Exception:  # a fault of ours on one page costs the others nothing
                    log.exception("a page of a batch failed")
                    return _failed(_fault())
            return rendering.text_answer(page, ask, _since_ms(started))

        return list(await asyncio.gather(*map(read, images)))

    def _checked(self, image: bytes) -> bytes:
        if len(image) == 0:
            raise InvalidRequest("the image is empty", "send the bytes of an image file")
        inspect(image, max_pixels=self._config.limits.max_pixels)
        return image

    def _check_or_error(self, image: bytes) -> bytes | QuorumError:
        try:
            return self._checked(image)
        except QuorumError as error:
            return error


def create_app(api: Api) -> FastAPI:
    """The ASGI application with every route of the contract that is served today."""
    app = FastAPI(title="Quorum", version=api.version, description="A distributed OCR cluster.", redoc_url=None)
    _add_error_handlers(app)
    _add_reading_routes(app, api)
    _add_state_routes(app, api)
    add_page(app)
    return app


def _add_reading_routes(app: FastAPI, api: Api) -> None:
    async def place() -> AsyncIterator[None]:
        with api.places.one():
            yield

    reading = APIRouter(dependencies=[Depends(place)])

    @reading.post("/predict", openapi_extra=_image_body(CharacterBody, CharacterOptions), responses=_ERRORS)
    async def predict(request: Request) -> CharacterAnswer:
        """Read one character."""
        image, options = await read_upload(request, CharacterOptions, api.max_bytes)
        return await api.predict(image, options)

    @reading.post("/predict_text", openapi_extra=_image_body(TextBody, TextOptions), responses=_ERRORS)
    async def predict_text(request: Request) -> TextAnswer:
        """Read a page or a line."""
        image, options = await read_upload(request, TextOptions, api.max_bytes)
        return await api.predict_text(image, options)

    @reading.post("/batch_predict", openapi_extra=_json_body(BatchBody), responses=_ERRORS)
    async def batch_predict(request: Request) -> BatchAnswer:
        """Read many images; answers in order, an error per item."""
        require_json(request)
        body = parse(BatchBody, await read_json(request, api.max_bytes))
        return await api.batch_predict([_decoded(image, f"images.{i}") for i, image in enumerate(body.images)], body)

    app.include_router(reading)


def _add_state_routes(app: FastAPI, api: Api) -> None:
    @app.get("/health")
    async def health() -> HealthAnswer:
        """The process lives."""
        return HealthAnswer()

    @app.get("/ready", responses={503: {"model": ErrorAnswer}})
    async def ready() -> ReadyAnswer:
        """Enough engines are warm to answer."""
        return await api.ready()

    @app.get("/status")
    async def status() -> StatusAnswer:
        """Components, replicas, models, weights."""
        return await api.status()


def error_answer(error: QuorumError) -> ErrorAnswer:
    """An error in the shape of the contract. Its message may quote what the caller sent, and JSON can hold half
    characters (lone surrogates) that cannot be sent back.
    """
    message = error.message.encode("utf-8", "backslashreplace").decode()
    return ErrorAnswer(error=Problem(code=error.code, message=message, hint=error.hint))


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(QuorumError)
    async def known(_: Request, error: QuorumError) -> JSONResponse:
        retry_after_s = error.retry_after_s if isinstance(error, ServiceError) else None
        headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
        return JSONResponse(error_answer(error).model_dump(mode="json"), error.http_status, headers)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        problem = Problem(code=f"http_{error.status_code}", message=str(error.detail), hint="see /docs for the routes")
        return JSONResponse(
            ErrorAnswer(error=problem).model_dump(mode="json"), error.status_code, dict(error.headers or {})
        )

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        failure = _fault()
        return JSONResponse(error_answer(failure).model_dump(mode="json"), failure.http_status)


def _decoded(image: str, field: str) -> bytes | QuorumError:
    try:
        return decode_base64(image, field)
    except QuorumError as error:
        return error


def _options_of(body: BatchBody, options: type[Options]) -> Options:
    given = body.model_dump(exclude={"images", "task"}, exclude_none=True)
    return parse(options, given)


def _fault() -> InternalFailure:
    """A fault that nobody foresaw, told without anything of the inside."""
    return InternalFailure("the service failed on this request", "try again; the log has the details")


def _failed(error: QuorumError) -> FailedItem:
    return FailedItem(error=error_answer(error).error)


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in {
        400: "Not an image, broken base64, or an unknown option.",
        413: "Too many bytes or pixels.",
        415: "A format that is not in the list.",
        422: "Understood but not allowed: an unknown engine, a negative weight.",
        503: "Overloaded or not ready; see Retry-After.",
        504: "Nobody answered in time.",
    }.items()
}


def _image_body(body: type[BaseModel], options: type[BaseModel]) -> dict[str, Any]:
    """The three ways to send one image, for OpenAPI: the routes parse the request themselves."""
    form = _inlined(options)
    form["properties"] = {"image": {"type": "string", "format": "binary"}, **form["properties"]}
    form["required"] = ["image"]
    content = {
        "application/json": {"schema": _inlined(body)},
        "multipart/form-data": {"schema": form},
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    }
    query = [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in options.model_fields
    ]
    return {"requestBody": {"required": True, "content": content}, "parameters": query}


def _json_body(body: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(body)}}}}


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `model` with its references put in place, because `openapi_extra` brings no components."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(node, dict):
            if "$ref" in node:
                return {**resolve(definitions[node["$ref"].rsplit("/", 1)[1]]), **_without_ref(node)}
            return {key: resolve(value) for key, value in node.items()}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _without_ref(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "$ref"}
