"""Engines for cluster tests that need no model: each says something fixed, or misbehaves in one way.

A module has one SPEC, so each fake is a module of its own in this folder, made with `spec_of`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from ocr import Crop, Engine, EngineSpec, Hypothesis, LoadOptions, Resources, Scope
from ocr.errors import EngineUnavailable

Read = Callable[[Sequence[Crop]], list[Hypothesis]]


class Stub:
    """An engine made of one function."""

    def __init__(self, name: str, read: Read) -> None:
        self.model = f"{name}@stub"
        self._read = read

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        return self._read(crops)


def spec_of(name: str, read: Read, *, batch_size: int = 8, unavailable: bool = False) -> EngineSpec:
    def load(_: LoadOptions) -> Engine:
        if unavailable:
            raise EngineUnavailable(f"{name}: its model is missing", "put one there")
        return Stub(name, read)

    return EngineSpec(
        name, frozenset(Scope), load, batch_size, Resources(0.1, 0.0, 100), {"general": 0.5, "printed": 0.5}
    )


def says(text: str, probability: float = 0.9) -> Read:
    return lambda crops: [Hypothesis.of_text(text, probability) for _ in crops]


def says_when_wide(text: str, min_width_px: int, otherwise: Callable[[int], object]) -> Read:
    """Misbehaves on crops that are at least so wide, so that the warm-up and narrow lines are read as usual.

    `otherwise` is told how wide the widest is.
    """

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        widest_px = max(crop.region.width_px for crop in crops)
        if widest_px >= min_width_px:
            otherwise(widest_px)
        return [Hypothesis.of_text(text, 0.9) for _ in crops]

    return read


def exit_now(_: int) -> None:
    os._exit(1)


def sleep_long(width_px: int) -> None:
    """Three seconds; on crops of 1200 px and more, longer than any test waits."""
    time.sleep(3.0 if width_px < 1200 else 3600.0)


def refuse(_: int) -> None:
    raise ZeroDivisionError("this engine cannot read wide lines")
