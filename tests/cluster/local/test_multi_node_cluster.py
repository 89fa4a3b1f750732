"""MultiNodeCluster as trees of processes, with programs in the place of Ray's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cluster.local.hosts import Host
from cluster.local.multi_node_cluster import Node
from cluster.local.processes import adopting_orphans
from ocr.errors import InternalFailure

HOST = Host("host1", "127.0.0.1", "127.0.0.1", 8000)

# Says that it runs and starts a program that starts another and may die itself.
_TREE = """
import subprocess, sys, time
inner = "import time; time.sleep(600)"
outer = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {inner!r}]); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", outer])
print("Ray runtime started", flush=True)
time.sleep(600)
"""


def node_of(program: str, folder: Path) -> Node:
    log = folder / "node.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([sys.executable, "-c", program], stdout=out, stderr=out)

    return Node(HOST, start, log)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.processes
def test_a_killed_node_leaves_nothing_not_even_what_lost_its_parent_before(tmp_path: Path) -> None:
    with adopting_orphans():
        node = node_of(_TREE, tmp_path)
        node.wait()
        eventually(lambda: len(node.processes()) == 2)
        known = node.processes()
        [middle] = [process for process in known if process.children()]
        middle.kill()
        eventually(lambda: middle not in node.processes())
        assert len(node.processes()) == 1
        node.kill()
    assert not [process for process in known if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.processes
def test_a_node_that_does_not_start_is_tried_again_and_then_told_of(tmp_path: Path) -> None:
    node = node_of("print('no memory left')", tmp_path)
    with pytest.raises(InternalFailure, match="no memory left"):
        node.wait()
    assert node.log.read_text().count("no memory left") == 3
