"""Fan-out: calling many engines at once, with deadlines, retries, and failures as values.

Plain asyncio over async callables, which raise the exceptions of `messages.call_errors`; nothing here knows Serve.
Times are seconds on one clock; a deadline is a moment on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deployments.messages.answers import EngineAnswer
from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull, ReplicaLost
from deployments.router.starting_order import Stage
from ocr import EngineReport, Hypothesis, Status, TimedStep

EngineCall = Callable[[float], Awaitable[EngineAnswer]]
"""Calls one engine, given the deadline by which it should answer."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Budget:
    """How the time of a request is shared out.

    `engines` is the deadline that engines are given; `router` is when the Router stops waiting for them, a little
    later, because an engine returns at its own deadline what it has read until then. What is left until `request` is
    for fusion and the way back.
    """

    engines: float
    router: float
    request: float

    @classmethod
    def until(cls, deadline: float, now: float) -> Budget:
        """Reserve a tenth of what is left, at most a quarter of a second, for everything after the engines."""
        reserve_s = min(0.25, max(0.0, deadline - now) * 0.1)
        return cls(deadline - reserve_s, deadline - reserve_s * 0.4, deadline)


@dataclass(frozen=True, slots=True)
class EngineOutcome:
    """What came of calling one engine: its report and, unless it failed, one hypothesis per crop (None: not read).
    `timing` is the time since it was called, None for an engine that was not; `given_s` is how long it had.
    """

    report: EngineReport
    hypotheses: tuple[Hypothesis | None, ...] = ()
    timing: TimedStep | None = None
    given_s: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether the engine read anything at all, if only to abstain."""
        return any(hypothesis is not None for hypothesis in self.hypotheses)

    def hypothesis(self, index: int) -> Hypothesis | None:
        """What the engine says of one crop; None when it has not read it."""
        return self.hypotheses[index] if self.hypotheses else None

    def failed(self, patience_s: float) -> bool | None:
        """Whether the engine failed; None where this says nothing about the engine, as where it had little time."""
        if self.answered:
            return False
        if self.report.status is Status.TIMEOUT:
            return True if self.given_s >= patience_s else None
        return True if self.report.status is Status.ERROR else None

    def read_again(self, indices: Sequence[int], again: EngineOutcome) -> EngineOutcome:
        """The same with what was read of the crops at `indices` in another language. What was not read again stays."""
        told = list(self.hypotheses)
        for index, hypothesis in zip(indices, again.hypotheses, strict=False):
            told[index] = hypothesis if hypothesis is not None else told[index]
        report = replace(self.report, seconds=self.report.seconds + again.report.seconds)
        read = [hypothesis for hypothesis in told if hypothesis is not None]
        if all(hypothesis.abstained for hypothesis in read):
            report = replace(report, status=Status.ABSTAINED)
        if again.report.detail:
            detail = f"{len(indices)} of {len(told)} lines: {again.report.detail}"
            report = replace(report, detail=f"{report.detail}; {detail}" if report.detail else detail)
        return replace(self, report=report, hypotheses=tuple(told))

    def spread_over(self, indices: Sequence[int], total: int) -> EngineOutcome:
        """The same as one of `total` crops, when only those at `indices` were asked about."""
        spread: list[Hypothesis | None] = [None] * total
        for index, hypothesis in zip(indices, self.hypotheses, strict=False):
            spread[index] = hypothesis
        detail = self.report.detail or f"asked about {len(indices)} of {total} lines, which others were not sure of"
        return EngineOutcome(replace(self.report, detail=detail), tuple(spread) if self.hypotheses else ())


async def call_all(
    calls: Mapping[str, EngineCall],
    budget: Budget,
    clock: Clock,
    retries: int = 2,
    *,
    caller: str = "caller",
    stages: Sequence[Stage] = (),
) -> dict[str, EngineOutcome]:
    """Call all engines at the same time, or stage by stage. Every engine has an outcome, whatever became of it; for one
    whose stage comes too late that is a timeout. `caller` names the calling process in the timings.

    A replica that dies takes the requests on it along; the next one that is called is most likely alive, so the call is
    made again, at most `retries` times: several deaths in a row mean that the request itself kills it. Raises CropsLost
    when any engine could not fetch the crops; the others are cancelled then.
    """

    async def timed(name: str) -> EngineOutcome:
        began, given_s = time.perf_counter(), budget.engines - clock()
        outcome, timings = await _call_engine(name, calls[name], budget, clock, retries)
        timing = TimedStep.of_call(name, caller, name, time.perf_counter() - began, timings)
        return replace(outcome, timing=timing, given_s=given_s)

    tasks: dict[str, asyncio.Task[EngineOutcome]] = {}
    *earlier, last = stages or (Stage(tuple(calls), 0.0),)
    try:
        async with asyncio.TaskGroup() as group:
            for stage in earlier:
                begun = {name: group.create_task(timed(name)) for name in stage.engines}
                tasks |= begun
                await asyncio.wait(begun.values(), timeout=min(stage.patience_s, budget.engines - clock()))
                if clock() >= budget.engines:
                    break
            else:
                tasks |= {name: group.create_task(timed(name)) for name in last.engines}
    except* CropsLost as lost:
        raise CropsLost(str(lost.exceptions[0])) from lost
    return {name: tasks[name].result() if name in tasks else _came_too_late(name) for name in calls}


def _came_too_late(name: str) -> EngineOutcome:
    detail = "not asked: the engines before it took the time; ask for more with timeout_s"
    return EngineOutcome(EngineReport(name, Status.TIMEOUT, detail=detail))


async def _call_engine(
    name: str, call: EngineCall, budget: Budget, clock: Clock, retries: int
) -> tuple[EngineOutcome, tuple[TimedStep, ...]]:
    """The outcome of one engine, and the timings that it measured."""
    started = clock()

    def report(status: Status, detail: str = "", model: str = "") -> EngineReport:
        return EngineReport(name, status, max(0.0, clock() - started), model, detail)

    def failed(status: Status, detail: str) -> tuple[EngineOutcome, tuple[TimedStep, ...]]:
        return EngineOutcome(report(status, detail)), ()

    try:
        async with asyncio.timeout(max(0.0, budget.router - clock())):
            answer = await _with_retries(call, budget, retries)
    except TimeoutError:
        return failed(Status.TIMEOUT, "no answer before the deadline; ask for more with timeout_s")
    except QueueFull:
        return failed(Status.SHED, "its queue is full; add replicas or send less at once")
    except NotDeployed as error:
        return failed(Status.UNAVAILABLE, str(error))
    except ReplicaLost as error:
        return failed(Status.ERROR, f"its replica died {retries + 1} times on this request: {error}")
    except CropsLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine does, the others vote; the report says what it was
        return failed(Status.ERROR, f"{type(error).__name__}: {error}")
    return EngineOutcome(_report_of(answer, report), answer.hypotheses), answer.timings


def _report_of(answer: EngineAnswer, report: Callable[[Status, str, str], EngineReport]) -> EngineReport:
    read = [hypothesis for hypothesis in answer.hypotheses if hypothesis is not None]
    if len(read) < len(answer.hypotheses):
        detail = f"read {len(read)} of {len(answer.hypotheses)} crops before its deadline"
        return report(Status.TIMEOUT, detail, answer.model)
    abstentions = [hypothesis.abstention for hypothesis in read if hypothesis.abstention]
    if abstentions and len(abstentions) == len(read):
        return report(Status.ABSTAINED, abstentions[0], answer.model)
    remarks = [hypothesis.remark for hypothesis in read if hypothesis.remark]
    return report(Status.OK, remarks[0] if remarks else "", answer.model)


async def _with_retries(call: EngineCall, budget: Budget, retries: int) -> EngineAnswer:
    for _ in range(retries):
        try:
            return await call(budget.engines)
        except ReplicaLost:
            continue
    return await call(budget.engines)
