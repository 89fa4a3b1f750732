"""The demonstration of a cluster of several nodes, as `make cluster-demo` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_engines_on_different_nodes_read_the_sample_page_and_nothing_is_left() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling.cluster_demo"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "Minutes of the reading group" in finished.stdout
    assert "no process is left" in finished.stdout
    rows = [line.split("│") for line in finished.stdout.splitlines() if line.startswith("│")]
    where = {row[1].strip(): (row[2].strip(), row[3].strip()) for row in rows}
    assert where["tesseract"] == ("cutting", "none")
    assert where["trocr"] == ("card1", "0.3")
    assert where["paddleocr"] == ("card2", "0.15")
