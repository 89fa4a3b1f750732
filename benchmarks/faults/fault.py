"""What a fault is, what came of one, and what is required of the cluster meanwhile.

The load runs before the fault, while it lasts, and until the cluster is at full strength again: every deployment has
its replicas, every proxy answers, answers are whole. Times are seconds of one clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.faults.cluster import DEADLINE_S, TWO, FaultCluster, Setting, question
from benchmarks.harness.constant_load import Load, LoadResult, Outcome, Request, constant_load
from benchmarks.harness.serving import wait_until
from ocr.errors import InternalFailure

PER_SECOND = 6.0
GRACE_S = 0.1
"""What an answer may take beyond its deadline."""
LATER_S = 5.0
"""Within this time a request that began after a death must be answered."""
REFUSALS = ("Overloaded", "NotReady", "RateLimited")
"""Errors of the contract that say what is the matter and when to come back."""
LATE = "DeadlineExceeded"
STRONG_S = 45.0
"""Within this time the place of a process that was stopped must be taken."""

_BEFORE_S, _AFTER_S = 3.0, 2.0
_PATIENCE_S = 120.0

Action = Callable[[FaultCluster], object]
Watch = Callable[[FaultCluster, float], list[str]]
"""Does and looks at something until this moment (time.monotonic), while the fault lasts. Returns what was wrong."""


def wait(_: FaultCluster, until: float) -> list[str]:
    """Let the time pass."""
    time.sleep(max(0.0, until - time.monotonic()))
    return []


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken. `begin` breaks it; after `lasts_s` seconds, which are spent by `meanwhile`, `end` mends
    what does not mend itself.

    `kills` says that a Gateway, a proxy or a node dies, and requests on it may be cut; `degrades` that answers must
    tell of it; `hangs` that answers must be there in time all the same; `stops` that a process is there and does
    nothing, whose place must be taken soon, and that requests on it may come to their deadline; `refuses` that requests
    may be refused by an error that names the reason. `large` pages go through the object store. Where `requests` are
    told, the fault lasts until so many were answered, and is mended without load; no answer may take more than
    `within_s`.
    """

    name: str
    begin: Action
    end: Action = lambda _: None
    lasts_s: float = 0.0
    meanwhile: Watch = wait
    kills: bool = False
    degrades: bool = False
    hangs: bool = False
    stops: bool = False
    refuses: bool = False
    large: bool = False
    requests: int = 0
    within_s: float | None = None
    needs_cables: bool = False
    setting: Setting = TWO
    why_not: Callable[[], str] = lambda: ""
    """Why it cannot be made on this machine; "" where it can."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a fault: everything that the load met, when the fault began and was made, when it was over and when
    the cluster was at full strength again, whether the live configuration was the same then, and what was wrong
    meanwhile. `broken` says why it was never at full strength again; then `strong` is when that was given up.
    """

    fault: Fault
    load: LoadResult
    begun: float
    made: float
    over: float
    strong: float
    configured: bool
    seen: Sequence[str] = field(default=())
    broken: str = ""

    @property
    def recovery_s(self) -> float:
        """From the fault, or from its end where it lasts, to full strength."""
        return self.strong - (self.over if self.fault.lasts_s else self.begun)

    def problems(self) -> list[str]:
        """The requirements that do not hold."""
        return [*self._problems(), *self.seen, *([self.broken] if self.broken else [])]

    def _problems(self) -> Iterator[str]:
        for outcome in (Outcome.WRONG, Outcome.UNFLAGGED):
            if self.load[outcome]:
                yield f"{self.load[outcome]} {outcome}"
        if lost := self._lost():
            yield f"{len(lost)} {Outcome.FAILED}"
        if self.fault.degrades and not self.load[Outcome.DEGRADED]:
            yield "no answer says that an engine was missing"
        yield from self._raw_problems()
        slowest_s, p99_s = self.load.slowest_s(self.made), self.load.p99_s()
        if self.fault.kills and slowest_s > LATER_S:
            yield f"a later request took {slowest_s:.1f} s"
        if self.fault.within_s is not None and self.load.slowest_s() > self.fault.within_s:
            yield f"a request took {self.load.slowest_s():.1f} s"
        if self.fault.hangs and p99_s > DEADLINE_S + GRACE_S:
            yield f"p99 is {p99_s:.2f} s with a deadline of {DEADLINE_S:g} s"
        if self.fault.stops and self.recovery_s > STRONG_S:
            yield f"full strength only after {self.recovery_s:.0f} s"
        if not self.configured and not self.broken:
            yield "the live configuration is another"

    def _lost(self) -> list[Request]:
        """Requests that failed and may not."""
        allowed = (LATE,) if self.fault.stops else REFUSALS if self.fault.refuses else ()
        failed = [one for one in self.load.requests if one.outcome is Outcome.FAILED]
        return [one for one in failed if not one.detail.startswith(allowed)]

    def _raw_problems(self) -> Iterator[str]:
        """What single tries may not meet."""
        if self.fault.stops or self.fault.refuses:
            return
        failed, later = [one for one in self.load.exchanges if one.failed], self.load.failed_later(self.made)
        if failed and not self.fault.kills:
            yield f"{len(failed)} raw failures, though Gateway, proxy and node lived"
        elif later:
            yield f"{len(later)} raw failures of requests that began after the death"


def survive(cluster: FaultCluster, fault: Fault) -> Result:
    """Make the fault under load, and count until the cluster is at full strength again."""
    cluster.await_full_strength()
    asked, broken, seen = question(large=fault.large), "", []
    try:
        with constant_load(cluster.urls, asked, per_second=PER_SECOND, leaving=cluster.leaving) as load:
            time.sleep(_BEFORE_S)
            begun = made = over = time.monotonic()
            fault.begin(cluster)
            made = time.monotonic()  # a node has many processes; what is asked while they die may be cut with them
            seen = fault.meanwhile(cluster, begun + fault.lasts_s)
            if fault.requests:
                _await_requests(load, fault.requests)
            else:
                over, strong = _mended(cluster, fault)
                strong = max(strong, _whole_since(load, over if fault.lasts_s else made))
                time.sleep(_AFTER_S)
        if fault.requests:
            over, strong = _mended(cluster, fault)
    except (TimeoutError, InternalFailure) as error:  # a row like another: nothing that was measured is lost
        broken, strong = str(error), time.monotonic()
    kept = not broken and cluster.configuration_kept()
    return Result(fault, load.result(), begun, made, over, strong, kept, seen, broken)


def _mended(cluster: FaultCluster, fault: Fault) -> tuple[float, float]:
    """End it. When that was, and when the cluster was at full strength again."""
    fault.end(cluster)
    return time.monotonic(), cluster.await_full_strength()


def _await_requests(load: Load, count: int) -> None:
    """Return when so many were answered or failed."""
    left_s = (count - len(load.requests)) / PER_SECOND
    wait_until(lambda: len(load.requests) >= count, left_s + _PATIENCE_S, lambda: "the load stands still", 0.5)


def _whole_since(load: Load, moment: float) -> float:
    """When answers were whole again: five in a row, all from after `moment`."""
    last: list[Request] = []

    def whole() -> bool:
        last[:] = load.last(5)
        return len(last) == 5 and all(one.outcome is Outcome.ANSWERED and one.started > moment for one in last)

    wait_until(whole, _PATIENCE_S, lambda: f"answers stay degraded: {load.last(3)}", 0.2)
    return last[0].ended
