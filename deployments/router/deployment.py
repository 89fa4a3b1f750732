"""The Serve shell of the ensemble: it turns handle calls into the plain callables that the ensemble works with.

The Router sees layouts, hypotheses and references; pixels never pass through it. It also keeps asking every engine
for its state, so that a request does not wait for an engine that is known to be missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ray import ObjectRef
from ray.serve.handle import DeploymentHandle

from deployments.config.deployment_names import ROUTER
from deployments.config.schema import AtZero
from deployments.messages.answers import (
    CharacterReading,
    CutCharacters,
    CutPage,
    CutRefused,
    EngineAnswer,
    GarbageAnswer,
    NamedPicture,
)
from deployments.messages.call_errors import NotDeployed, QueueFull, ReplicaLost
from deployments.messages.capabilities import Catalogue
from deployments.messages.request import Ask, Question
from deployments.messages.states import EngineState, ServiceState
from deployments.observability.metrics import ENGINE_CIRCUIT_OPEN
from deployments.observability.reading_metrics import observe_characters, observe_page
from deployments.replica.runtime import Keeper, Upkeep
from deployments.router.circuit_breaker import Circuits
from deployments.router.ensemble import Ensemble, Reader
from deployments.router.scale_to_zero import Sleeper
from deployments.transport import Response, answer_of, first_and_reference, own_deployments
from ocr import Laps, Page, Scope
from ocr.errors import QuorumError

log = logging.getLogger("quorum.router")

# How often a replica's state is asked for: often until it is warm, seldom afterwards, because every call costs the
# engine's process some milliseconds.
_POLL_STARTING_S = 0.5
_POLL_WARM_S = 5.0
_POLL_TIMEOUT_S = 5.0
# Serve's controller is asked whether an engine sleeps. Longer, and more requests wait for one that just went to sleep.
_POLL_SLEEPER_S = 2.0
# A question that wakes an engine is taken back after so long: its model ought to be loaded by then.
_WAKE_S = 120.0
# A deployment in one of these states has no replica, and it is not asleep: Serve cannot start any.
_NOT_STARTING = ("UNHEALTHY", "DEPLOY_FAILED")
# An engine that neither said how it is nor read anything for so long counts as missing, until it is heard of again:
# longer than it takes to replace a replica, so that one death does not take it out of the vote.
_SILENT_S = 30.0


class RouterReplica:
    """A replica of the ensemble router."""

    def __init__(
        self,
        segmentation: DeploymentHandle,
        engines: dict[str, DeploymentHandle],
        catalogue: Catalogue,
        upkeep: Upkeep,
    ) -> None:
        keeper = Keeper(upkeep)
        self._following = keeper.follow()
        self._record = keeper.record
        self._started = time.time()
        self._states: dict[str, EngineState] = {}
        self._heard: dict[str, float] = {}
        self._segmentation_ready = False
        self._at_zero = _policies(catalogue)
        self._sleepers = {name: _sleeper(name, engines[name]) for name in self._at_zero}
        self._ensemble = Ensemble(
            HandleCutter(segmentation),
            {
                name: self._listening(name, HandleReader(handle), self._sleepers.get(name))
                for name, handle in engines.items()
            },
            catalogue.scopes,
            lambda: self._states,
            time.time,
            Circuits(engines, time.monotonic, self._tell_circuit),
            self._record,
        )
        self._watchers = [
            asyncio.create_task(self._watch_segmentation(segmentation)),
            *(
                asyncio.create_task(self._watch_sleeper(name, handle, catalogue.scopes[name]))
                if name in self._sleepers
                else asyncio.create_task(self._watch_engine(name, handle))
                for name, handle in engines.items()
            ),
        ]

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        page = await self._ensemble.read_page(data, ask)
        laps = Laps(ROUTER)
        observe_page(page, ask, self._record)
        laps.lap("metrics")
        return replace(page, spent=(*page.spent, *laps.spent))

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        readings = await self._ensemble.read_characters(images, ask)
        observe_characters(readings, ask, self._record)
        return readings

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        return await self._ensemble.pictures(data, ask)

    async def state(self) -> ServiceState:
        return ServiceState(
            dict(self._states),
            self._segmentation_ready,
            time.time() - self._started,
            self._ensemble.circuits.positions(),
        )

    def _tell_circuit(self, engine: str, is_open: bool) -> None:
        self._record(ENGINE_CIRCUIT_OPEN, float(is_open), engine=engine)

    def _listening(self, name: str, reader: Reader, sleeper: Sleeper | None) -> Reader:
        """`reader`, noting each answer: a busy engine answers requests sooner than questions about itself. One that
        sleeps is waited for, or woken for others, as it is configured.
        """

        async def read(pixels: ObjectRef, indices: Sequence[int], question: Question, deadline: float) -> EngineAnswer:
            if sleeper is not None:
                sleeper.want()
                if self._at_zero[name] is AtZero.UNAVAILABLE:
                    sleeper.require_awake()
            answer = await reader(pixels, indices, question, deadline)
            self._heard[name] = time.time()
            return answer

        return read

    async def _watch_engine(self, name: str, handle: DeploymentHandle) -> None:
        """Keep the engine's state. The last one stays while a replica is being replaced: it says what to expect."""
        while True:
            await self._ask_engine(name, handle)
            await asyncio.sleep(_POLL_WARM_S if name in self._states else _POLL_STARTING_S)

    async def _watch_sleeper(self, name: str, handle: DeploymentHandle, scopes: frozenset[Scope]) -> None:
        """The same for an engine that may sleep: it is asked only while that is not what keeps it awake."""
        while True:
            in_use = await self._sleepers[name].look()
            known = self._states.get(name)
            if self._sleepers[name].asleep:
                resting = known or EngineState(name, tuple(sorted(scopes)))
                self._note(replace(resting, asleep=self._at_zero[name], problem=""))
                self._heard[name] = time.time()
            elif in_use or known is None or known.asleep:
                await self._ask_engine(name, handle)
            await asyncio.sleep(_POLL_SLEEPER_S)

    async def _ask_engine(self, name: str, handle: DeploymentHandle) -> None:
        state = await _in_time(handle.state.remote)
        if isinstance(state, EngineState):
            self._heard[name] = time.time()
            self._note(state)
        elif name in self._states and time.time() - self._heard[name] > _SILENT_S:
            problem = f"has not answered for {_SILENT_S:.0f} s; see its deployment in /status and its log"
            self._note(replace(self._states[name], problem=problem))

    def _note(self, state: EngineState) -> None:
        known = self._states.get(state.name)
        if known is None or known.available != state.available:
            log.info("%s: %s", state.name, state.problem or f"ready with {state.model}")
        self._states[state.name] = state

    async def _watch_segmentation(self, handle: DeploymentHandle) -> None:
        while True:
            self._segmentation_ready = await _in_time(handle.ping.remote) is True
            await asyncio.sleep(_POLL_WARM_S if self._segmentation_ready else _POLL_STARTING_S)


