"""The Serve shell of the HTTP face, and the methods that programs call through a Serve handle.

    handle = serve.get_app_handle("quorum")
    answer = handle.predict_text.remote(image_bytes, {"profile": "printed"}).result()

Options and answers are those of the HTTP contract, as plain dicts; errors arrive as the exceptions of ocr.errors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.config.config_watcher import Follower, both
from deployments.config.layers import Settings
from deployments.gateway.access.rate_limit import SharedRates
from deployments.gateway.http_app import Api, create_app
from deployments.gateway.live_config import LiveConfiguration
from deployments.gateway.operations import Operations, jobs
from deployments.gateway.requests.options import parse
from deployments.gateway.result_cache import RememberingService
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.call_errors import NotDeployed, PixelsLost, QueueFull, ReplicaLost
from deployments.messages.capabilities import Catalogue
from deployments.messages.request import Ask
from deployments.messages.states import ServiceState
from deployments.observability.monitor import LEASE_S, Monitor
from deployments.observability.node_agents import Nodes
from deployments.replica.runtime import Keeper, Upkeep
from deployments.transport import answer_of, apart, own_deployments
from ocr import Page
from ocr.contract import BatchBody, CharacterOptions, ComponentStatus, DocumentOptions
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded, QuorumError

# The Router answers before the deadline by itself; this is for one that does not answer at all.
_GRACE_S = 0.5
# How long /status and /ready wait for each part that they ask.
_STATUS_S = 2.0

Answer = TypeVar("Answer")


@serve.ingress()
class GatewayReplica:
    """A replica of the Gateway: authenticates, limits, validates once, renders."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, router: DeploymentHandle, settings: Settings, catalogue: Catalogue, version: str
    ) -> None:
        keeper = Keeper(Upkeep.of(settings.config))
        live = LiveConfiguration(settings, catalogue)
        self._following = Follower(keeper.shared, both(keeper.take, live.take))
        # Before the first request: a replica that is added must not answer under an older configuration.
        await self._following.begin()
        self._record = keeper.record
        self._rates = SharedRates(keeper.shared, settings.config.redis_url)
        service = RememberingService(RouterService(router), lambda: live.catalogue.config.cache, self._record)
        self._api = Api(service, lambda: live.catalogue, version)
        self._operations = Operations(live, keeper.shared, Nodes(), service)
        self._monitoring = asyncio.create_task(_monitor(self._operations, keeper, settings.config.state_dir).run())

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._api, self._operations, self._rates, self._record, apart)

    async def predict(self, image: bytes, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read one character. Options and answer are those of `POST /predict`."""
        with self._api.places.one():
            answer = await self._api.readings.predict(image, parse(CharacterOptions, options or {}))
        return answer.model_dump(mode="json")

    async def predict_text(self, image: bytes, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read a page or a document. Options and answer are those of `POST /predict_text`."""
        with self._api.places.one():
            answer = await self._api.readings.predict_text(image, parse(DocumentOptions, options or {}))
        return answer.model_dump(mode="json")

    async def batch_predict(self, images: Sequence[bytes], options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read many images. Options and answer are those of `POST /batch_predict`."""
        body = parse(BatchBody, {**(options or {}), "images": ["-"] * len(images)})
        with self._api.places.one():
            answer = await self._api.readings.batch_predict(images, body)
        return answer.model_dump(mode="json")

    async def status(self) -> dict[str, Any]:
        """The answer of `GET /status`."""
        return (await self._api.status()).model_dump(mode="json")

    async def ready(self) -> dict[str, Any]:
        """The answer of `GET /ready`; raises NotReady."""
        return (await self._api.ready()).model_dump(mode="json")


def _monitor(operations: Operations, keeper: Keeper, state_dir: Path) -> Monitor:
    context = serve.get_replica_context()
    holder = context.replica_id.unique_id
    return Monitor(
        lambda: operations.live.catalogue.config.monitor,
        jobs(operations, keeper.record, state_dir.expanduser() / context.app_name),
        lambda: keeper.shared.hold("monitor", holder, LEASE_S),
        time.time,
    )


class RouterService:
    """The Router behind a Serve handle, as the HTTP face sees it."""

    def __init__(self, router: DeploymentHandle) -> None:
        self._router = router

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        page: Page = await _ask_router(
            lambda: answer_of(self._router.read_page.remote(data, ask)), ask.deadline, ask.limits.retries
        )
        return page

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        readings: list[CharacterReading | QuorumError] = await _ask_router(
            lambda: answer_of(self._router.read_characters.remote(list(images), ask)), ask.deadline, ask.limits.retries
        )
        return readings

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        pictures: tuple[NamedPicture, ...] = await _ask_router(
            lambda: answer_of(self._router.pictures.remote(data, ask)), ask.deadline, ask.limits.retries
        )
        return pictures

    async def state(self) -> ServiceState:
        try:
            state: ServiceState = await _ask_router(
                lambda: answer_of(self._router.state.remote()), time.time() + _STATUS_S
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
            for name, deployment in (await own_deployments(_STATUS_S)).items()
        }


async def _ask_router(call: Callable[[], Awaitable[Answer]], deadline: float, retries: int = 2) -> Answer:
    """Ask, and ask again when the replica died; the transport's failures become errors of the contract.

    A router that dies takes its requests along, and passes on that the segmentation died; reading is idempotent.
    """
    try:
        async with asyncio.timeout(max(0.0, deadline - time.time()) + _GRACE_S):
            for _ in range(retries + 1):
                try:
                    return await call()
                except (ReplicaLost, PixelsLost):  # here the answer is what is lost, with the node that holds it
                    continue
    except TimeoutError as error:
        raise DeadlineExceeded("the ensemble did not answer in time", "give more time with timeout_s", 1.0) from error
    except QueueFull as error:
        raise Overloaded("too many requests are waiting", "send the request again later", 1.0) from error
    except NotDeployed as error:
        raise NotReady("the router is not running", "see /status", 5.0) from error
    raise InternalFailure(
        f"the router or the segmentation died {retries + 1} times on this request", "try again; the log has the details"
    )
