"""An engine that says something fixed after a fixed time, until a file tells it to misbehave.

The file is `NAME.json` in the folder that the environment variable QUORUM_CONDUCT names; it holds a `Conduct`. It is
looked at before every batch and when the engine is loaded, so a test changes what running replicas do. Times are
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
class Conduct:
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

    def tell(self, name: str, folder: Path) -> None:
        """Have the engine of that name behave so from now on."""
        written = folder / f"{name}.json.new"
        written.write_text(json.dumps(asdict(self)))
        written.rename(folder / f"{name}.json")


class PretendedCard:
    """A card that is a number in Ray's books alone; what is held of it is always the same."""

    framework = "stub"

    def require(self) -> None:
        """It is there for everybody who was given a fraction of it."""

    def memory(self, fraction: float) -> CardMemory:
        return CardMemory("stub", int(fraction * _CARD_BYTES), 1_000_000, 1_000_000)


class Obedient:
    """The engine."""

    def __init__(self, name: str, conduct: Conduct) -> None:
        self._name = name
        self._lost: list[bytes] = []
        self.model = f"{name}@{conduct.model}"

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        conduct = _conduct_of(self._name)
        time.sleep(conduct.service_s)
        if conduct.leak_mb:
            self._lost.append(os.urandom(int(conduct.leak_mb * 1e6)))
        if conduct.garbage:
            return [Hypothesis.of_text("one too few", 0.9)] * (len(crops) - 1)
        said = "wzkq jxv" if conduct.nonsense else conduct.text
        return [Hypothesis.of_text(said if crop.region.scope is Scope.LINE else said[0], 0.9) for crop in crops]


def obedient(name: str) -> EngineSpec:
    """The spec of such an engine."""

    def load(_: LoadOptions) -> Engine:
        conduct = _conduct_of(name)
        if conduct.crash_at_load:
            raise RuntimeError(f"{name} was told to crash when it is loaded")
        return Obedient(name, conduct)

    weights = dict.fromkeys(_PROFILES, 0.2)
    return EngineSpec(name, frozenset(Scope), load, 8, Resources(0.1, 0.1, 100), weights, card=PretendedCard())


def _conduct_of(name: str) -> Conduct:
    folder = os.environ.get(FOLDER)
    path = Path(folder or "") / f"{name}.json"
    return Conduct(**json.loads(path.read_text())) if folder and path.exists() else Conduct()
