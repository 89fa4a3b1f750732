"""The ensemble: cut a page, ask the engines, fuse what they say. Plain asyncio over two kinds of async callables.

What is here sees layouts, hypotheses and an opaque token for the pixels; the pixels themselves go from the
segmentation to the engines without passing through. Knows no engine by name, no Serve and no HTTP; a test passes
plain coroutines.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import fusion
from deployments.config.deployment_names import ROUTER, SEGMENTATION
from deployments.messages.answers import (
    CharacterReading,
    CutCharacters,
    CutPage,
    CutRefused,
    EngineAnswer,
    NamedPicture,
)
from deployments.messages.call_errors import NotDeployed, PixelsLost, QueueFull
from deployments.messages.request import Ask, Question
from deployments.messages.states import EngineState
from deployments.observability.metrics import FUSION_SECONDS, TASKS, Record, ignore
from deployments.observability.tracing import span
from deployments.router.circuit_breaker import Circuits
from deployments.router.fan_out import Budget, Call, Clock, Outcome, ask_all
from ocr import EngineReport, Hypothesis, Laps, Layout, Line, Page, Scope, Status, Stretch
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded, QuorumError, ServiceError

Result = TypeVar("Result")

PixelsToken = Any
"""Stands for the crops of one page, wherever they lie; only given on to the readers."""


class Reader(Protocol):
    """Asks one engine's deployment."""

    def __call__(
        self, pixels: PixelsToken, indices: Sequence[int], question: Question, deadline: float
    ) -> Awaitable[EngineAnswer]:
        """The engine's hypotheses. Raises the exceptions of `messages.call_errors`."""


class Cutter(Protocol):
    """Asks the segmentation's deployment. All raise the exceptions of `messages.call_errors`."""

    async def page(self, data: bytes, ask: Ask) -> tuple[CutPage | CutRefused, PixelsToken]:
        """The lines of a page, upright and in reading order."""

    async def characters(self, images: Sequence[bytes], ask: Ask) -> tuple[CutCharacters, PixelsToken]:
        """One crop per image of one character."""

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...] | CutRefused:
        """What is done to a page on the way to its lines."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A page that is cut, what is asked about it, and who learns where the time goes."""

    layout: Layout
    pixels: PixelsToken
    ask: Ask
    laps: Laps


_ALL_SURE = "the engines that were asked before are sure of every line"
_OPEN = "left out because it kept failing; it is tried beside the requests, and comes back when it answers"


