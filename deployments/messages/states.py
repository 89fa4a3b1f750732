"""What a deployment says of itself: how an engine is, and how the whole service is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from deployments.config.schema import AtZeroPolicy
from ocr import CardMemory, NoCard, Scope


@dataclass(frozen=True, slots=True)
class EngineState:
    """What an engine's replica says of itself. `problem` is empty when the engine can read; `asleep` is what a request
    finds while it has no replica; `card` what it holds of a graphics card, or why it has none. `languages` are those
    that it reads, none where that is not known; with `by_language` it reads a line differently in another one. `line_s`
    are the seconds of processor time that a line took of late, on a node with so many `cores`; 0: not known.
    """

    name: str
    scopes: tuple[Scope, ...]
    model: str = ""
    problem: str = ""
    load_seconds: float = 0.0
    memory_mb: float = 0.0
    memory_limit_mb: float | None = None
    cpus: float = 0.0
    gpu_fraction: float = 0.0
    threads: int = 1
    line_s: float = 0.0
    node: str = ""
    cores: float = 0.0
    asleep: AtZeroPolicy | None = None
    card: CardMemory | NoCard | None = None
    languages: tuple[str, ...] = ()
    by_language: bool = False

    @property
    def available(self) -> bool:
        return not self.problem

    @property
    def ready(self) -> bool:
        """Whether who asks gets its reading: from one that sleeps only where requests wait for it."""
        return self.available and self.asleep is not AtZeroPolicy.UNAVAILABLE


class CircuitState(StrEnum):
    """Of a circuit. As with a switch for electricity, what is open lets nothing through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the Router knows of the whole service. `page_s` is how long it took to read an ordinary page when the
    engines were warm, None while none was answered; `page_problem` says how the last try ended.
    """

    engines: dict[str, EngineState] = field(default_factory=dict)
    segmentation_ready: bool = False
    uptime_s: float = 0.0
    circuits: dict[str, CircuitState] = field(default_factory=dict)
    page_s: float | None = None
    page_problem: str = ""

    def lacking(self, ready_engines: int) -> str:
        """What is not warm of the segmentation and so many engines; empty when all is."""
        if not self.segmentation_ready:
            return "segmentation is not warm"
        warm = sum(engine.ready for engine in self.engines.values())
        return "" if warm >= ready_engines else f"{warm} of the {ready_engines} engines that are needed are warm"