def _policies(catalogue: Catalogue) -> dict[str, AtZero]:
    """What a request finds at each engine that may sleep."""
    listed = zip(catalogue.scopes, catalogue.config.engines, strict=True)
    return {name: engine.at_zero for name, engine in listed if engine.at_zero is not None}


def _sleeper(name: str, handle: DeploymentHandle) -> Sleeper:
    async def count() -> int | None:
        deployment = (await own_deployments(_POLL_TIMEOUT_S)).get(name)
        if deployment is None or deployment.status.value in _NOT_STARTING:
            return None
        return int(deployment.replica_states.get("RUNNING", 0))

    return Sleeper(name, count, lambda: _in_time(handle.state.remote, _WAKE_S))


class HandleCutter:
    """The segmentation, asked through a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle.options(stream=True)
        self._plain = handle

    async def page(self, data: bytes, ask: Ask) -> tuple[CutPage | CutRefused, ObjectRef | None]:
        return await first_and_reference(self._handle.page.remote(data, ask.handling))

    async def characters(self, images: Sequence[bytes], ask: Ask) -> tuple[CutCharacters, ObjectRef | None]:
        return await first_and_reference(self._handle.characters.remote(list(images), ask.handling))

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...] | CutRefused:
        pictures: tuple[NamedPicture, ...] | CutRefused = await answer_of(
            self._plain.pictures.remote(data, ask.handling)
        )
        return pictures


class HandleReader:
    """An engine, asked through a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def __call__(
        self, pixels: ObjectRef, indices: Sequence[int], question: Question, deadline: float
    ) -> EngineAnswer:
        # The reference is a top-level argument, so Ray brings the crops to the engine's node by itself.
        answer = await answer_of(self._handle.read.remote(pixels, list(indices), question, deadline))
        if not isinstance(answer, EngineAnswer):
            raise GarbageAnswer(f"want an answer, got {type(answer).__name__}")
        return answer


async def _in_time(ask: Callable[[], Response], timeout_s: float = _POLL_TIMEOUT_S) -> object:
    """What a deployment answers, or None when it does not answer in time."""
    try:
        async with asyncio.timeout(timeout_s):
            return await answer_of(ask())
    except (TimeoutError, NotDeployed, QueueFull, ReplicaLost):
        return None
    except Exception:  # whatever it is, the watcher goes on: without it the engine's state would stand still for ever
        log.exception("asking a deployment for its state failed")
        return None
