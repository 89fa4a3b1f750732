"""Engines that implement the port and misbehave in one way each, for tests of what stands around an engine.

`SPEC` makes this module an engine by its import path, "tests.fakes.engines": a scripted one that says "scripted".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ocr import (
    Alternative,
    CharacterHypothesis,
    Crop,
    Engine,
    EngineSpec,
    Hypothesis,
    LoadOptions,
    Resources,
    Scope,
    Span,
)


class ScriptedEngine:
    """Says what it was told to say, crop by crop, and begins again at the end; remembers the crops that it saw."""

    model = "scripted@1"

    def __init__(self, *script: Hypothesis) -> None:
        self._script = script
        self.seen: list[Crop] = []

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        first = len(self.seen)
        self.seen += crops
        return [self._script[(first + index) % len(self._script)] for index in range(len(crops))]


class SlowEngine:
    """Another engine that first waits: `wait(seconds)` is given, so that a test needs no clock."""

    model = "slow@1"

    def __init__(self, engine: Engine, wait: Callable[[float], None], seconds: float) -> None:
        self._engine, self._wait, self._seconds = engine, wait, seconds

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        self._wait(self._seconds)
        return self._engine.read(crops)


class CrashingEngine:
    """Answers like another engine, and raises on the calls that are named (0 is the first)."""

    model = "crashing@1"

    def __init__(self, engine: Engine, *, on_calls: Sequence[int], error: Exception) -> None:
        self._engine, self._on_calls, self._error = engine, frozenset(on_calls), error
        self.calls = 0

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        call = self.calls
        self.calls += 1
        if call in self._on_calls:
            raise self._error
        return self._engine.read(crops)


class GarbageEngine:
    """Claims that are allowed and make no sense: random letters of any script, places that overlap and run backwards,
    doubtful and certain at random, sometimes nothing, sometimes an abstention. The same for the same seed."""

    model = "garbage@1"

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        return [self._claim(crop) for crop in crops]

    def _claim(self, crop: Crop) -> Hypothesis:
        if self._random.random() < 0.1:
            return Hypothesis.abstain("no opinion")
        return Hypothesis.of(self._character(crop) for _ in range(self._random.randrange(12)))

    def _character(self, crop: Crop) -> CharacterHypothesis:
        start, end = sorted(self._random.uniform(0.0, crop.region.width_px) for _ in range(2))
        other = Alternative(self._letter(), self._random.random())
        return CharacterHypothesis(
            self._letter(), self._random.random(), Span(start, end) if start < end else None, (other,)
        )

    def _letter(self) -> str:
        return self._random.choice("aZ0 .ß漢\N{ARABIC LETTER BEH}\N{GRINNING FACE}e\N{COMBINING ACUTE ACCENT}")


def spec_of(name: str, load: Callable[[], Engine]) -> EngineSpec:
    """A spec for any of them; it takes part in every profile with the same weight."""

    def load_with(_: LoadOptions) -> Engine:
        return load()

    weights = dict.fromkeys(("general", "handwritten", "printed", "noisy"), 0.5)
    return EngineSpec(name, frozenset(Scope), load_with, 8, Resources(0.1, 0.0, 100), weights)


SPEC = spec_of("scripted", lambda: ScriptedEngine(Hypothesis.of_text("scripted", 0.9)))
