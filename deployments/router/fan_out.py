"""Asking many engines at once, in plain asyncio over async callables: deadlines, retries, failures as values.

Times are seconds on one clock; a deadline is a moment on it. Nothing here knows Serve: the shell that makes the calls
translates the transport's exceptions into those of `messages.call_errors`, and a test passes plain coroutines.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deployments.messages.answers import EngineAnswer
from deployments.messages.call_errors import NotDeployed, PixelsLost, QueueFull, ReplicaLost
from ocr import EngineReport, Hypothesis, Status, Stretch

Call = Callable[[float], Awaitable[EngineAnswer]]
"""Asks one engine, given the deadline by which it should answer."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Budget:
    """How the time of a request is shared out.

    `engines` is the deadline that engines are told; `router` is when the Router stops waiting for them, a little later,
    because an engine returns at its own deadline what it has read until then. What is left until `request` is for
    fusion and the way back.
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
class Outcome:
    """What came of asking one engine: its report and, unless it failed, one hypothesis per crop (None: not read).
    `spent` is where the time went since all were asked; None for one that was not.
    """

    report: EngineReport
    hypotheses: tuple[Hypothesis | None, ...] = ()
    spent: Stretch | None = None

    @property
    def answered(self) -> bool:
        """Whether the engine read anything at all, if only to abstain."""
        return any(hypothesis is not None for hypothesis in self.hypotheses)

    def claim(self, index: int) -> Hypothesis | None:
        """What the engine says of one crop; None when it has not read it."""
        return self.hypotheses[index] if self.hypotheses else None

    def failed(self, given_s: float, patience_s: float) -> bool | None:
        """Whether this speaks against the engine, which had `given_s` for it; None where it says nothing about it."""
        if self.answered:
            return False
        if self.report.status is Status.TIMEOUT:
            return True if given_s >= patience_s else None
        return True if self.report.status is Status.ERROR else None

    def spread(self, indices: Sequence[int], total: int) -> Outcome:
        """The same as one of `total` crops, when only those at `indices` were asked about."""
        spread: list[Hypothesis | None] = [None] * total
        for index, hypothesis in zip(indices, self.hypotheses, strict=False):
            spread[index] = hypothesis
        detail = self.report.detail or f"asked about {len(indices)} of {total} lines, which others were not sure of"
        return Outcome(replace(self.report, detail=detail), tuple(spread) if self.hypotheses else ())


async def ask_all(
    calls: Mapping[str, Call], budget: Budget, clock: Clock, retries: int = 2, *, caller: str = "caller"
) -> dict[str, Outcome]:
    """Ask all engines at the same time. Every engine has an outcome, whatever became of it. `caller` is the name under
    which it is told where the time went.

    A replica that dies takes the requests on it along; the next one that is asked is most likely alive, so it is asked
    again, at most `retries` times: several deaths in a row mean that the request itself kills it. Raises PixelsLost
    when any engine could not fetch the crops; the others are cancelled then.
    """
    began = time.perf_counter()

    async def ask(name: str, call: Call) -> Outcome:
        outcome, spent = await _ask(name, call, budget, clock, retries)
        return replace(outcome, spent=Stretch.of_call(name, caller, name, time.perf_counter() - began, spent))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(ask(name, call)) for name, call in calls.items()}
    except* PixelsLost as lost:
        raise PixelsLost(str(lost.exceptions[0])) from lost
    return {name: task.result() for name, task in tasks.items()}


async def _ask(
    name: str, call: Call, budget: Budget, clock: Clock, retries: int
) -> tuple[Outcome, tuple[Stretch, ...]]:
    """The outcome of one engine, and where it says that its time went."""
    started = clock()

    def report(status: Status, detail: str = "", model: str = "") -> EngineReport:
        return EngineReport(name, status, max(0.0, clock() - started), model, detail)

    def failed(status: Status, detail: str) -> tuple[Outcome, tuple[Stretch, ...]]:
        return Outcome(report(status, detail)), ()

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
    except PixelsLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine does, the others vote; the report says what it was
        return failed(Status.ERROR, f"{type(error).__name__}: {error}")
    return Outcome(_report_of(answer, report), answer.hypotheses), answer.spent


def _report_of(answer: EngineAnswer, report: Callable[[Status, str, str], EngineReport]) -> EngineReport:
    read = [hypothesis for hypothesis in answer.hypotheses if hypothesis is not None]
    if len(read) < len(answer.hypotheses):
        detail = f"read {len(read)} of {len(answer.hypotheses)} crops before its deadline"
        return report(Status.TIMEOUT, detail, answer.model)
    abstentions = [hypothesis.abstention for hypothesis in read if hypothesis.abstention]
    if abstentions and len(abstentions) == len(read):
        return report(Status.ABSTAINED, abstentions[0], answer.model)
    return report(Status.OK, "", answer.model)


async def _with_retries(call: Call, budget: Budget, retries: int) -> EngineAnswer:
    for _ in range(retries):
        try:
            return await call(budget.engines)
        except ReplicaLost:
            continue
    return await call(budget.engines)
