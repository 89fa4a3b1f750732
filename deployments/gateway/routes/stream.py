"""`WS /stream`: frames in, results out by `image_id`. The options stand in the address, as in a query.

A message is JSON with `image_id` and the image in base64, or JSON with `image_id` alone followed by the image as a
binary message; a binary message without an announcement is numbered. Every frame gets exactly one answer.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.access_middleware import caller_name, require_rate
from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_FRAMES_WAITING
from deployments.gateway.access.rate_limit import RateLimiter
from deployments.gateway.error_responses import error_answer
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.base64_files import decode_base64
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import json_object
from deployments.gateway.routes import openapi
from deployments.gateway.routes.frames import (
    FRAMES_COMPARED_AT_ONCE,
    Frame,
    FrameQueue,
    FrameReader,
    ReadFrame,
    Turn,
    dropped_answer,
    failed_answer,
)
from deployments.replica.fair_turns import FairTurns
from ocr.contract import CharacterOptions, ErrorAnswer, FrameAnswer, FrameBody, Problem, TaskOptions, TextOptions
from ocr.errors import InvalidRequest, Overloaded, QuorumError, RateLimited, TooLarge
from segmentation.files.images.decoding import DecodingLimits

# https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1; 1013 is in the registry that it opens.
_REFUSED = 1008
_TRY_AGAIN_LATER = 1013

CountFrame: TypeAlias = Callable[[int], Awaitable[None]]
"""Counts one frame, given how many a minute may be. Raises RateLimited."""


def stream_routes(readings: ReadingApi, rates: RateLimiter) -> APIRouter:
    router = APIRouter()
    streams: Counter[str] = Counter()
    comparing = FairTurns(FRAMES_COMPARED_AT_ONCE)

    @router.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        caller = caller_name(socket.scope)
        if full := _full(streams, caller, readings.limits):
            await _refuse(socket, full, _TRY_AGAIN_LATER)
            return
        CURRENT_CALLER.set(caller)
        streams[caller] += 1
        try:
            await _serve(socket, readings, partial(require_rate, rates, caller), partial(comparing.turn, caller))
        finally:
            streams[caller] -= 1

    _describe(router)
    return router


def _full(streams: Counter[str], caller: str, limits: LimitsConfig) -> Overloaded | None:
    """Why this caller's next stream is not served; None when it is."""
    if streams.total() >= limits.max_streams:
        return Overloaded(f"{streams.total()} streams are open, as many as this gateway takes", "try again later")
    if streams[caller] >= limits.max_streams_per_caller:
        return Overloaded(f"{streams[caller]} streams of yours are open, as many as one caller may have", "close one")
    return None


async def _serve(socket: WebSocket, readings: ReadingApi, count: CountFrame, turn: Turn) -> None:
    """Read the frames of one connection. `count` counts a frame like a request, and refuses it over the rate; `turn`
    is the caller's turn to have one compared.
    """
    try:
        read = _reading(readings, dict(socket.query_params))
    except QuorumError as error:
        await _refuse(socket, error, _REFUSED)
        return
    waiting = FrameQueue(readings.limits.stream_queue)
    reader = FrameReader(read, DecodingLimits.of(readings.limits), turn)
    sending = asyncio.Lock()

    async def send(answer: FrameAnswer) -> None:
        async with sending:
            await socket.send_text(answer.model_dump_json())

    async def receive() -> None:
        async for frame in _frames(socket, readings.max_bytes, readings.limits.stream_idle_s):
            refused = await _over_rate(frame.image_id, count, readings.limits)
            if refused is not None:
                await send(refused)
            elif isinstance(frame, FrameAnswer):
                await send(frame)
            elif (overtaken := waiting.put(frame)) is not None:
                await send(dropped_answer(overtaken))

    async def answer() -> None:
        while True:
            frame = await waiting.next()
            CURRENT_FRAMES_WAITING.set(len(waiting))
            await send(await reader.answer(frame))

    await _until_first_ends(receive(), answer())


