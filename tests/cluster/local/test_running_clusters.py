"""Notes of clusters that run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from cluster.local.running_clusters import RunningCluster, find_running, registered

# Holds a note until it is told to end, and then takes its time.
_HOLDER = """
import sys, time
from pathlib import Path
from cluster.local.running_clusters import registered
import signal

def leave(*_): raise SystemExit
signal.signal(signal.SIGTERM, leave)
with registered(Path(sys.argv[1]), 8000):
    print("registered", flush=True)
    time.sleep(60)
"""


def _write(folder: Path, note: RunningCluster) -> None:
    (folder / "running").mkdir(parents=True)
    (folder / "running" / f"{note.port}.json").write_text(json.dumps(asdict(note)))


def test_a_cluster_is_found_by_its_port_while_it_runs_and_not_after(tmp_path: Path) -> None:
    with registered(tmp_path, 8000):
        found = find_running(tmp_path, 8000)
        assert found is not None
        assert found.process == psutil.Process().pid
        assert find_running(tmp_path, 8001) is None
    assert find_running(tmp_path, 8000) is None


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_cluster(tmp_path: Path) -> None:
    here = psutil.Process()
    _write(tmp_path, RunningCluster(8000, here.pid, here.create_time() - 1000.0))
    assert find_running(tmp_path, 8000) is None


def test_a_note_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "8000.json").write_text("{")
    assert find_running(tmp_path, 8000) is None


@pytest.mark.processes
def test_a_process_that_has_ended_is_stopped_though_its_parent_does_not_know_yet(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "registered\n"
        stop = "import sys; from pathlib import Path; from cluster.local.running_clusters import find_running; "
        stop += "print(find_running(Path(sys.argv[1]), 8000).stop(patience_s=60.0))"
        told = subprocess.run([sys.executable, "-c", stop, str(tmp_path)], capture_output=True, text=True, check=True)
        assert told.stdout == "True\n"
        assert holder.wait() == 0


@pytest.mark.processes
def test_stopping_waits_until_the_process_has_cleared_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "registered\n"
        found = find_running(tmp_path, 8000)
        assert found is not None
        assert found.stop(patience_s=60.0)
        assert holder.wait() == 0
    assert find_running(tmp_path, 8000) is None
    assert found.stop(patience_s=1.0), "what is gone is stopped"
