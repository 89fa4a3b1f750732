"""`quorum up` with a real Ray, and with an application that is quickly there: what is started is also stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[2]
MARK = "QUORUM_TEST_RUN"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


class Run:
    """One `quorum up`, whose processes carry a mark in their environment so that every one of them can be found."""

    def __init__(self, folder: Path, import_path: str, *options: str) -> None:
        self.mark = uuid.uuid4().hex
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        application = {"name": "quorum", "route_prefix": "/", "import_path": import_path}
        config = folder / "config.yaml"
        config.write_text(json.dumps({"applications": [application]}))
        self.environment = {**os.environ, MARK: self.mark, "PYTHONPATH": str(ROOT), "STATE_DIR": str(folder / "state")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quorum", "up", "--config", config, "--port", str(self.port), *options],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that Ctrl-C in it can be sent to its whole group, as a terminal does
        )

    def until(self, text: str) -> str:
        """What it printed up to the line with `text`."""
        assert self.process.stdout is not None
        printed = ""
        for line in self.process.stdout:
            printed += line
            if text in line:
                return printed
        raise AssertionError(f"it ended without saying {text!r}: {printed}{self.process.communicate()[1]}")

    def finish(self) -> tuple[int, str, str]:
        """Its exit code, and what it still printed on stdout and stderr."""
        printed, complained = self.process.communicate(timeout=300)
        return self.process.returncode, printed, complained

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        return False


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """The runs of a test; whatever of them is left when it fails is killed."""
    started: list[Run] = []
    yield started
    for run in started:
        for process in run.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        run.process.communicate()


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
    stop(run)
    code, _, complained = run.finish()
    assert (code, complained) == (0, "")
    assert run.processes() == []


def test_an_application_that_cannot_start_fails_with_the_reason_and_leaves_no_process(
    runs: list[Run], tmp_path: Path
) -> None:
    run = Run(tmp_path, "tests.fakes.app:build_broken", "--demo")
    runs.append(run)
    code, _, complained = run.finish()
    assert code == 1
    assert "this engine cannot be made" in complained
    assert run.processes() == []
