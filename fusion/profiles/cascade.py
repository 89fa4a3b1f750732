"""Asking the strong and cheap engines first, and the others only about lines of which those are not sure.

How sure they are is the number of characters that are expected to be wrong (`FusedLine.expected_errors`): the sum over
the line of one minus the confidence. Where engines differ, confidences are low, so it counts disagreement too. Which
engines are first, and how many expected errors are too many, is tuned; nothing here asks an engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """These engines are asked; lines with more than `max_expected_errors` go on to the next step."""

    engines: tuple[str, ...]
    max_expected_errors: float

    def __post_init__(self) -> None:
        if not self.engines:
            raise ValueError("a cascade step without engines; name at least one")
        if not self.max_expected_errors >= 0.0:
            raise ValueError(f"max_expected_errors of a cascade step is {self.max_expected_errors}; want at least 0")

    def goes_on(self, expected_errors: float) -> bool:
        """Whether more engines are asked about a line of which those so far leave so many expected errors."""
        return expected_errors > self.max_expected_errors


@dataclass(frozen=True, slots=True)
class Cascade:
    """Who is asked when. After the last step, lines that go on are read by all engines that no step names."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        named = [engine for step in self.steps for engine in step.engines]
        if not named or len(set(named)) < len(named):
            raise ValueError(f"a cascade over {named}; want each engine once, and at least one")

    def among(self, engines: Sequence[str]) -> tuple[list[Step], list[str]]:
        """The steps as far as they have some of these engines, and the engines that are asked last. Where no step has
        any, all engines are asked at once.
        """
        steps = [
            Step(there, step.max_expected_errors)
            for step in self.steps
            if (there := tuple(engine for engine in step.engines if engine in engines))
        ]
        named = {engine for step in steps for engine in step.engines}
        return steps, [engine for engine in engines if engine not in named]

    def describe(self) -> str:
        """The cascade as a sentence for reports."""
        return "; ".join(
            f"{', '.join(step.engines)} {'next' if number else 'first'}, more engines above "
            f"{step.max_expected_errors:g} expected errors"
            for number, step in enumerate(self.steps)
        )
