"""Niceness of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deployments.replica import precedence
from deployments.replica.precedence import SERVING, serve_first

pytestmark = [pytest.mark.processes, pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: it is Linux's")]

# A thread that waits, and a process below it; it says when both are there.
_PROGRAM = """
import os, subprocess, sys, threading
os.nice({by})
threading.Thread(target=threading.Event().wait, daemon=True).start()
child = subprocess.Popen(["/bin/sleep", "600"])
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
"""


def nicenesses(pid: int) -> set[int]:
    return {os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()}


@pytest.mark.parametrize(("by", "expected"), [(15, SERVING), (2, 2)], ids=["as-Ray-starts-it", "better-already"])
def test_who_serves_gets_precedence_with_all_its_threads_and_processes(by: int, expected: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: the system allows it to root")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    command = [sys.executable, "-c", _PROGRAM.format(by=by - before)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        below = int(serving.stdout.readline())
        assert nicenesses(serving.pid) == nicenesses(below) == {by}
        assert serve_first(psutil.Process(serving.pid))
        assert nicenesses(serving.pid) == nicenesses(below) == {expected}
        serving.communicate("")


def test_where_the_system_refuses_it_everything_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(precedence.os, "getpriority", lambda *_: 15)
    monkeypatch.setattr(precedence.os, "setpriority", refused)
    assert not serve_first()
