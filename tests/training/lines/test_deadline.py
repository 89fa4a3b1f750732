"""How long a run becomes that has to end at a time; a clock that tests turn."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from training.lines.deadline import WINDOW_S, Deadline
from training.lines.trainer import Schedule

RECIPE = Schedule(lines=400_000)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_run_is_as_long_as_its_speed_and_its_time_say() -> None:
    clock = Clock()
    deadline = Deadline(1_000.0, clock)
    recipe = RECIPE
    for second in range(0, 200, 10):
        clock.now = second
        recipe = deadline.paced(recipe, 20 * second)
    assert recipe.lines == pytest.approx(20 * 1_000, rel=0.01)


def test_a_machine_that_becomes_busy_shortens_it() -> None:
    clock = Clock()
    deadline = Deadline(2_000.0, clock)
    recipe, lines = RECIPE, 0
    for second in range(0, 1_000, 10):
        clock.now = second
        lines += 200 if second < 500 else 20
        recipe = deadline.paced(recipe, lines)
    assert WINDOW_S < 1_000 - 500
    assert recipe.lines == pytest.approx(lines + 2 * 1_010, rel=0.02)


def test_before_its_speed_is_known_the_recipe_stands() -> None:
    clock = Clock()
    assert Deadline(1_000.0, clock).paced(RECIPE, 16) == RECIPE


def test_it_is_over_when_its_time_is_and_the_rate_has_fallen() -> None:
    clock = Clock(1_000.0)
    ended = Deadline(1_000.0, clock).paced(RECIPE, 5_000)
    assert ended.lines == 5_000
    assert ended.rate_at(5_000) <= 0.004 * RECIPE.peak_rate
