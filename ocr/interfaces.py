"""The two ports of the system, and how an engine introduces itself.

An engine is one file in engines/ that defines `SPEC: EngineSpec`; nothing else has to be edited to add one. What it can
do is data in its spec, not a method that raises. Ports are synchronous and single-threaded: one engine object lives in
one process and is called by one thread at a time. Nothing here knows Ray, HTTP or where models are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Image, Scope, SegmentedPage
from ocr.runtime.gpu_memory import Card, NoCard

MAX_LINES = 6000
"""The most lines of a page unless told otherwise: an A3 ledger of 5,000 cells has fewer, a newspaper page far fewer."""

Checkpoint = Callable[[], None]
"""Called between the steps of long work and in its loops. It returns at once, or raises the error to stop with."""


def go_on() -> None:
    """The checkpoint of work that nothing stops."""


class Engine(Protocol):
    """A loaded recogniser."""

    @property
    def model(self) -> str:
        """The model that reads, as "name@version"."""

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order. A crop that the engine cannot judge gets an abstention."""


class Segmenter(Protocol):
    """Finds the lines of a page."""

    def segment(self, image: Image, *, max_lines: int = MAX_LINES, checkpoint: Checkpoint = go_on) -> SegmentedPage:
        """The page's lines, upright and in reading order; no regions for a page without text.

        One page must not hold up the others: `checkpoint` is called at every stage and for every line, and stops the
        work with the error that it raises (DeadlineExceeded when nobody waits for the page any more).

        Raises:
            TooLarge: the page has more than `max_lines` lines of text, or a side that is too long.
        """


class Runtime(StrEnum):
    """What computes an engine's network."""

    AUTO = "auto"  # OpenVINO on a CPU, where the engine and the model can be read by it; else native
    NATIVE = "native"  # the framework that the engine's makers made it in
    OPENVINO = "openvino"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where and how an engine is loaded.

    `model` is the directory (or file) of its parameters, resolved by the model store; None when the engine brings its
    own (Tesseract's are the system's). `handwriting` is that of a second model, for lines that look written by hand;
    None where the engine reads all lines with `model`. `threads` is what the frameworks may use on a CPU;
    `gpu_fraction` is the share of one card that it must stay below, 0 for none; `device` is "cpu" or "cuda".
    `cache_dir` keeps what is made of the parameters once, so that `runtime` can read them; without it nothing is made.
    """

    model: Path | None = None
    languages: tuple[str, ...] = ("en",)
    threads: int = 1
    device: str = "cpu"
    gpu_fraction: float = 0.0
    runtime: Runtime = Runtime.AUTO
    cache_dir: Path | None = None
    handwriting: Path | None = None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads is {self.threads}; an engine needs at least one")
        if not 0.0 <= self.gpu_fraction <= 1.0:
            raise ValueError(f"gpu_fraction {self.gpu_fraction} is not within one card (0 to 1)")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}; expected 'cpu' or 'cuda'")


@dataclass(frozen=True, slots=True)
class Resources:
    """What one replica asks of its node by default. `gpu` is a fraction of one card; `memory_mb` is for the native
    runtime, `openvino_mb` for OpenVINO, 0 where that does not read it.
    """

    cpu: float
    gpu: float
    memory_mb: int
    openvino_mb: int = 0

    def __post_init__(self) -> None:
        if self.cpu < 0 or self.memory_mb < 0 or self.openvino_mb < 0 or not 0.0 <= self.gpu <= 1.0:
            raise ValueError(f"resources {self} are not possible")


_FOR_CPUS = NoCard("it was written for CPUs")


def _not_known(engine: Any) -> tuple[str, ...]:  # noqa: ANN401 - an engine of any class
    return ()


def _never(engine: Any) -> bool:  # noqa: ANN401 - an engine of any class
    return False


Convert = Callable[[Path, Path], Mapping[str, Any]]
"""Writes what OpenVINO reads of a model directory into a folder, and tells what else has to be known to read."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How an engine introduces itself.

    `batch_size` is the most crops of one call; `prior_weights` its hand-made voting weight per profile (general,
    handwritten, printed, noisy), before anything was tuned; `load` makes the engine or raises `EngineUnavailable`
    with the remedy. `card` is how its framework is asked about a graphics card, or why it uses none.

    `languages` tells which languages of ocr/text/languages.py a loaded engine reads; none where that is not known. By
    `by_language` a loaded engine says whether it reads a line differently in another language: then it is asked again
    about lines that turn out to be in one. `runtimes` are those that can compute its network. `convert` makes what
    OpenVINO reads of a model directory; None where it reads the directory itself. With `handwriting` it takes a second
    model, for lines that look written by hand.
    """

    name: str
    scopes: frozenset[Scope]
    load: Callable[[LoadOptions], Engine]
    batch_size: int
    resources: Resources
    prior_weights: Mapping[str, float]
    card: Card | NoCard = _FOR_CPUS
    languages: Callable[[Any], tuple[str, ...]] = _not_known
    by_language: Callable[[Any], bool] = _never
    runtimes: frozenset[Runtime] = frozenset({Runtime.NATIVE})
    convert: Convert | None = None
    handwriting: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"engine name {self.name!r} is not an identifier")
        if not self.scopes:
            raise ValueError(f"engine {self.name} reads no scope")
        if self.batch_size < 1:
            raise ValueError(f"engine {self.name}: batch_size {self.batch_size} is below 1")
        negative = {profile: weight for profile, weight in self.prior_weights.items() if weight < 0.0}
        if negative:
            raise ValueError(f"engine {self.name}: negative prior weights {negative}")
        if self.resources.gpu > 0.0 and isinstance(self.card, NoCard):
            raise ValueError(f"engine {self.name} asks for a card and uses none: {self.card.reason}")
        if (self.resources.openvino_mb > 0) is not (Runtime.OPENVINO in self.runtimes):
            raise ValueError(f"engine {self.name}: openvino_mb is for engines that OpenVINO reads, and only for them")

    def memory_mb(self, runtime: Runtime, *, on_card: bool) -> int:
        """What a replica asks of its node's memory when it is given this runtime."""
        by_openvino = Runtime.OPENVINO in self.runtimes and runtime is not Runtime.NATIVE and not on_card
        return self.resources.openvino_mb if by_openvino else self.resources.memory_mb
