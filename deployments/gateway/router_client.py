"""The Router, called through a Serve handle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ray.serve.handle import DeploymentHandle

from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_PRIORITY
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull, ReplicaLost, StoreFull
from deployments.messages.deadlines import sent
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from deployments.transport import await_response, deployment_statuses
from ocr import Page
from ocr.contract import ComponentStatus
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded, QuorumError
from ocr.runtime.pickling import Pickled

# The Router answers before the deadline by itself; this is for one that does not answer at all.
_GRACE_S = 0.5
# How long /status and /ready wait for each part that they ask.
_STATUS_S = 2.0

Answer = TypeVar("Answer")


class RouterClient:
    """A ReadingService that calls the Router through a Serve handle."""

    def __init__(self, router: DeploymentHandle) -> None:
        self._router = router

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        asked = request.asked_by(CURRENT_CALLER.get(), CURRENT_PRIORITY.get())
        page: Pickled[Page] = await _call_router(
            lambda: await_response(self._router.read_page.remote(data, sent(asked, time.time()))),
            request.deadline,
            request.limits.retries,
        )
        return await asyncio.to_thread(page.value)

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        asked = request.asked_by(CURRENT_CALLER.get(), CURRENT_PRIORITY.get())
        readings: list[CharacterReading | QuorumError] = await _call_router(
            lambda: await_response(self._router.read_characters.remote(list(images), sent(asked, time.time()))),
            request.deadline,
            request.limits.retries,
        )
        return readings

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        asked = request.asked_by(CURRENT_CALLER.get(), CURRENT_PRIORITY.get())
        pictures: tuple[NamedPicture, ...] = await _call_router(
            lambda: await_response(self._router.pictures.remote(data, sent(asked, time.time()))),
            request.deadline,
            request.limits.retries,
        )
        return pictures

    async def state(self) -> ServiceState:
        try:
            state: ServiceState = await _call_router(
                lambda: await_response(self._router.state.remote()), time.time() + _STATUS_S
            )
        except (DeadlineExceeded, NotReady, Overloaded, InternalFailure):
            return ServiceState()
        return state

    async def components(self) -> dict[str, ComponentStatus]:
        return {
            name: ComponentStatus(
                status=str(deployment.status.value),
                message=deployment.message,
                replicas=deployment.replica_states.get("RUNNING", 0),
            )
            for name, deployment in (await deployment_statuses(_STATUS_S)).items()
        }


async def _call_router(call: Callable[[], Awaitable[Answer]], deadline: float, retries: int = 2) -> Answer:
    """Call, and call again when the replica died; failures of the call become errors of the contract.

    A router that dies takes its requests along, and passes on that the segmentation died; reading is idempotent.
    """
    try:
        async with asyncio.timeout(max(0.0, deadline - time.time()) + _GRACE_S):
            for _ in range(retries + 1):
                try:
                    return await call()
                except (ReplicaLost, CropsLost):  # here the answer is what is lost, with the node that holds it
                    continue
    except TimeoutError as error:
        raise DeadlineExceeded("the ensemble did not answer in time", "give more time with timeout_s", 1.0) from error
    except QueueFull as error:
        raise Overloaded("too many requests are waiting", "send the request again later", 1.0) from error
    except StoreFull as error:
        raise Overloaded(
            "the object store of a node is full, and its disk too",
            "send smaller files, or give the nodes more --object-store-memory and free their disks",
            5.0,
        ) from error
    except NotDeployed as error:
        raise NotReady("the router is not running", "see /status", 5.0) from error
    raise InternalFailure(
        f"the router or the segmentation died {retries + 1} times on this request", "try again; the log has the details"
    )
