"""Circuit breakers: an engine that keeps failing is skipped for a while, so that it does not cost every request its
time.

    closed       the engine is called, and its outcomes are counted
    open         it is skipped until the cool-down is over
    half open    one probe is under way; its outcome closes the circuit or opens it again

The pattern is Nygard's (Release It!, 2nd edition 2018, chapter 5); that a share of a sliding window decides, and only
from a least number of failures on, is that of resilience4j. Two rules are ours. A probe is a call that no request waits
for, so that a broken engine costs no request anything while its circuit is open. And an engine is skipped only because
others answer: where the circuits of all are open, all are called (Envoy's panic threshold is the same idea).

A failure is an error, or a timeout of an engine that was given `patience_s` and had read nothing by then; a request
that gives less says more about itself than about the engine. A full queue is none: being refused costs no time.

Each Router has circuit breakers of its own. They count the outcomes of its own calls: a shared count would be one more
call before each page, and one more thing that can fail. What it costs is that each Router has to meet `failures` by
itself.

Times are seconds on the clock that is given, which must not jump. Knows no engine, no Serve, and no asyncio.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployments.config.schema import CircuitBreakerConfig
from deployments.messages.states import CircuitState

log = logging.getLogger("quorum.circuit")

Clock = Callable[[], float]

OnChange = Callable[[str, bool], None]
"""Called with an engine and whether its circuit is open: once at the beginning, and at each change."""

# More outcomes than this within one window do not make the share more accurate.
_MAX_OUTCOMES = 256


class Permission(StrEnum):
    """Whether a request may call an engine."""

    CALL = "call"
    PROBE = "probe"  # the request skips it; one call that no request waits for tries it
    SKIP = "skip"


class CircuitBreaker:
    """The circuit breaker of one engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=_MAX_OUTCOMES)
        self._reopens_at = 0.0
        self.state = CircuitState.CLOSED
        self.generation = 0
        """Counts the changes of state. A call that began in one generation says nothing about a later one."""

    def acquire_permission(self, config: CircuitBreakerConfig) -> Permission:
        """Whether a request may call the engine now. After PROBE, the outcome of the probe must be recorded."""
        if config.failures == 0 and self.state is not CircuitState.CLOSED:
            self._change_state(CircuitState.CLOSED)
        if self.state is CircuitState.CLOSED:
            return Permission.CALL
        if self.state is CircuitState.OPEN and self._clock() >= self._reopens_at:
            self._change_state(CircuitState.HALF_OPEN)
            return Permission.PROBE
        return Permission.SKIP

    def record_outcome(self, generation: int, failed: bool | None, config: CircuitBreakerConfig) -> None:
        """Record whether a call that began in this generation failed; None: it says nothing about the engine."""
        if generation != self.generation or config.failures == 0:
            return
        if self.state is CircuitState.CLOSED:
            if failed is not None:
                self._outcomes.append((self._clock(), failed))
                if failed and self._exceeds_threshold(config):
                    self._open(config.cool_down_s)
        elif failed is False:
            self._change_state(CircuitState.CLOSED)
        elif self.state is CircuitState.HALF_OPEN:
            self._open(0.0 if failed is None else config.cool_down_s)

    def _exceeds_threshold(self, config: CircuitBreakerConfig) -> bool:
        since = self._clock() - config.window_s
        outcomes = [failed for at, failed in self._outcomes if at > since]
        return sum(outcomes) >= max(config.failures, config.share * len(outcomes))

    def _open(self, cool_down_s: float) -> None:
        self._reopens_at = self._clock() + cool_down_s
        self._change_state(CircuitState.OPEN)

    def _change_state(self, state: CircuitState) -> None:
        self._outcomes.clear()
        self.state = state
        self.generation += 1


@dataclass(frozen=True, slots=True)
class AdmittedEngines:
    """Which engines a request calls. It skips those that are probed as well."""

    called: tuple[str, ...]
    probed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class CircuitBreakers:
    """The circuit breakers of all engines, as one Router sees them."""

    def __init__(
        self, engines: Iterable[str], clock: Clock, on_change: OnChange = lambda _engine, _is_open: None
    ) -> None:
        self._breakers = {engine: CircuitBreaker(clock) for engine in engines}
        self._on_change = on_change
        for engine in self._breakers:
            on_change(engine, False)

    def admit(self, engines: Sequence[str], config: CircuitBreakerConfig) -> AdmittedEngines:
        """Which of these engines a request calls."""
        before = self.states()
        permissions = {engine: self._breakers[engine].acquire_permission(config) for engine in engines}
        self._report_changes(before)
        called, probed, skipped = (
            tuple(engine for engine, permission in permissions.items() if permission is wanted) for wanted in Permission
        )
        if not called:  # no engine would profit from the time that is saved
            return AdmittedEngines((*probed, *skipped))
        return AdmittedEngines(called, probed, skipped)

    def generation(self, engine: str) -> int:
        return self._breakers[engine].generation

    def record_outcome(self, engine: str, generation: int, failed: bool | None, config: CircuitBreakerConfig) -> None:
        """See CircuitBreaker.record_outcome."""
        before = self.states()
        self._breakers[engine].record_outcome(generation, failed, config)
        self._report_changes(before)

    def states(self) -> dict[str, CircuitState]:
        return {engine: breaker.state for engine, breaker in self._breakers.items()}

    def _report_changes(self, before: Mapping[str, CircuitState]) -> None:
        for engine, state in self.states().items():
            is_open = state is not CircuitState.CLOSED
            if is_open == (before[engine] is not CircuitState.CLOSED):
                continue
            self._on_change(engine, is_open)
            if is_open:
                log.warning("%s keeps failing: its circuit is open", engine)
            else:
                log.info("%s answers again: its circuit is closed", engine)
