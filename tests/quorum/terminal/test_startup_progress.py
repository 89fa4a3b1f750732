from __future__ import annotations

import io

from rich.console import Console

from cluster.local.local_cluster import ComponentProgress, StartupState
from quorum.terminal.startup_progress import Timings, startup_board

STARTING = ComponentProgress("tesseract", StartupState.STARTING)
READY = ComponentProgress("tesseract", StartupState.READY, "tesseract@5.3")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_seconds_of_a_part_stand_still_once_it_has_settled() -> None:
    clock = Clock()
    timings = Timings(clock)
    clock.now = 2.0
    assert timings.seconds(STARTING) == 2.0
    clock.now = 3.0
    assert timings.seconds(READY) == 3.0
    clock.now = 9.0
    assert timings.seconds(READY) == 3.0


def test_the_seconds_of_a_part_that_fails_later_are_those_of_the_failure() -> None:
    clock = Clock()
    timings = Timings(clock)
    timings.seconds(READY)
    clock.now = 5.0
    assert timings.seconds(ComponentProgress("tesseract", StartupState.FAILED, "died")) == 5.0


def test_without_a_terminal_each_part_is_one_line_when_it_settles() -> None:
    clock = Clock()
    text = io.StringIO()
    with startup_board(Console(file=text, width=20), clock) as show:
        show([STARTING])
        clock.now = 4.25
        show([READY, ComponentProgress("trocr", StartupState.UNAVAILABLE, "no model\nand a second line")])
        clock.now = 5.0
        show([READY, ComponentProgress("trocr", StartupState.UNAVAILABLE, "no model\nand a second line")])
    assert text.getvalue().splitlines() == [
        "   4.2 s  tesseract is ready: tesseract@5.3",
        "   4.2 s  trocr is unavailable: no model",
    ]


def test_in_a_terminal_every_part_has_a_row_that_is_drawn_again() -> None:
    text = io.StringIO()
    with startup_board(Console(file=text, width=80, force_terminal=True, color_system=None), Clock()) as show:
        show([STARTING, ComponentProgress("trocr", StartupState.STARTING)])
        show([READY, ComponentProgress("trocr", StartupState.STARTING)])
    last = [line.split() for line in text.getvalue().splitlines()[-3:]]
    assert [row[:1] + row[2:4] for row in last if len(row) > 3][-1] == ["tesseract", "ready", "tesseract@5.3"]
