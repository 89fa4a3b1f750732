"""Circuit breakers: an engine that keeps failing is left out for a while, so that it does not cost every request its
budget.

    closed       the engine is asked, and how it fares is counted
    open         it is left out until the cool-down is over
    half open    one probe is under way; what it brings closes the circuit or opens it again

The pattern is Nygard's (Release It!, 2nd edition 2018, chapter 5); that a share of a sliding window decides, and only
from a least number of failures on, is that of resilience4j. Two rules are ours. A probe is a call that no request waits
for, so that a broken engine costs no request anything while its circuit is open. And an engine is left out for the sake
of the others that answer: where the circuits of all are open, all are asked (Envoy's panic threshold is the same idea).

A failure is an error, or a timeout of an engine that was given `patience_s` and had read nothing by then; a request
that gives less says more about itself than about the engine. A full queue is none: being refused costs no time.

Each Router has circuits of its own. They count what its own calls met with, and a shared count would be one more call
before each page, and one more thing that can fail; what it costs is that each Router has to meet `failures` by itself.

Times are seconds on the clock that is given, which must not jump. Knows no engine, no Serve, and no asyncio.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployments.config.schema import CircuitConfig
from deployments.messages.states import Position

log = logging.getLogger("quorum.circuit")

Clock = Callable[[], float]

Tell = Callable[[str, bool], None]
"""Is told which engine, and whether its circuit is open: once at the beginning, and at each change."""

# More than this within one window do not make the share any truer.
_MOST_REMEMBERED = 256


class Verdict(StrEnum):
    """What is to be done with an engine on one request."""

    ASK = "ask"
    PROBE = "probe"  # leave it out of the request, and try it beside
    LEAVE_OUT = "leave out"


class Circuit:
    """The circuit of one engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_MOST_REMEMBERED)
        self._reopens_at = 0.0
        self.position = Position.CLOSED
        self.era = 0
        """Counts the changes of position. What was asked in one era says nothing about a later one."""

    def take(self, config: CircuitConfig) -> Verdict:
        """What to do with the engine now. After PROBE, `note` must be told what became of the probe."""
        if config.failures == 0 and self.position is not Position.CLOSED:
            self._turn(Position.CLOSED)
        if self.position is Position.CLOSED:
            return Verdict.ASK
        if self.position is Position.OPEN and self._clock() >= self._reopens_at:
            self._turn(Position.HALF_OPEN)
            return Verdict.PROBE
        return Verdict.LEAVE_OUT

    def note(self, era: int, failed: bool | None, config: CircuitConfig) -> None:
        """How the engine fared on what it was asked in this era; None: that says nothing about it."""
        if era != self.era or config.failures == 0:
            return
        if self.position is Position.CLOSED:
            if failed is not None:
                self._recent.append((self._clock(), failed))
                if failed and self._is_too_much(config):
                    self._open(config.cool_down_s)
        elif failed is False:
            self._turn(Position.CLOSED)
        elif self.position is Position.HALF_OPEN:
            self._open(0.0 if failed is None else config.cool_down_s)

    def _is_too_much(self, config: CircuitConfig) -> bool:
        since = self._clock() - config.window_s
        outcomes = [failed for at, failed in self._recent if at > since]
        return sum(outcomes) >= max(config.failures, config.share * len(outcomes))

    def _open(self, cool_down_s: float) -> None:
        self._reopens_at = self._clock() + cool_down_s
        self._turn(Position.OPEN)

    def _turn(self, position: Position) -> None:
        self._recent.clear()
        self.position = position
        self.era += 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """What is to be done with the engines of one request. Those that are probed are left out of it as well."""

    asked: tuple[str, ...]
    probed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Circuits:
    """The circuits of all engines, as one Router sees them."""

    def __init__(self, engines: Iterable[str], clock: Clock, tell: Tell = lambda _engine, _is_open: None) -> None:
        self._circuits = {engine: Circuit(clock) for engine in engines}
        self._tell = tell
        for engine in self._circuits:
            tell(engine, False)

    def admit(self, engines: Sequence[str], config: CircuitConfig) -> Admitted:
        """Which of these to ask about a request."""
        before = self.positions()
        verdicts = {engine: self._circuits[engine].take(config) for engine in engines}
        self._tell_changes(before)
        asked, probed, left_out = (
            tuple(engine for engine, verdict in verdicts.items() if verdict is wanted) for wanted in Verdict
        )
        if not asked:  # there is nobody for whose sake the time could be saved
            return Admitted((*probed, *left_out))
        return Admitted(asked, probed, left_out)

    def era(self, engine: str) -> int:
        return self._circuits[engine].era

    def note(self, engine: str, era: int, failed: bool | None, config: CircuitConfig) -> None:
        """See Circuit.note."""
        before = self.positions()
        self._circuits[engine].note(era, failed, config)
        self._tell_changes(before)

    def positions(self) -> dict[str, Position]:
        return {engine: circuit.position for engine, circuit in self._circuits.items()}

    def _tell_changes(self, before: Mapping[str, Position]) -> None:
        for engine, position in self.positions().items():
            is_open = position is not Position.CLOSED
            if is_open == (before[engine] is not Position.CLOSED):
                continue
            self._tell(engine, is_open)
            if is_open:
                log.warning("%s keeps failing: its circuit is open", engine)
            else:
                log.info("%s answers again: its circuit is closed", engine)
