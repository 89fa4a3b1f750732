"""An engine that says something fixed after a fixed time, until a file tells it to misbehave.

The file is `NAME.json` in the folder that the environment variable QUORUM_CONDUCT names; it holds a `StubBehaviour`. It
is looked at before every batch and when the engine is loaded, so a test changes what running replicas do. Times are
seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ocr import CardMemory, Crop, Engine, EngineSpec, Hypothesis, LoadOptions, Resources, Scope

TEXT = "steady words"
"""What a line says, to each of them."""

SERVICE_S = 0.05
"""How long a batch takes."""

FOLDER = "QUORUM_CONDUCT"

_CARD_BYTES = 16_000_000_000
_PROFILES = ("general", "handwritten", "printed", "noisy")


@dataclass(frozen=True, slots=True)
class StubBehaviour:
    """How an engine behaves: how long a batch takes, what a line says, whether loading fails, how many MB it loses a
    batch, whether what it returns is no answer at all (`garbage`), or one that makes no sense (`nonsense`).
    """

    service_s: float = SERVICE_S
    text: str = TEXT
    crash_at_load: bool = False
    leak_mb: float = 0.0
    garbage: bool = False
    nonsense: bool = False
    model: str = "stub"

    def apply(self, name: str, folder: Path) -> None:
        """Have the engine of that name behave so from now on."""
        written = folder / f"{name}.json.new"
        written.write_text(json.dumps(asdict(self)))
        written.rename(folder / f"{name}.json")


class SimulatedGpu:
    """A card that is a number in Ray's books alone; what is held of it is always the same."""

    framework = "stub"

    def require(self) -> None:
        """It is there for everybody who was given a fraction of it."""

    def memory(self, fraction: float) -> CardMemory:
        return CardMemory("stub", int(fraction * _CARD_BYTES), 1_000_000, 1_000_000)


class StubEngine:
    """Reads the same on every line, after the time that a batch takes."""

    def __init__(self, name: str, behaviour: StubBehaviour) -> None:
        self._name = name
        self._lost: list[bytes] = []
        self.model = f"{name}@{behaviour.model}"

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        behaviour = _behaviour_of(self._name)
        time.sleep(behaviour.service_s)
        if behaviour.leak_mb:
            self._lost.append(os.urandom(int(behaviour.leak_mb * 1e6)))
        if behaviour.garbage:
            return [Hypothesis.of_text("one too few", 0.9)] * (len(crops) - 1)
        said = "wzkq jxv" if behaviour.nonsense else behaviour.text
        return [Hypothesis.of_text(said if crop.region.scope is Scope.LINE else said[0], 0.9) for crop in crops]


def stub_spec(name: str) -> EngineSpec:
    """The spec of such an engine."""

    def load(_: LoadOptions) -> Engine:
        behaviour = _behaviour_of(name)
        if behaviour.crash_at_load:
            raise RuntimeError(f"{name} was told to crash when it is loaded")
        return StubEngine(name, behaviour)

    weights = dict.fromkeys(_PROFILES, 0.2)
    return EngineSpec(name, frozenset(Scope), load, 8, Resources(0.1, 0.1, 100), weights, card=SimulatedGpu())


def _behaviour_of(name: str) -> StubBehaviour:
    folder = os.environ.get(FOLDER)
    path = Path(folder or "") / f"{name}.json"
    return StubBehaviour(**json.loads(path.read_text())) if folder and path.exists() else StubBehaviour()
