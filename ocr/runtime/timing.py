"""How long each step of a request took, in durations that add up.

A `TimedStep` has a name and a duration. Its parts followed one another, or ran in parallel from its beginning; what
nobody measured of it is `other`. A step has no start time, because the clocks of two hosts cannot be compared: another
process says how long its work took, and what its caller waited beyond that is `transfer`. A `StepTimer` measures the
steps of one process: every moment belongs to exactly one step, so they always add up.

All times are seconds. The names of the steps of a request are not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ocr.runtime.pickling import fast_pickle

OTHER = "other"
TRANSFER = "transfer"

# Sums of floating-point numbers differ by less than this, in seconds; a remainder below it is none.
_EXACT_S = 1e-6


@fast_pickle
@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step and its duration. `where` is the process (deployment) that it ran in, or the two that it lies between.
    `parts` take no longer than the step: all of them together or, when they ran `parallel`, each of them.
    """

    name: str
    where: str
    seconds: float
    parts: tuple[TimedStep, ...] = ()
    parallel: bool = False

    def __post_init__(self) -> None:
        if self.seconds < 0.0:
            raise ValueError(f"{self.name}: {self.seconds} s is not a duration")
        if self._covered_s > self.seconds + _EXACT_S:
            raise ValueError(f"{self.name}: its parts take {self._covered_s} s of {self.seconds} s")

    @classmethod
    def of_call(cls, name: str, caller: str, callee: str, waited_s: float, timings: Sequence[TimedStep]) -> TimedStep:
        """A call with the `timings` that the other side measured; without parts where it did not answer.

        If the other side measured more than its caller waited, the caller's clock counts.
        """
        measured_s = sum(part.seconds for part in timings)
        if not timings:
            return cls(name, callee, waited_s)
        scaled = [part.scaled(min(1.0, waited_s / measured_s)) if measured_s > 0.0 else part for part in timings]
        transfer = cls(TRANSFER, f"{caller} to {callee}", max(0.0, waited_s - measured_s))
        return cls(name, callee, waited_s, (transfer, *scaled))

    def scaled(self, factor: float) -> TimedStep:
        if factor == 1.0:
            return self
        parts = tuple(part.scaled(factor) for part in self.parts)
        return replace(self, seconds=self.seconds * factor, parts=parts)

    @property
    def longest(self) -> TimedStep | None:
        """Of parts that ran in parallel, the one that took longest."""
        return max(self.parts, key=lambda part: part.seconds, default=None) if self.parallel else None

    @property
    def _covered_s(self) -> float:
        if self.longest is not None:
            return self.longest.seconds
        return sum(part.seconds for part in self.parts)


class StepTimer:
    """Measures the steps of one process, one after another. A step begins where the one before it ended."""

    def __init__(self, where: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.where = where
        self._clock = clock
        self._last = clock()
        self._steps: list[TimedStep] = []

    @property
    def timings(self) -> tuple[TimedStep, ...]:
        """The steps that have ended, in order."""
        return tuple(self._steps)

    def end_step(self, name: str) -> None:
        """End the current step under this name; the next one begins."""
        self._steps.append(TimedStep(name, self.where, self._since_last()))

    def add_to_step(self, name: str) -> None:
        """The same, added to an earlier step of that name where there is one: for what is done in turns."""
        names = [step.name for step in self._steps]
        self.end_step(name)
        if name in names:
            again, number = self._steps.pop(), names.index(name)
            self._steps[number] = replace(again, seconds=self._steps[number].seconds + again.seconds)

    def end_call(self, name: str, callee: str, timings: Sequence[TimedStep]) -> None:
        """End a step that was a call to another process, which measured these `timings`."""
        self._steps.append(TimedStep.of_call(name, self.where, callee, self._since_last(), timings))

    def add_steps(self, timings: Sequence[TimedStep], rest: str) -> None:
        """End a step that another process did for this one, in these steps; what is missing of them is the `rest`."""
        measured_s, waited_s = sum(step.seconds for step in timings), self._since_last()
        self._steps += [step.scaled(min(1.0, waited_s / measured_s)) for step in timings if measured_s > 0.0]
        self._steps.append(TimedStep(rest, self.where, max(0.0, waited_s - measured_s)))

    def end_parallel(self, name: str, parts: Sequence[TimedStep]) -> None:
        """End a step that waited for all of these, which began when it did."""
        self._steps.append(TimedStep(name, self.where, self._since_last(), tuple(parts), parallel=True))

    def _since_last(self) -> float:
        now = self._clock()
        seconds, self._last = max(0.0, now - self._last), now
        return seconds


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A step on the timeline of the whole: how long after its beginning, how deep within other steps.

    Entries on the critical path are `critical`: none lies within another, and without one of them the whole would have
    ended sooner. Together they take as long as the whole.
    """

    step: TimedStep
    start_s: float
    depth: int
    critical: bool


def timeline(timings: Sequence[TimedStep]) -> list[TimelineEntry]:
    """Steps that followed one another and everything within them, each before its parts."""
    return list(_sequence(timings, 0.0, 0, critical=True))


def _sequence(parts: Sequence[TimedStep], start_s: float, depth: int, *, critical: bool) -> Iterator[TimelineEntry]:
    for part in parts:
        yield from _with_parts(part, start_s, depth, critical=critical)
        start_s += part.seconds


def _with_parts(step: TimedStep, start_s: float, depth: int, *, critical: bool) -> Iterator[TimelineEntry]:
    yield TimelineEntry(step, start_s, depth, critical and not step.parts)
    if not step.parts:
        return
    covered_s = step._covered_s
    if step.parallel:
        for part in step.parts:
            yield from _with_parts(part, start_s, depth + 1, critical=critical and part is step.longest)
    else:
        yield from _sequence(step.parts, start_s, depth + 1, critical=critical)
    left_s = step.seconds - covered_s
    if left_s > _EXACT_S:
        yield TimelineEntry(TimedStep(OTHER, step.where, left_s), start_s + covered_s, depth + 1, critical)
