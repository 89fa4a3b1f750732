"""Where the time of a piece of work went, in durations that add up.

A `Stretch` is a piece of time with a name. Its parts followed one another, or ran side by side from its beginning; what
nobody measured of it is `other`. There are no moments in it, because the clocks of two hosts cannot be compared:
another process tells how long its work took, and what its caller waited beyond that is `transfer`. `Laps` measures a
stretch within one process: every moment belongs to one lap, so they cannot but add up.

All times are seconds. Nothing here knows what the stretches of a request are called.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ocr.packing import packed

OTHER = "other"
TRANSFER = "transfer"

# Sums of floating-point numbers differ by less than this, in seconds; a remainder below it is none.
_EXACT_S = 1e-6


@packed
@dataclass(frozen=True, slots=True)
class Stretch:
    """`where` is the process (deployment) that it was spent in, or the two that it lies between. `parts` take no longer
    than the whole: all of them together or, `side_by_side`, each of them.
    """

    name: str
    where: str
    seconds: float
    parts: tuple[Stretch, ...] = ()
    side_by_side: bool = False

    def __post_init__(self) -> None:
        if self.seconds < 0.0:
            raise ValueError(f"{self.name}: {self.seconds} s is not a duration")
        if self._covered_s > self.seconds + _EXACT_S:
            raise ValueError(f"{self.name}: its parts take {self._covered_s} s of {self.seconds} s")

    @classmethod
    def of_call(cls, name: str, caller: str, callee: str, waited_s: float, spent: Sequence[Stretch]) -> Stretch:
        """A call of which the other side says how it `spent` its time; nothing where it did not answer.

        Should the other side have counted more than its caller, it is the caller's clock that is believed.
        """
        spent_s = sum(part.seconds for part in spent)
        if not spent:
            return cls(name, callee, waited_s)
        believed = [part.scaled(min(1.0, waited_s / spent_s)) if spent_s > 0.0 else part for part in spent]
        on_the_way = cls(TRANSFER, f"{caller} to {callee}", max(0.0, waited_s - spent_s))
        return cls(name, callee, waited_s, (on_the_way, *believed))

    def scaled(self, factor: float) -> Stretch:
        if factor == 1.0:
            return self
        parts = tuple(part.scaled(factor) for part in self.parts)
        return replace(self, seconds=self.seconds * factor, parts=parts)

    @property
    def longest(self) -> Stretch | None:
        """Of parts that ran side by side, the one that the others were waited for with."""
        return max(self.parts, key=lambda part: part.seconds, default=None) if self.side_by_side else None

    @property
    def _covered_s(self) -> float:
        if self.longest is not None:
            return self.longest.seconds
        return sum(part.seconds for part in self.parts)


class Laps:
    """Measures how one process spends its time on something: each lap is the time since the one before."""

    def __init__(self, where: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.where = where
        self._clock = clock
        self._last = clock()
        self._laps: list[Stretch] = []

    @property
    def spent(self) -> tuple[Stretch, ...]:
        """The laps until now, one after another."""
        return tuple(self._laps)

    def lap(self, name: str) -> None:
        """What was done since the last lap is called so."""
        self._laps.append(Stretch(name, self.where, self._since_last()))

    def more(self, name: str) -> None:
        """The same, put together with the lap of that name where there is one: for what is done in turns."""
        names = [known.name for known in self._laps]
        self.lap(name)
        if name in names:
            again, number = self._laps.pop(), names.index(name)
            self._laps[number] = replace(again, seconds=self._laps[number].seconds + again.seconds)

    def call(self, name: str, callee: str, spent: Sequence[Stretch]) -> None:
        """It was waiting for a call, which says how it spent its time."""
        self._laps.append(Stretch.of_call(name, self.where, callee, self._since_last(), spent))

    def side_by_side(self, name: str, parts: Sequence[Stretch]) -> None:
        """It was waiting for all of these, which began when it did."""
        self._laps.append(Stretch(name, self.where, self._since_last(), tuple(parts), side_by_side=True))

    def _since_last(self) -> float:
        now = self._clock()
        seconds, self._last = max(0.0, now - self._last), now
        return seconds


@dataclass(frozen=True, slots=True)
class Placed:
    """A stretch in the picture of the whole: how long after its beginning, how deep within other stretches.

    `critical` are those that the whole consists of, none within another: without one of them it had been over sooner.
    They take as long as the whole.
    """

    stretch: Stretch
    start_s: float
    depth: int
    critical: bool


def placed(spent: Sequence[Stretch]) -> list[Placed]:
    """Stretches that followed one another and everything within them, each before its parts."""
    return list(_one_after_another(spent, 0.0, 0, critical=True))


def _one_after_another(parts: Sequence[Stretch], start_s: float, depth: int, *, critical: bool) -> Iterator[Placed]:
    for part in parts:
        yield from _with_parts(part, start_s, depth, critical=critical)
        start_s += part.seconds


def _with_parts(stretch: Stretch, start_s: float, depth: int, *, critical: bool) -> Iterator[Placed]:
    yield Placed(stretch, start_s, depth, critical and not stretch.parts)
    if not stretch.parts:
        return
    covered_s = stretch._covered_s
    if stretch.side_by_side:
        for part in stretch.parts:
            yield from _with_parts(part, start_s, depth + 1, critical=critical and part is stretch.longest)
    else:
        yield from _one_after_another(stretch.parts, start_s, depth + 1, critical=critical)
    left_s = stretch.seconds - covered_s
    if left_s > _EXACT_S:
        yield Placed(Stretch(OTHER, stretch.where, left_s), start_s + covered_s, depth + 1, critical)
