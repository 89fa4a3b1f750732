"""`quorum up` as a process of its own, every process of which can be found."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
MARK = "QUORUM_TEST_RUN"


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

    def environment_to_join(self) -> dict[str, str]:
        """What it tells programs that join the cluster; while it serves."""
        lines = (Path(self.environment["STATE_DIR"]) / "running" / f"{self.port}.sh").read_text().splitlines()
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def ray_folder(self) -> Path:
        """The folder of its own, in which Ray's is."""
        return Path(self.environment_to_join()["RAY_AUTH_TOKEN_PATH"]).parent

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it carries the mark, or is below this one: a process that sets a long title may lose its mark."""
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            below = self.process.pid in (process.pid, *(parent.pid for parent in process.parents()))
            return below or process.environ().get(MARK) == self.mark
        return False

    def kill(self) -> None:
        """End whatever of it is left."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.communicate()
