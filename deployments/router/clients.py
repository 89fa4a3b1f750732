"""The deployments behind the Router, called through Serve handles."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from ray import ObjectRef
from ray.serve.handle import DeploymentHandle

from deployments.messages.answers import (
    CharacterCropsAnswer,
    EngineAnswer,
    ImageRefused,
    InvalidEngineAnswer,
    LayoutAnswer,
    NamedPicture,
)
from deployments.messages.call_errors import NotDeployed, QueueFull, ReplicaLost
from deployments.messages.deadlines import sent
from deployments.messages.request import ReadRequest, RecognitionOptions, SegmentationRequest
from deployments.transport import Response, await_response, first_value_and_next_reference

log = logging.getLogger("quorum.router")


class SegmentationClient:
    """The segmentation, called through a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._streaming = handle.options(stream=True)
        self._handle = handle

    async def page(self, data: bytes, request: ReadRequest) -> tuple[LayoutAnswer | ImageRefused, ObjectRef | None]:
        return await first_value_and_next_reference(self._streaming.page.remote(data, _sent(request)))

    async def characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> tuple[CharacterCropsAnswer, ObjectRef | None]:
        return await first_value_and_next_reference(self._streaming.characters.remote(list(images), _sent(request)))

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...] | ImageRefused:
        pictures: tuple[NamedPicture, ...] | ImageRefused = await await_response(
            self._handle.pictures.remote(data, _sent(request))
        )
        return pictures


def _sent(request: ReadRequest) -> SegmentationRequest:
    return sent(request.segmentation, time.time())


class EngineClient:
    """An engine, called through a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def __call__(
        self, crops: ObjectRef, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        # The reference is a top-level argument, so Ray brings the crops to the engine's node by itself.
        call = self._handle.read.remote(crops, list(indices), options, deadline, time.time())
        answer = await await_response(call)
        if not isinstance(answer, EngineAnswer):
            raise InvalidEngineAnswer(f"expected an answer, got {type(answer).__name__}")
        return answer


async def response_within(timeout_s: float, call: Callable[[], Response]) -> object:
    """What a deployment answers, or None when it does not answer in time."""
    try:
        async with asyncio.timeout(timeout_s):
            return await await_response(call())
    except (TimeoutError, NotDeployed, QueueFull, ReplicaLost):
        return None
    except Exception:  # whatever it is, polling goes on: otherwise the engine's state would never change again
        log.exception("asking a deployment for its state failed")
        return None
