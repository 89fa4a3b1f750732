"""Asking the strong and cheap engines first, and the others only about lines of which those are not sure.

The doubt in a line is how many of its characters are expected to be wrong: the sum over its characters of one minus the
confidence. Where engines of the first tier differ, confidences are low, so disagreement is doubt too. Which engines
begin, and how much doubt is too much, is tuned; nothing here asks anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion.fusing import FusedLine


@dataclass(frozen=True, slots=True)
class Cascade:
    """`first` are asked about every line, all others about lines with a doubt above `most_doubt` characters."""

    first: tuple[str, ...]
    most_doubt: float

    def __post_init__(self) -> None:
        if not self.first:
            raise ValueError("a cascade in which nobody begins")
        if not self.most_doubt >= 0.0:
            raise ValueError(f"a cascade goes on above a doubt of {self.most_doubt}; want at least 0")

    def goes_on(self, fused: FusedLine) -> bool:
        """Whether the others are asked about a line that the first tier reads so."""
        return doubt(fused) > self.most_doubt


def doubt(fused: FusedLine) -> float:
    """How many characters are expected to be wrong; no end of doubt in a line of which nothing was said."""
    if not fused.characters:
        return math.inf
    return math.fsum(1.0 - character.confidence for character in fused.characters)
