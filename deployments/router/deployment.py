"""The Serve class of the Router, which asks the engines about each page and fuses what they read.

The Router sees layouts, hypotheses and references; pixels never pass through it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from ray.serve.handle import DeploymentHandle

from deployments.config.deployment_names import ROUTER
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.capabilities import Capabilities
from deployments.messages.deadlines import arrived
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from deployments.observability.metrics import ENGINE_CIRCUIT_OPEN
from deployments.observability.reading_metrics import observe_characters, observe_page
from deployments.replica.runtime import THREADS_SWITCH_S, ReplicaRuntime, ReplicaSettings
from deployments.router.circuit_breaker import CircuitBreakers
from deployments.router.clients import SegmentationClient
from deployments.router.engine_states import EngineStates
from deployments.router.ensemble import Ensemble
from deployments.router.first_page import FirstPage
from ocr import Page, Scope, StepTimer
from ocr.contract import TextOptions
from ocr.errors import QuorumError
from ocr.runtime.pickling import Pickled


class RouterReplica:
    """A replica of the Router."""

    def __init__(
        self,
        segmentation: DeploymentHandle,
        engines: dict[str, DeploymentHandle],
        capabilities: Capabilities,
        settings: ReplicaSettings,
    ) -> None:
        sys.setswitchinterval(THREADS_SWITCH_S)
        runtime = ReplicaRuntime(settings)
        self._config_watcher = runtime.watch_config()
        self._record = runtime.record
        self._started = time.time()
        self._states = EngineStates(segmentation, engines, capabilities)
        self._ensemble = Ensemble(
            SegmentationClient(segmentation),
            {name: self._states.client(name, handle) for name, handle in engines.items()},
            capabilities.scopes,
            lambda: self._states.by_engine,
            time.time,
            CircuitBreakers(engines, time.monotonic, self._record_circuit),
            self._record,
        )
        self._capabilities = capabilities
        self._first_page = FirstPage(self._is_warm, self._read_first_page)
        if capabilities.config.ready_page:
            self._reading_first_page = asyncio.create_task(self._first_page.run())

    def _is_warm(self) -> bool:
        return not self._state().lacking(self._capabilities.config.ready_engines)

    async def _read_first_page(self, page: bytes) -> None:
        """With the engines that read lines now: none is woken for it. Where all sleep there is nothing to find out."""
        awake = [
            name
            for name, state in self._states.by_engine.items()
            if state.available and state.asleep is None and Scope.LINE in self._capabilities.scopes[name]
        ]
        if awake:
            options = TextOptions(engines=awake)
            await self._ensemble.read_page(page, self._capabilities.text_request(options, time.time()))

    async def read_page(self, data: bytes, request: ReadRequest) -> Pickled[Page]:
        request = arrived(request, time.time())
        page = await self._ensemble.read_page(data, request)
        return await asyncio.to_thread(self._observed, page, request)

    def _observed(self, page: Page, request: ReadRequest) -> Pickled[Page]:
        """The page, told of in metrics and logs. Not for the event loop: the densest pages take a second."""
        timer = StepTimer(ROUTER)
        observe_page(page, request, self._record)
        timer.end_step("metrics")
        return Pickled.of(replace(page, timings=(*page.timings, *timer.timings)))

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        request = arrived(request, time.time())
        readings = await self._ensemble.read_characters(images, request)
        observe_characters(readings, request, self._record)
        return readings

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        return await self._ensemble.pictures(data, arrived(request, time.time()))

    async def state(self) -> ServiceState:
        return self._state()

    def _state(self) -> ServiceState:
        return ServiceState(
            dict(self._states.by_engine),
            self._states.segmentation_ready,
            time.time() - self._started,
            self._ensemble.circuit_breakers.states(),
            self._first_page.seconds,
            self._first_page.problem,
        )

    def _record_circuit(self, engine: str, is_open: bool) -> None:
        self._record(ENGINE_CIRCUIT_OPEN, float(is_open), engine=engine)
