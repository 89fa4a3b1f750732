"""What one Router knows of each engine and of the segmentation, so that no request waits for an engine that is known to
be missing. Background tasks poll each of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ray import ObjectRef
from ray.serve.handle import DeploymentHandle

from deployments.config.schema import AtZeroPolicy
from deployments.messages.answers import EngineAnswer
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import RecognitionOptions
from deployments.messages.states import EngineState
from deployments.router.clients import EngineClient, response_within
from deployments.router.ensemble import ReadCrops
from deployments.router.scale_to_zero import ScaleToZeroEngine
from deployments.transport import deployment_statuses

log = logging.getLogger("quorum.router")

# How often a replica's state is polled: often until it is warm, seldom afterwards, because every call costs the
# engine's process some milliseconds.
_POLL_STARTING_S = 0.5
_POLL_WARM_S = 5.0
_POLL_TIMEOUT_S = 5.0
# Serve's controller is asked whether an engine sleeps. Longer, and more requests wait for one that just went to sleep.
_POLL_ASLEEP_S = 2.0
# A call that wakes an engine is given up after so long: its model ought to be loaded by then.
_WAKE_S = 120.0
# A deployment in one of these states has no replica, and it is not asleep: Serve cannot start any.
_NOT_STARTING = ("UNHEALTHY", "DEPLOY_FAILED")
# An engine that neither answered a poll nor read anything for so long counts as missing, until it answers again:
# longer than it takes to replace a replica, so that one death does not take it out of the vote.
_SILENT_S = 30.0


class EngineStates:
    """Create it where an event loop runs: it polls from then on."""

    def __init__(
        self, segmentation: DeploymentHandle, engines: Mapping[str, DeploymentHandle], capabilities: Capabilities
    ) -> None:
        self.by_engine: dict[str, EngineState] = {}
        self.segmentation_ready = False
        self._scopes = capabilities.scopes
        self._last_answer: dict[str, float] = {}
        self._at_zero = _at_zero_policies(capabilities)
        self._scaled_to_zero = {name: _scale_to_zero_engine(name, engines[name]) for name in self._at_zero}
        self._polling = [
            asyncio.create_task(self._poll_segmentation(segmentation)),
            *(asyncio.create_task(self._poll(name, handle)) for name, handle in engines.items()),
        ]

    def client(self, name: str, handle: DeploymentHandle) -> ReadCrops:
        """Calls the engine and notes each answer: a busy engine answers requests sooner than polls. An engine without a
        replica is waited for, or woken for later requests, as it is configured.
        """
        call = EngineClient(handle)
        at_zero = self._scaled_to_zero.get(name)

        async def read(
            crops: ObjectRef, indices: Sequence[int], options: RecognitionOptions, deadline: float
        ) -> EngineAnswer:
            if at_zero is not None:
                at_zero.note_request()
                if self._at_zero[name] is AtZeroPolicy.UNAVAILABLE:
                    at_zero.require_replica()
            answer = await call(crops, indices, options, deadline)
            self._last_answer[name] = time.time()
            return answer

        return read

    async def _poll(self, name: str, handle: DeploymentHandle) -> None:
        while True:
            if name in self._scaled_to_zero:
                await self._poll_unless_asleep(name, handle)
                await asyncio.sleep(_POLL_ASLEEP_S)
            else:
                await self._poll_engine(name, handle)
                await asyncio.sleep(_POLL_WARM_S if name in self.by_engine else _POLL_STARTING_S)

    async def _poll_unless_asleep(self, name: str, handle: DeploymentHandle) -> None:
        """Poll an engine that may have no replica, unless the poll would wake it or keep it awake."""
        engine = self._scaled_to_zero[name]
        in_use = await engine.poll()
        known = self.by_engine.get(name)
        if engine.asleep:
            state = known or EngineState(name, tuple(sorted(self._scopes[name])))
            self._set(replace(state, asleep=self._at_zero[name], problem=""))
            self._last_answer[name] = time.time()
        elif in_use or known is None or known.asleep:
            await self._poll_engine(name, handle)

    async def _poll_engine(self, name: str, handle: DeploymentHandle) -> None:
        """The last state stays while a replica is being replaced: it says what to expect."""
        state = await response_within(_POLL_TIMEOUT_S, handle.state.remote)
        if isinstance(state, EngineState):
            self._last_answer[name] = time.time()
            self._set(state)
        elif name in self.by_engine and time.time() - self._last_answer[name] > _SILENT_S:
            problem = f"has not answered for {_SILENT_S:.0f} s; see its deployment in /status and its log"
            self._set(replace(self.by_engine[name], problem=problem))

    def _set(self, state: EngineState) -> None:
        known = self.by_engine.get(state.name)
        if known is None or known.available != state.available:
            log.info("%s: %s", state.name, state.problem or f"ready with {state.model}")
        self.by_engine[state.name] = state

    async def _poll_segmentation(self, handle: DeploymentHandle) -> None:
        while True:
            self.segmentation_ready = await response_within(_POLL_TIMEOUT_S, handle.ping.remote) is True
            await asyncio.sleep(_POLL_WARM_S if self.segmentation_ready else _POLL_STARTING_S)


def _at_zero_policies(capabilities: Capabilities) -> dict[str, AtZeroPolicy]:
    """What a request finds at each engine that may scale to zero."""
    listed = zip(capabilities.scopes, capabilities.config.engines, strict=True)
    return {name: engine.at_zero for name, engine in listed if engine.at_zero is not None}


def _scale_to_zero_engine(name: str, handle: DeploymentHandle) -> ScaleToZeroEngine:
    async def count_replicas() -> int | None:
        deployment = (await deployment_statuses(_POLL_TIMEOUT_S)).get(name)
        if deployment is None or deployment.status.value in _NOT_STARTING:
            return None
        return int(deployment.replica_states.get("RUNNING", 0))

    return ScaleToZeroEngine(name, count_replicas, lambda: response_within(_WAKE_S, handle.state.remote))