class Ensemble:
    """All engines behind one call. `states` is asked for what is known of the engines right now."""

    def __init__(
        self,
        cutter: Cutter,
        readers: Mapping[str, Reader],
        scopes: Mapping[str, frozenset[Scope]],
        states: Callable[[], Mapping[str, EngineState]],
        clock: Clock,
        circuits: Circuits,
        record: Record = ignore,
    ) -> None:
        self.circuits = circuits
        self._cutter = cutter
        self._readers = readers
        self._scopes = scopes
        self._states = states
        self._clock = clock
        self._record = record
        self._probes: set[asyncio.Task[None]] = set()

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        """Every line of the page, fused. Raises an error of the tree when nobody can answer, ReplicaLost when the
        segmentation died: then the page may be sent again.
        """
        laps = Laps(ROUTER)

        async def once() -> Page:
            cut, pixels = await self._before(ask.deadline, lambda: self._cutter.page(data, ask))
            if isinstance(cut, CutRefused):
                raise cut.error
            laps.call("segmentation", SEGMENTATION, cut.spent)
            outcomes = await self._ask_engines(_Cut(cut.layout, pixels, ask, laps), Scope.LINE)
            with self._timing_fusion(Scope.LINE, laps):
                return self._fused_page(cut.layout, outcomes, ask)

        page = await _again_when_pixels_are_lost(once, laps)
        return replace(page, spent=laps.spent)

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        """One character per image, in order; an image that cannot be read is an error in its place."""
        laps = Laps(ROUTER)

        async def once() -> list[CharacterReading | QuorumError]:
            cut, pixels = await self._before(ask.deadline, lambda: self._cutter.characters(images, ask))
            laps.call("segmentation", SEGMENTATION, cut.spent)
            outcomes = await self._ask_engines(_Cut(cut.layout, pixels, ask, laps), Scope.CHARACTER)
            with self._timing_fusion(Scope.CHARACTER, laps):
                return [
                    index if isinstance(index, QuorumError) else _fused_character(index, outcomes, ask)
                    for index in cut.outcomes
                ]

        return _spending(await _again_when_pixels_are_lost(once, laps), laps.spent)

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        """What is done to a page before it is read."""
        pictures = await self._before(ask.deadline, lambda: self._cutter.pictures(data, ask))
        if isinstance(pictures, CutRefused):
            raise pictures.error
        return pictures

    @contextmanager
    def _timing_fusion(self, scope: Scope, laps: Laps) -> Iterator[None]:
        started = time.perf_counter()
        with span("fuse"):
            yield
        laps.lap("fusion")
        self._record(FUSION_SECONDS, time.perf_counter() - started, task=TASKS[scope])

    async def _before(self, deadline: float, cut: Callable[[], Awaitable[Result]]) -> Result:
        """What the segmentation answers. One that died is for the caller of the ensemble: it sends the page again."""
        left_s = deadline - self._clock()
        try:
            if left_s <= 0.0:
                raise TimeoutError
            async with asyncio.timeout(left_s):
                return await cut()
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

    async def _ask_engines(self, cut: _Cut, scope: Scope) -> dict[str, Outcome]:
        """The outcome of every configured engine: asked, left out, or known to be unavailable."""
        outcomes = {name: self._not_asked(name, cut.ask, scope) for name in self._readers}
        willing = [name for name, outcome in outcomes.items() if outcome is None]
        asked = await self._ask_closed(willing, cut) if cut.layout.regions else {}
        idle = {name: Outcome(EngineReport(name, Status.OK)) for name in outcomes}
        complete = {name: asked.get(name) or outcome or idle[name] for name, outcome in outcomes.items()}
        if cut.layout.regions:
            _require_one_answer(complete)
        return complete

    async def _ask_closed(self, willing: Sequence[str], cut: _Cut) -> dict[str, Outcome]:
        """The outcome of each of these engines; those whose circuit is open are left out."""
        admitted = self.circuits.admit(willing, cut.ask.circuit)
        for name in admitted.probed:
            probe = asyncio.create_task(self._probe(name, cut))
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)
        left_out = (*admitted.probed, *admitted.left_out)
        asked = await self._in_tiers(admitted.asked, cut)
        return asked | {name: Outcome(EngineReport(name, Status.UNAVAILABLE, detail=_OPEN)) for name in left_out}

    async def _probe(self, name: str, cut: _Cut) -> None:
        """Ask an engine about the first line of a request that does not wait for the answer."""
        with suppress(PixelsLost):
            await self._ask_about([0], [name], replace(cut, laps=Laps(ROUTER)))

    async def _in_tiers(self, willing: Sequence[str], cut: _Cut) -> dict[str, Outcome]:
        """The outcome of each of these engines: one after the other where the request has a cascade."""
        steps, last = cut.ask.tiers(willing)
        open_lines: Sequence[int] = range(len(cut.layout.regions))
        asked: dict[str, Outcome] = {}
        for step in steps:
            asked |= await self._ask_about_open(open_lines, step.engines, cut)
            open_lines = [
                index for index in open_lines if step.goes_on(_fused(index, cut.layout, asked, cut.ask).expected_errors)
            ]
            cut.laps.lap("fusion")
        return asked | await self._ask_about_open(open_lines, last, cut)

    async def _ask_about_open(self, open_lines: Sequence[int], names: Sequence[str], cut: _Cut) -> dict[str, Outcome]:
        """The outcomes for all lines, of which some are open; skipped where none is."""
        if not open_lines:
            return {name: Outcome(EngineReport(name, Status.SKIPPED, detail=_ALL_SURE)) for name in names}
        outcomes = await self._ask_about(open_lines, names, cut)
        count = len(cut.layout.regions)
        if len(open_lines) == count:
            return outcomes
        return {name: outcome.spread(open_lines, count) for name, outcome in outcomes.items()}

    async def _ask_about(self, indices: Sequence[int], names: Sequence[str], cut: _Cut) -> dict[str, Outcome]:
        """The outcome of each of these engines, which their circuits hear of."""
        ask = cut.ask
        calls = {name: _call(name, self._readers[name], cut.pixels, indices, ask.question) for name in names}
        eras = {name: self.circuits.era(name) for name in names}
        now = self._clock()
        budget = Budget.until(ask.deadline, now)
        outcomes: dict[str, Outcome] = {}
        try:
            outcomes = await ask_all(calls, budget, self._clock, ask.limits.retries, caller=ROUTER)
            cut.laps.side_by_side("engines", [outcome.spent for outcome in outcomes.values() if outcome.spent])
        finally:  # also when the pixels were lost or nobody waits any more: a probe must not stay under way for ever
            for name, era in eras.items():
                failed = outcomes[name].failed(budget.engines - now, ask.circuit.patience_s) if outcomes else None
                self.circuits.note(name, era, failed, ask.circuit)
        return outcomes

    def _not_asked(self, name: str, ask: Ask, scope: Scope) -> Outcome | None:
        """Why the engine is not asked at all; None when it is."""
        if scope not in self._scopes[name]:
            return Outcome(EngineReport(name, Status.SKIPPED, detail=f"does not read a single {scope}"))
        if name not in ask.engines:
            return Outcome(EngineReport(name, Status.SKIPPED, detail="left out by the request"))
        state = self._states().get(name)
        if state is None:
            return Outcome(EngineReport(name, Status.UNAVAILABLE, detail="still starting; see /status"))
        if not state.available:
            return Outcome(EngineReport(name, Status.UNAVAILABLE, detail=state.problem))
        return None

    def _fused_page(self, layout: Layout, outcomes: Mapping[str, Outcome], ask: Ask) -> Page:
        lines = [_fused_line(layout, index, outcomes, ask) for index in range(len(layout.regions))]
        return Page(
            layout.width_px,
            layout.height_px,
            tuple(line for line in lines if line.characters or any(claim.text for claim in line.readings.values())),
            tuple(outcome.report for outcome in outcomes.values()),
            str(ask.method),
            ask.profile.name,
        )


