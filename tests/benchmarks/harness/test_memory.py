from __future__ import annotations

import time
from pathlib import Path

import PIL.Image
import pytest

from benchmarks.harness.memory import Sample, draw, growth, sampled


def line(*megabytes: float) -> list[Sample]:
    return [Sample(float(second), {"Router": size}) for second, size in enumerate(megabytes)]


def test_what_grows_while_everything_settles_is_no_growth() -> None:
    assert growth(line(10, 60, 90, 100, 100, 100, 100, 100, 100, 100)) == {"Router": 0.0}


def test_a_leak_is_the_rise_of_the_straight_line_since_then() -> None:
    assert growth(line(0, 0, 0, 100, 110, 120, 130, 140, 150, 160))["Router"] == pytest.approx(60.0)


def test_one_high_moment_is_not_a_leak() -> None:
    noisy = line(100, 100, 100, 100, 100, 100, 180, 100, 100, 100, 100, 100)
    assert abs(growth(noisy)["Router"]) < 30.0


def test_a_part_that_came_late_counts_from_there() -> None:
    samples = [Sample(float(s), {"Router": 5.0} | ({"trocr": 1.0 * s} if s > 6 else {})) for s in range(10)]
    assert growth(samples) == pytest.approx({"Router": 0.0, "trocr": 2.0})


def test_samples_are_taken_until_the_block_is_left() -> None:
    with sampled(0.01, lambda: {"Gateway": 1.0}) as samples:
        while len(samples) < 3:
            time.sleep(0.01)
    count = len(samples)
    assert [sample.megabytes for sample in samples] == [{"Gateway": 1.0}] * count
    assert samples == sorted(samples, key=lambda sample: sample.at_s)


@pytest.mark.processes
def test_the_lines_are_drawn(tmp_path: Path) -> None:
    draw(line(1, 2, 3), tmp_path / "memory.png", "three samples")
    with PIL.Image.open(tmp_path / "memory.png") as picture:
        assert picture.size == (900, 500)
