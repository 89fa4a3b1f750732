"""Which clusters run on this machine: a file for each, from its start to its end, so that another terminal can stop it.

The file names the process and when it was born, because a number is given to another process some day; the file of a
process that is gone counts as none. Beside it lies what a program of the same user needs to join the cluster; nobody
else can enter the folder. Times are seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A cluster that serves on `port`: the process that holds it, and when that was born (epoch)."""

    port: int
    process: int
    born: float

    @property
    def alive(self) -> bool:
        try:
            return psutil.Process(self.process).create_time() == self.born
        except psutil.NoSuchProcess:
            return False

    def stop(self, patience_s: float) -> bool:
        """Ask the process to clear everything away and end; whether it did within `patience_s`."""
        try:
            process = psutil.Process(self.process)
            process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            # One that has ended, of which its parent has not heard yet, is a zombie: there is nothing to wait for.
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_LOOK_S)
        except psutil.NoSuchProcess:
            pass
        return True


@contextlib.contextmanager
def registered(folder: Path, port: int) -> Iterator[None]:
    """Keep a file about this process in `folder` while the block runs."""
    here = RunningCluster(port, os.getpid(), psutil.Process().create_time())
    path = _path(folder, port)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.write_text(json.dumps(asdict(here)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def environment_file(folder: Path, port: int, environment: Mapping[str, str]) -> Iterator[Path]:
    """A file for `source`, with what a program must have in its environment to join the registered cluster."""
    path = _path(folder, port).with_suffix(".sh")
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def find_running(folder: Path, port: int) -> RunningCluster | None:
    """The cluster on `port` that is registered in `folder` and still runs."""
    try:
        found = RunningCluster(**json.loads(_path(folder, port).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.alive else None


def _path(folder: Path, port: int) -> Path:
    return folder / "running" / f"{port}.json"
