"""The ensemble: have a page segmented, ask the engines about its lines, fuse what they read. Plain asyncio over two
kinds of async callables.

The ensemble sees layouts, hypotheses and an opaque reference to the crops; the pixels go from the segmentation to the
engines directly. Knows no engine by name, no Serve and no HTTP; a test passes plain coroutines.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from deployments.config.deployment_names import ROUTER, SEGMENTATION
from deployments.messages.answers import (
    CharacterCropsAnswer,
    CharacterReading,
    EngineAnswer,
    ImageRefused,
    LayoutAnswer,
    NamedPicture,
)
from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.messages.states import EngineState
from deployments.observability.metrics import FUSION_SECONDS, TASKS, RecordMetric, ignore_metric
from deployments.observability.tracing import span
from deployments.router.circuit_breaker import CircuitBreakers
from deployments.router.fan_out import Budget, Clock, EngineCall, EngineOutcome, call_all
from deployments.router.page_fusion import (
    found_languages,
    fused_characters,
    fused_lines,
    fused_page,
    require_one_answer,
)
from deployments.router.starting_order import ReadingPace, Stage
from ocr import EngineReport, Layout, Page, Scope, Status, StepTimer, TimedStep
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded, QuorumError
from ocr.interfaces import Checkpoint

Result = TypeVar("Result")
Segmented = TypeVar("Segmented")

CropsReference = Any
"""Refers to the crops of one page, wherever they are stored; it is only passed on to the engines."""


class ReadCrops(Protocol):
    """Calls one engine's deployment."""

    def __call__(
        self, crops: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> Awaitable[EngineAnswer]:
        """The engine's hypotheses. Raises the exceptions of `messages.call_errors`."""


class Segmentation(Protocol):
    """Calls the segmentation's deployment. All methods raise the exceptions of `messages.call_errors`."""

    async def page(self, data: bytes, request: ReadRequest) -> tuple[LayoutAnswer | ImageRefused, CropsReference]:
        """The lines of a page, upright and in reading order."""

    async def characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> tuple[CharacterCropsAnswer, CropsReference]:
        """One crop per image of one character."""

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...] | ImageRefused:
        """What is done to a page on the way to its lines."""


@dataclass(frozen=True, slots=True, eq=False)
class _SegmentedRequest:
    """A segmented page, the request that it belongs to, and the timer of that request."""

    layout: Layout
    crops: CropsReference
    request: ReadRequest
    timer: StepTimer


# The Gateway waits so much longer: what the engines have read until the deadline is still fused.
_GRACE_S = 0.5

_ALL_SURE = "the engines that were asked before are sure of every line"
_CIRCUIT_OPEN = "left out because it kept failing; it is tried beside the requests, and comes back when it answers"


