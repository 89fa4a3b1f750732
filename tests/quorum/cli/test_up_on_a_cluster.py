"""`quorum up` with a real Ray, and with an application that is quickly there: what is started is also stopped."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.up_run import ROOT, Run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """The runs of a test; whatever of them is left when it fails is killed."""
    started: list[Run] = []
    yield started
    for run in started:
        run.kill()


def interrupt(run: Run) -> None:
    os.killpg(run.process.pid, signal.SIGINT)


def stop_from_another_terminal(run: Run) -> None:
    """By `quorum down`, which sends SIGTERM."""
    down = [sys.executable, "-m", "quorum", "down", "--port", str(run.port)]
    done = subprocess.run(down, cwd=ROOT, env=run.environment, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "stopped"), done.stderr


@pytest.mark.parametrize("stop", [interrupt, pytest.param(stop_from_another_terminal, marks=pytest.mark.slow)])
def test_it_serves_until_it_is_stopped_and_leaves_no_process_behind(
    runs: list[Run], tmp_path: Path, stop: Callable[[Run], None]
) -> None:
    run = Run(tmp_path, "tests.fakes.app:build")
    runs.append(run)
    printed = run.until("serving on")
    assert "trocr is unavailable: no model is bundled" in printed
    assert "Hello," in printed
    assert httpx.get(f"http://127.0.0.1:{run.port}/status").json()["engines"]["tesseract"]["available"]
    names = {process.name() for process in run.processes()}
    assert {"raylet", "gcs_server", "sleep"} <= names
    folder = run.ray_folder()
    assert folder.is_dir()
    stop(run)
    code, _, complained = run.finish()
    assert (code, complained) == (0, "")
    assert run.processes() == []
    assert not folder.exists()
    assert list((tmp_path / "state" / "running").iterdir()) == []


def test_an_application_that_cannot_start_fails_with_the_reason_and_leaves_no_process(
    runs: list[Run], tmp_path: Path
) -> None:
    run = Run(tmp_path, "tests.fakes.app:build_broken", "--demo")
    runs.append(run)
    code, _, complained = run.finish()
    assert code == 1
    assert "this engine cannot be made" in complained
    assert run.processes() == []
    [logs] = re.findall(r"the logs are in (\S+/logs)", complained)
    folder = Path(logs).parents[2]
    assert list(Path(logs).glob("serve/*.log"))
    assert not (folder / "token").exists()
    shutil.rmtree(folder)
