"""The flame chart: who lies in whom, and who ran at the same time."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed.profile_chart import bars, draw
from deployments.gateway.rendering import timings_answer
from ocr import TimedStep

_ENGINES = (
    TimedStep("a", "a", 0.3, (TimedStep("queue", "a", 0.1), TimedStep("inference", "a", 0.2))),
    TimedStep("b", "b", 0.2, (TimedStep("inference", "b", 0.2),)),
)
TIMINGS = (
    TimedStep("receive", "Gateway", 0.1),
    TimedStep("ensemble", "Router", 0.4, (TimedStep("engines", "Router", 0.3, _ENGINES, parallel=True),)),
    TimedStep("render", "Gateway", 0.1),
)


def test_parts_lie_below_the_whole_and_what_ran_at_the_same_time_in_rows_of_its_own() -> None:
    rows = [(bar.part.name, bar.part.where, bar.row) for bar in bars(timings_answer(TIMINGS).parts)]
    assert rows == [
        ("receive", "Gateway", 0),
        ("ensemble", "Router", 0),
        ("engines", "Router", 1),
        ("a", "a", 2),
        ("queue", "a", 3),
        ("inference", "a", 3),
        ("b", "b", 4),
        ("inference", "b", 5),
        ("other", "Router", 1),
        ("render", "Gateway", 0),
    ]


def test_what_holds_a_part_that_was_waited_for_was_waited_for_itself() -> None:
    waited = {(bar.part.name, bar.part.where) for bar in bars(timings_answer(TIMINGS).parts) if bar.waited_for}
    assert ("a", "a") in waited
    assert waited.isdisjoint({("b", "b"), ("inference", "b")})


def test_the_chart_is_drawn(tmp_path: Path) -> None:
    draw(timings_answer(TIMINGS), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
