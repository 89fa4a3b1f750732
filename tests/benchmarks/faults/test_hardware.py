"""What a fault does to a machine, done to small programs. Each says why it cannot be had here."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.faults.hardware import Clock, ProcessorShare, SmallDisk, small_disk

pytestmark = pytest.mark.processes

_HOUR_S = 3600.0


def require(why_not: str) -> None:
    if why_not:
        pytest.skip(f"NOT RUN: {why_not}")


def test_a_small_disk_is_filled_to_the_last_byte_and_emptied_again(tmp_path: Path) -> None:
    require(SmallDisk.why_not())
    with small_disk(tmp_path, 2) as disk:
        (tmp_path / "before").write_bytes(b"kept")
        disk.fill()
        with pytest.raises(OSError, match="space"):
            (tmp_path / "more").write_bytes(bytes(5000))
        assert (tmp_path / "before").read_bytes() == b"kept"
        disk.empty()
        (tmp_path / "more").write_bytes(bytes(5000))
    assert list(tmp_path.iterdir()) == []


def test_a_clock_can_be_set_while_a_program_runs_and_time_goes_on_as_it_does(tmp_path: Path) -> None:
    require(Clock.why_not())
    clock = Clock(tmp_path / "clock")
    clock.set(0.0)
    program = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=dict(clock.environment()), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as told:  # fmt: skip

        def ahead_s() -> tuple[float, float]:
            assert told.stdin is not None
            assert told.stdout is not None
            told.stdin.write("now\n")
            told.stdin.flush()
            wall, passed = map(float, told.stdout.readline().split())
            return wall - time.time(), passed - time.monotonic()

        assert ahead_s() == pytest.approx((0.0, 0.0), abs=5.0)
        clock.set(_HOUR_S)
        deadline = time.monotonic() + 60.0
        while abs(ahead_s()[0] - _HOUR_S) > 5.0:
            assert time.monotonic() < deadline, "the clock was not set"
            time.sleep(0.1)
        assert ahead_s()[1] == pytest.approx(0.0, abs=5.0)
        told.kill()


class OneProcess:
    """A node as far as its processes go."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def processes(self) -> set[psutil.Process]:
        return {self._process}


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    started = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield psutil.Process(started.pid)
    started.kill()
    started.wait()


def test_a_node_is_held_to_a_share_of_a_core_and_released(busy: psutil.Process) -> None:
    require(ProcessorShare.why_not())
    share = ProcessorShare()
    share.hold(OneProcess(busy.pid), 0.1)  # type: ignore[arg-type]
    used, began = sum(busy.cpu_times()[:2]), time.monotonic()
    while (passed := time.monotonic() - began) < 2.0:
        time.sleep(0.1)
    assert sum(busy.cpu_times()[:2]) - used < 0.5 * passed
    share.release()
    deadline = time.monotonic() + 60.0
    used = sum(busy.cpu_times()[:2])
    while sum(busy.cpu_times()[:2]) - used < 1.0:
        assert time.monotonic() < deadline, "it was not released"
        time.sleep(0.1)