def _call(name: str, reader: Reader, pixels: PixelsToken, indices: Sequence[int], question: Question) -> Call:
    async def call(deadline: float) -> EngineAnswer:
        with span(f"ask {name}", engine=name, crops=len(indices)):
            answer = await reader(pixels, indices, question, deadline)
            answer.require_one_each(indices)
            return answer

    return call


def _fused(index: int, layout: Layout, outcomes: Mapping[str, Outcome], ask: Ask) -> fusion.FusedLine:
    return fusion.fuse_line(
        _claims(index, outcomes), ask.profile.for_material(layout.regions[index].material), ask.method
    )


def _claims(index: int, outcomes: Mapping[str, Outcome]) -> dict[str, Hypothesis]:
    claims = {name: outcome.claim(index) for name, outcome in outcomes.items()}
    return {name: claim for name, claim in claims.items() if claim is not None}


def _fused_line(layout: Layout, index: int, outcomes: Mapping[str, Outcome], ask: Ask) -> Line:
    fused, claims = _fused(index, layout, outcomes, ask), _claims(index, outcomes)
    return fusion.line_on_page(fused, layout.regions[index], claims, keep_votes=ask.explain)


def _fused_character(index: int, outcomes: Mapping[str, Outcome], ask: Ask) -> CharacterReading | QuorumError:
    claims = _claims(index, outcomes)
    if not claims:
        return DeadlineExceeded(
            "no engine came to this image in time", "send fewer images at once, or give more time with timeout_s", 1.0
        )
    return CharacterReading(
        fusion.fuse_character(claims, ask.profile, ask.method, ask.question.classes),
        claims,
        tuple(outcome.report for outcome in outcomes.values()),
    )


def _require_one_answer(outcomes: Mapping[str, Outcome]) -> None:
    """Raise unless at least one engine answered, if only to abstain: nobody at all is not an empty page."""
    if any(outcome.answered for outcome in outcomes.values()):
        return
    reports = [outcome.report for outcome in outcomes.values() if outcome.report.status is not Status.SKIPPED]
    summary = ", ".join(f"{report.engine}: {report.status}" for report in reports)
    raise _failure_of({report.status for report in reports}, summary)


def _failure_of(statuses: set[Status], summary: str) -> ServiceError:
    if Status.TIMEOUT in statuses and statuses <= {Status.TIMEOUT, Status.UNAVAILABLE}:
        return DeadlineExceeded(f"no engine answered in time ({summary})", "give more time with timeout_s", 1.0)
    if Status.SHED in statuses:
        return Overloaded(f"the engines are overloaded ({summary})", "send the request again later", 1.0)
    if statuses == {Status.UNAVAILABLE}:
        return NotReady(f"no engine is ready ({summary})", "see /status for what each of them needs", 5.0)
    return InternalFailure(f"every engine failed ({summary})", "try again; the log has the details")


def _spending(
    readings: Sequence[CharacterReading | QuorumError], spent: tuple[Stretch, ...]
) -> list[CharacterReading | QuorumError]:
    """The same, with where the time went; an error has no place for it."""
    return [replace(each, spent=spent) if isinstance(each, CharacterReading) else each for each in readings]


async def _again_when_pixels_are_lost(once: Callable[[], Awaitable[Result]], laps: Laps) -> Result:
    """The node that holds the crops can die between the cut and the reading; then the page is cut once more."""
    try:
        return await once()
    except PixelsLost:
        laps.lap("lost")
    try:
        return await once()
    except PixelsLost as error:
        raise InternalFailure("the crops of the page were lost twice", "send the request again") from error