class Ensemble:
    """All engines behind one call. `states` gives what is known of the engines at the moment."""

    def __init__(
        self,
        segmentation: Segmentation,
        engines: Mapping[str, ReadCrops],
        scopes: Mapping[str, frozenset[Scope]],
        states: Callable[[], Mapping[str, EngineState]],
        clock: Clock,
        circuit_breakers: CircuitBreakers,
        record: RecordMetric = ignore_metric,
    ) -> None:
        self.circuit_breakers = circuit_breakers
        self._segmentation = segmentation
        self._engines = engines
        self._scopes = scopes
        self._states = states
        self._clock = clock
        self._record = record
        self._probes: set[asyncio.Task[None]] = set()
        self._pace = ReadingPace()

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        """Every line of the page, fused. Raises an error of the tree when nobody can answer, ReplicaLost when the
        segmentation died: then the page may be sent again.
        """
        timer = StepTimer(ROUTER)

        async def once() -> Page:
            answer, crops = await self._segmented_in_time(
                request.deadline, lambda: self._segmentation.page(data, request)
            )
            if isinstance(answer, ImageRefused):
                raise answer.error
            timer.end_call("segmentation", SEGMENTATION, answer.timings)
            segmented = _SegmentedRequest(answer.layout, crops, request, timer)
            outcomes, languages = await self._in_their_languages(
                await self._ask_engines(segmented, Scope.LINE), segmented
            )
            with self._timing_fusion(Scope.LINE, timer):
                fuse = partial(fused_page, languages=languages)
                return await self._beside_the_loop(fuse, answer.layout, outcomes, request)

        page = await _again_when_crops_are_lost(once, timer)
        return replace(page, timings=timer.timings)

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        """One character per image, in order; an image that cannot be read is an error in its place."""
        timer = StepTimer(ROUTER)

        async def once() -> list[CharacterReading | QuorumError]:
            answer, crops = await self._segmented_in_time(
                request.deadline, lambda: self._segmentation.characters(images, request)
            )
            timer.end_call("segmentation", SEGMENTATION, answer.timings)
            segmented = _SegmentedRequest(answer.layout, crops, request, timer)
            outcomes = await self._ask_engines(segmented, Scope.CHARACTER)
            with self._timing_fusion(Scope.CHARACTER, timer):
                return await self._beside_the_loop(fused_characters, answer.outcomes, outcomes, request)

        return _with_timings(await _again_when_crops_are_lost(once, timer), timer.timings)

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        """What is done to a page before it is read."""
        pictures = await self._segmented_in_time(request.deadline, lambda: self._segmentation.pictures(data, request))
        if isinstance(pictures, ImageRefused):
            raise pictures.error
        return pictures

    async def _beside_the_loop(
        self,
        fuse: Callable[[Segmented, Mapping[str, EngineOutcome], ReadRequest, Checkpoint], Result],
        segmented: Segmented,
        outcomes: Mapping[str, EngineOutcome],
        request: ReadRequest,
    ) -> Result:
        """What `fuse` makes of the outcomes, in a thread: the densest pages take many seconds, and so does a page that
        was sent as a character. It stops when nobody waits any more. Raises DeadlineExceeded.
        """
        abandoned = threading.Event()

        def checkpoint() -> None:
            if abandoned.is_set() or self._clock() > request.deadline + _GRACE_S:
                raise DeadlineExceeded("the vote took until the deadline", "give more time with timeout_s", 1.0)

        try:
            return await asyncio.to_thread(fuse, segmented, outcomes, request, checkpoint)
        finally:
            abandoned.set()

    @contextmanager
    def _timing_fusion(self, scope: Scope, timer: StepTimer) -> Iterator[None]:
        started = time.perf_counter()
        with span("fuse"):
            yield
        timer.end_step("fusion")
        self._record(FUSION_SECONDS, time.perf_counter() - started, task=TASKS[scope])

    async def _segmented_in_time(self, deadline: float, segment: Callable[[], Awaitable[Result]]) -> Result:
        """What the segmentation answers. ReplicaLost passes through: whoever called the ensemble calls it again."""
        left_s = deadline - self._clock()
        try:
            if left_s <= 0.0:
                raise TimeoutError
            async with asyncio.timeout(left_s):
                return await segment()
        except TimeoutError as error:
            raise DeadlineExceeded(
                "finding the lines took until the deadline", "give more time with timeout_s", 1.0
            ) from error
        except QueueFull as error:
            raise Overloaded(
                "too many pages wait for their lines to be found", "send the page again later", 1.0
            ) from error
        except NotDeployed as error:
            raise NotReady("no segmentation is running", "see /status", 5.0) from error

    async def _ask_engines(self, segmented: _SegmentedRequest, scope: Scope) -> dict[str, EngineOutcome]:
        """The outcome of every configured engine: called, skipped, or known to be unavailable."""
        outcomes = {name: self._not_asked(name, segmented.request, scope) for name in self._engines}
        available = [name for name, outcome in outcomes.items() if outcome is None]
        asked = await self._ask_unless_open(available, segmented) if segmented.layout.regions else {}
        idle = {name: EngineOutcome(EngineReport(name, Status.OK)) for name in outcomes}
        complete = {name: asked.get(name) or outcome or idle[name] for name, outcome in outcomes.items()}
        if segmented.layout.regions:
            require_one_answer(complete)
        return complete

    async def _ask_unless_open(
        self, available: Sequence[str], segmented: _SegmentedRequest
    ) -> dict[str, EngineOutcome]:
        """The outcome of each of these engines; those whose circuit is open are skipped."""
        admitted = self.circuit_breakers.admit(available, segmented.request.circuit)
        for name in admitted.probed:
            probe = asyncio.create_task(self._probe(name, segmented))
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)
        asked = await self._in_tiers(admitted.called, segmented)
        return asked | {
            name: EngineOutcome(EngineReport(name, Status.UNAVAILABLE, detail=_CIRCUIT_OPEN))
            for name in (*admitted.probed, *admitted.skipped)
        }

    async def _probe(self, name: str, segmented: _SegmentedRequest) -> None:
        """Ask an engine about the first line of a request, which does not wait for the answer."""
        with suppress(CropsLost):
            await self._ask_about([0], [name], replace(segmented, timer=StepTimer(ROUTER)))

    async def _in_tiers(self, available: Sequence[str], segmented: _SegmentedRequest) -> dict[str, EngineOutcome]:
        """The outcome of each of these engines: one after the other where the request has a cascade."""
        steps, last = segmented.request.tiers(available)
        unsure_lines: Sequence[int] = range(len(segmented.layout.regions))
        asked: dict[str, EngineOutcome] = {}
        for step in steps:
            asked |= await self._ask_about_unsure_lines(unsure_lines, step.engines, segmented)
            fused = await self._beside_the_loop(fused_lines, segmented.layout, asked, segmented.request)
            unsure_lines = [index for index in unsure_lines if step.goes_on(fused[index].expected_errors)]
            segmented.timer.end_step("fusion")
        return asked | await self._ask_about_unsure_lines(unsure_lines, last, segmented)

    async def _ask_about_unsure_lines(
        self, unsure_lines: Sequence[int], names: Sequence[str], segmented: _SegmentedRequest
    ) -> dict[str, EngineOutcome]:
        """The outcomes for all lines, of which some are open; skipped where none is."""
        if not unsure_lines:
            return {name: EngineOutcome(EngineReport(name, Status.SKIPPED, detail=_ALL_SURE)) for name in names}
        outcomes = await self._ask_about(unsure_lines, names, segmented)
        count = len(segmented.layout.regions)
        if len(unsure_lines) == count:
            return outcomes
        return {name: outcome.spread_over(unsure_lines, count) for name, outcome in outcomes.items()}

    async def _ask_about(
        self, indices: Sequence[int], names: Sequence[str], segmented: _SegmentedRequest
    ) -> dict[str, EngineOutcome]:
        """The outcome of each of these engines, recorded with its circuit breaker."""
        request = segmented.request
        calls = {
            name: _engine_call(name, self._engines[name], segmented.crops, indices, request.recognition)
            for name in names
        }
        generations = {name: self.circuit_breakers.generation(name) for name in names}
        now = self._clock()
        budget = Budget.until(request.deadline, now)
        stages = self._stages(names, len(indices), segmented, budget.engines - now)
        outcomes: dict[str, EngineOutcome] = {}
        try:
            outcomes = await call_all(
                calls,
                budget,
                self._clock,
                request.limits.retries,
                caller=ROUTER,
                stages=stages,
            )
            if stages:
                self._note_pace(stages[0].engines, len(indices), outcomes)
            segmented.timer.end_parallel("engines", [outcome.timing for outcome in outcomes.values() if outcome.timing])
        finally:  # also when the crops were lost or nobody waits any more: a probe must not stay under way for ever
            for name, generation in generations.items():
                failed = outcomes[name].failed(request.circuit.patience_s) if outcomes else None
                self.circuit_breakers.record_outcome(name, generation, failed, request.circuit)
        return outcomes

    async def _in_their_languages(
        self, outcomes: dict[str, EngineOutcome], segmented: _SegmentedRequest
    ) -> tuple[dict[str, EngineOutcome], list[str]]:
        """The outcomes, with lines read again that turned out to be in another language than they were read in, by the
        engines to which that matters; and the language of each line.
        """
        request = segmented.request
        if not request.finds_languages and len(request.recognition.languages) == 1:
            return outcomes, list(request.recognition.languages) * len(segmented.layout.regions)
        languages = await self._beside_the_loop(found_languages, segmented.layout, outcomes, request)
        segmented.timer.end_step("languages")
        names = [name for name, outcome in outcomes.items() if outcome.answered and self._reads_by_language(name)]
        for language in sorted(set(languages) - set(request.recognition.languages)) if names else ():
            lines = [index for index, own in enumerate(languages) if own == language]
            recognition = replace(request.recognition, languages=(language,))
            again = await self._ask_about(
                lines, names, replace(segmented, request=replace(request, recognition=recognition))
            )
            outcomes = outcomes | {name: outcomes[name].read_again(lines, own) for name, own in again.items()}
        return outcomes, languages

    def _reads_by_language(self, name: str) -> bool:
        state = self._states().get(name)
        return state is not None and state.by_language

    def _stages(
        self, names: Sequence[str], lines: int, segmented: _SegmentedRequest, left_s: float
    ) -> tuple[Stage, ...]:
        """The engines as they begin. Single characters are small: all begin at once."""
        if any(region.scope is not Scope.LINE for region in segmented.layout.regions):
            return ()
        weights = segmented.request.profile.normalised_weights(names)
        return self._pace.stages(names, lines, self._states(), weights, left_s)

    def _note_pace(self, begun: Sequence[str], lines: int, outcomes: Mapping[str, EngineOutcome]) -> None:
        """How long the engines took that began together."""
        timings = [timing.seconds for name in begun if (timing := outcomes[name].timing)]
        if timings:
            done = all(outcomes[name].report.status is Status.OK for name in begun)
            self._pace.note(begun, lines, self._states(), max(timings), done=done)

    def _not_asked(self, name: str, request: ReadRequest, scope: Scope) -> EngineOutcome | None:
        """Why the engine is not asked at all; None when it is."""
        if scope not in self._scopes[name]:
            return EngineOutcome(EngineReport(name, Status.SKIPPED, detail=f"does not read a single {scope}"))
        if name not in request.engines:
            return EngineOutcome(EngineReport(name, Status.SKIPPED, detail="left out by the request"))
        state = self._states().get(name)
        if state is None:
            return EngineOutcome(EngineReport(name, Status.UNAVAILABLE, detail="still starting; see /status"))
        if not state.available:
            return EngineOutcome(EngineReport(name, Status.UNAVAILABLE, detail=state.problem))
        return None


def _engine_call(
    name: str, engine: ReadCrops, crops: CropsReference, indices: Sequence[int], options: RecognitionOptions
) -> EngineCall:
    async def call(deadline: float) -> EngineAnswer:
        with span(f"ask {name}", engine=name, crops=len(indices)):
            answer = await engine(crops, indices, options, deadline)
            answer.require_one_per_crop(indices)
            return answer

    return call


def _with_timings(
    readings: Sequence[CharacterReading | QuorumError], timings: tuple[TimedStep, ...]
) -> list[CharacterReading | QuorumError]:
    """The readings with the timings of their request; an error has none."""
    return [replace(each, timings=timings) if isinstance(each, CharacterReading) else each for each in readings]


async def _again_when_crops_are_lost(once: Callable[[], Awaitable[Result]], timer: StepTimer) -> Result:
    """The node that holds the crops can die before they are read; then the page is segmented once more."""
    try:
        return await once()
    except CropsLost:
        timer.end_step("lost")
    try:
        return await once()
    except CropsLost as error:
        raise InternalFailure("the crops of the page were lost twice", "send the request again") from error
