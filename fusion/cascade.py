"""Asking the strong and cheap engines first, and the others only about lines of which those are not sure.

The doubt in a line is how many of its characters are expected to be wrong: the sum over its characters of one minus the
confidence. Where engines differ, confidences are low, so disagreement is doubt too. Which engines begin, and how much
doubt is too much, is tuned; nothing here asks anybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion.fusing import FusedLine


@dataclass(frozen=True, slots=True)
class Step:
    """These engines are asked; lines that still have a doubt above `most_doubt` characters go on after it."""

    engines: tuple[str, ...]
    most_doubt: float

    def __post_init__(self) -> None:
        if not self.engines:
            raise ValueError("a step of a cascade at which nobody is asked")
        if not self.most_doubt >= 0.0:
            raise ValueError(f"a cascade goes on above a doubt of {self.most_doubt}; want at least 0")

    def goes_on(self, fused: FusedLine) -> bool:
        """Whether more engines are asked about a line that those so far read so."""
        return doubt(fused) > self.most_doubt


@dataclass(frozen=True, slots=True)
class Cascade:
    """Who is asked when. After the last step, lines that go on are read by all engines that no step names."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        named = [engine for step in self.steps for engine in step.engines]
        if not named or len(set(named)) < len(named):
            raise ValueError(f"a cascade over {named}; want each engine once, and at least one")

    def over(self, engines: Sequence[str]) -> tuple[list[Step], list[str]]:
        """The steps as far as they have some of these engines, and the engines that are asked last. Where no step has
        any, all engines are asked at once.
        """
        steps = [
            Step(there, step.most_doubt)
            for step in self.steps
            if (there := tuple(engine for engine in step.engines if engine in engines))
        ]
        named = {engine for step in steps for engine in step.engines}
        return steps, [engine for engine in engines if engine not in named]

    def said(self) -> str:
        """In words."""
        return "; ".join(
            f"{', '.join(step.engines)} {'follow' if number else 'begin'}, above a doubt of {step.most_doubt:g} "
            "characters others are asked"
            for number, step in enumerate(self.steps)
        )


def doubt(fused: FusedLine) -> float:
    """How many characters are expected to be wrong; no end of doubt in a line of which nothing was said."""
    if not fused.characters:
        return math.inf
    return math.fsum(1.0 - character.confidence for character in fused.characters)
