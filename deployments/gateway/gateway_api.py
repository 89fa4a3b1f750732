"""What one Gateway replica does: it reads, counts the requests that it reads, and says how the service is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextvars import Context, copy_context

from deployments.config.schema import ClusterConfig
from deployments.gateway import rendering
from deployments.gateway.access.admission import AdmissionControl
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.gateway.caching.shared_answer import SharedAnswer
from deployments.gateway.reading_api import ReadingApi
from deployments.messages.capabilities import Capabilities
from deployments.messages.reading_service import ReadingService
from deployments.messages.states import ServiceState
from deployments.replica.counted import counted
from deployments.replica.processor_turns import ProcessorTurns
from ocr.contract import ReadyAnswer, StatusAnswer
from ocr.errors import NotReady

_READY_POLL_S = 0.25
_WAITING_OF_ONE_CALLER = 16


class GatewayApi:
    """What one Gateway replica does, for HTTP and for Serve handles alike."""

    def __init__(
        self,
        service: ReadingService,
        capabilities: Callable[[], Capabilities],
        version: str,
        detached_context: Callable[[], Context] = copy_context,
        processors: ProcessorTurns | None = None,
    ) -> None:
        self._current = capabilities
        self._state = SharedAnswer(service.state, detached_context=detached_context)
        self._components = SharedAnswer(service.components, detached_context=detached_context)
        self.readings = ReadingApi(service, capabilities, CURRENT_CALLER.get, processors)
        self.admission = AdmissionControl(
            lambda: self.config.limits.max_requests,
            share=lambda: self.config.limits.caller_share,
            max_body_bytes=lambda: self.config.limits.max_bodies_mb * 1e6,
        )
        self.version = version
        self._page_was_read = False
        self._waiting: Counter[str] = Counter()

    @property
    def _capabilities(self) -> Capabilities:
        """What the cluster can do under the configuration of this moment."""
        return self._current()

    @property
    def config(self) -> ClusterConfig:
        return self._current().config

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of all profiles."""
        return tuple(self._capabilities.profiles)

    @property
    def engines(self) -> tuple[str, ...]:
        """The names of the engines that are configured."""
        return tuple(self._capabilities.scopes)

    async def status(self) -> StatusAnswer:
        state, components = await asyncio.gather(self._state(), self._components())
        return rendering.status_answer(
            state, components, self._capabilities, ready=not self._missing(state), version=self.version
        )

    async def ready(self) -> ReadyAnswer:
        state = await self._state()
        missing = self._missing(state)
        if missing:
            raise NotReady(
                f"not ready: {missing}", "/ready?wait=60 answers as soon as it is; /status shows each part", 5.0
            )
        ready = [name for name, engine in state.engines.items() if engine.ready]
        problems = {
            name: state.engines[name].problem if name in state.engines else "starting"
            for name in self.engines
            if name not in ready
        }
        return ReadyAnswer(engines=ready, missing=problems, page_s=state.page_s)

    async def ready_within(self, seconds: float, caller: str = "") -> ReadyAnswer:
        """The same, asked again for so many seconds before it is refused; at once where as many requests of this caller
        wait already as one may have.
        """
        try:
            return await self.ready()
        except NotReady as error:
            if not seconds:
                raise
            if self._waiting[caller] >= _WAITING_OF_ONE_CALLER:
                hint = f"{_WAITING_OF_ONE_CALLER} requests of yours wait for it already; ask without wait"
                raise NotReady(error.message, hint, 5.0) from error
        with counted(self._waiting, caller):
            return await self._ready_until(time.monotonic() + seconds)

    async def _ready_until(self, end: float) -> ReadyAnswer:
        while True:
            await asyncio.sleep(min(_READY_POLL_S, max(0.0, end - time.monotonic())))
            try:
                return await self.ready()
            except NotReady:
                if time.monotonic() >= end:
                    raise

    def _missing(self, state: ServiceState) -> str:
        """What keeps the service from being ready; empty when nothing does."""
        if lacking := state.lacking(self.config.ready_engines):
            return lacking
        # A Router that came later has not read its page yet; the service answered one all the same.
        self._page_was_read = self._page_was_read or state.page_s is not None
        if self._page_was_read or not self.config.ready_page:
            return ""
        return f"no page was read yet: {state.page_problem}" if state.page_problem else "no page was read yet"
