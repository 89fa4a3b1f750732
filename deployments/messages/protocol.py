"""What the deployments say to each other. Plain frozen values; nothing here knows Serve or HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deployments.config.schema import AtZero
from deployments.router.circuit_breaker import Position
from ocr import CardMemory, Classes, Hypothesis, Layout, NoCard, Scope, Stretch
from ocr.errors import QuorumError
from ocr.packing import sealed


@dataclass(frozen=True, slots=True)
class Question:
    """What the engines are asked about some crops: the language of the text, and which single characters may answer."""

    language: str = "en"
    classes: Classes = Classes.ALNUM


class GarbageAnswer(Exception):
    """An engine's replica answered something that is no answer to the question."""


@sealed
@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """One engine's hypotheses, one per crop it was asked about, in order; None for a crop that it did not come to
    before the deadline. `spent` is where the time of the replica went.
    """

    model: str
    hypotheses: tuple[Hypothesis | None, ...]
    spent: tuple[Stretch, ...] = ()

    def require_one_each(self, crops: Sequence[int]) -> None:
        """Raise GarbageAnswer unless there is a hypothesis or None for each of these crops."""
        if len(self.hypotheses) != len(crops):
            raise GarbageAnswer(f"{len(self.hypotheses)} hypotheses for {len(crops)} crops")


@dataclass(frozen=True, slots=True)
class EngineState:
    """What an engine's replica says of itself. `problem` is empty when the engine can read; `asleep` is what a request
    finds while it has no replica; `card` what it holds of a graphics card, or why it has none.
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
    asleep: AtZero | None = None
    card: CardMemory | NoCard | None = None

    @property
    def available(self) -> bool:
        return not self.problem

    @property
    def ready(self) -> bool:
        """Whether who asks gets its reading: from one that sleeps only where requests wait for it."""
        return self.available and self.asleep is not AtZero.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Handling:
    """How a page is prepared: `steps` by name (None: the profile's own), what is too large, and the moment (epoch
    seconds) after which nobody waits for it.
    """

    profile: str
    steps: tuple[str, ...] | None
    max_pixels: int
    deadline: float


@dataclass(frozen=True, slots=True)
class CutPage:
    """How the segmentation of one page begins: where the text is, and where the time went until it was found. The
    pixels follow, by reference.
    """

    layout: Layout
    spent: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class CutCharacters:
    """How the preparation of single characters begins: per image either the index of its crop or what is wrong."""

    outcomes: tuple[int | QuorumError, ...]
    layout: Layout
    spent: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class CutRefused:
    """The image cannot be read; no pixels follow. An error as a value arrives as itself, not wrapped by the
    transport.
    """

    error: QuorumError


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """What one step made of a page, or one line as it is cut: a PNG file."""

    name: str
    file: bytes


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the Router knows of the whole service."""

    engines: dict[str, EngineState] = field(default_factory=dict)
    segmentation_ready: bool = False
    uptime_s: float = 0.0
    circuits: dict[str, Position] = field(default_factory=dict)