async def _over_rate(image_id: str, count: CountFrame, limits: LimitsConfig) -> FrameAnswer | None:
    """The answer to a message that is one too many in this minute; None when it is not."""
    try:
        await count(limits.requests_per_minute)
    except RateLimited as error:
        return failed_answer(image_id, error)
    return None


async def _until_first_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """The one that receives ends when the other side hangs up; then nobody waits for answers any more."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            with suppress(WebSocketDisconnect, RuntimeError):  # it hung up while an answer was being sent
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reading(readings: ReadingApi, query: Mapping[str, str]) -> ReadFrame:
    """How the frames are to be read, with every option checked before the first one comes."""
    options = parse(TaskOptions, query)
    given = options.model_dump(exclude={"task"}, exclude_none=True)
    if options.task == "character":
        asked = parse(CharacterOptions, given)
        readings.check_character(asked)
        return lambda image: readings.predict(image, asked)
    wanted = parse(TextOptions, given)
    readings.check_text(wanted)
    return lambda image: readings.read_image(image, wanted)


async def _next_message(socket: WebSocket, idle_s: float) -> Message:
    """The next message; a disconnect when none came for `idle_s`, and the connection is closed."""
    try:
        async with asyncio.timeout(idle_s):
            return await socket.receive()
    except TimeoutError:
        await socket.close(_REFUSED, f"nothing was sent for {idle_s:g} s")
        return {"type": "websocket.disconnect", "code": _REFUSED}


async def _frames(socket: WebSocket, max_bytes: int, idle_s: float) -> AsyncIterator[Frame | FrameAnswer]:
    """The frames that come in, and an answer at once to a message that is none."""
    count = 0
    announced: str | None = None
    while (message := await _next_message(socket, idle_s))["type"] != "websocket.disconnect":
        count += 1
        name = announced or str(count)
        try:
            if message.get("bytes") is not None:
                announced = None
                yield Frame(name, _bounded(message["bytes"], max_bytes))
                continue
            body = _parsed(message.get("text") or "")
            name = body.image_id
            if body.image is None:
                if announced is not None:
                    yield failed_answer(announced, InvalidRequest("no image followed", "send it as a binary message"))
                announced = name
                count -= 1
                continue
            yield Frame(name, _bounded(await asyncio.to_thread(decode_base64, body.image, "image"), max_bytes))
        except QuorumError as error:
            yield failed_answer(name, error)


def _parsed(text: str) -> FrameBody:
    try:
        return parse(FrameBody, json_object(text, images=1))
    except InvalidRequest as error:
        raise InvalidRequest(error.message, 'send {"image_id": "1", "image": "<base64>"}') from error


def _bounded(image: bytes, max_bytes: int) -> bytes:
    if len(image) > max_bytes:
        raise TooLarge(f"the frame has {len(image)} bytes; the limit is {max_bytes}", "send smaller frames")
    return image


async def _refuse(socket: WebSocket, error: QuorumError, code: int) -> None:
    await socket.send_text(error_answer(error).model_dump_json())
    await socket.close(code)


_EXCHANGE: dict[str, BaseModel] = {
    "message": FrameBody(image_id="7", image=openapi.PIXEL),
    "answer": FrameAnswer(image_id="7", status="dropped"),
}


def _describe(router: APIRouter) -> None:
    """A route for those who ask without a WebSocket: OpenAPI has no other place for what a stream takes and gives."""
    example = {name: model.model_dump(mode="json", exclude_none=True) for name, model in _EXCHANGE.items()}
    answers: dict[int | str, dict[str, Any]] = {
        101: {"description": f"A WebSocket; see docs/http.md. For example: {json.dumps(example)}"},
        426: {"model": ErrorAnswer, "description": "Asked without a WebSocket."},
    }
    describe = {"parameters": openapi.in_query(TaskOptions)}

    @router.get("/stream", responses=answers, openapi_extra=describe, response_class=JSONResponse, status_code=426)
    async def stream_over_http() -> JSONResponse:
        """Read frames over a WebSocket at this address."""
        problem = Problem(code="upgrade_required", message="/stream is a WebSocket", hint="connect to it with ws://")
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        return JSONResponse(ErrorAnswer(error=problem).model_dump(mode="json"), 426, headers)
