"""How many processors there are, and how long this process has computed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.replica.processors import cores, processor_s


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000 100000\n", 0.5), ("max 100000\n", None), ("99900000 100000\n", None), ("", None)]
)
def test_a_container_has_the_cores_that_it_may_use(quota: str, expected: float | None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert cores(tmp_path / "cpu.max") == (expected or os.cpu_count())
    assert cores(tmp_path / "missing") == os.cpu_count()


def test_processor_time_counts_computing_and_not_waiting() -> None:
    began, computed = processor_s(), time.process_time()
    while time.process_time() < computed + 0.05:
        pass
    assert processor_s() - began >= 0.045


@pytest.mark.processes
def test_processor_time_counts_the_programs_that_were_run() -> None:
    began = processor_s()
    program = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
    assert processor_s() - began >= 0.3


@pytest.mark.processes
def test_processor_time_counts_programs_that_still_run() -> None:
    began = processor_s()
    program = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        while_it_runs = processor_s() - began
        running.communicate(b"\n")
    assert while_it_runs >= 0.28
    assert while_it_runs <= processor_s() - began + 0.02  # its time counts once
