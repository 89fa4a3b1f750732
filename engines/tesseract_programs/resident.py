"""Tesseract's library in processes that stay, one for each run at a time: neither the program nor the data are loaded
again for each batch.

What crashes or hangs there costs that run and its process; the next run starts another one. A process ends with the
connection to it. The library is the one that the system's program is made of (shared_library.py): both read the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from engines.tesseract_programs.groups import Group, Run, characters
from ocr.errors import DeadlineExceeded, InternalFailure
from ocr.hypothesis import CharacterHypothesis
from ocr.runtime.child_environment import child_environment
from ocr.runtime.child_process import end_child

_COMMAND = (sys.executable, "-m", "engines.tesseract_programs.resident_process")
_LOST = (EOFError, OSError)
_ENDING_S = 5.0
_FEWEST = 8
"""Of so many crops a second process takes some: to hand them over costs little, but not nothing."""


class _Process:
    """One process and the connection to it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                (*command, str(theirs.fileno())), pass_fds=(theirs.fileno(),), env=_environment()
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, head: object, pixels: bytes, timeout_s: float) -> Any:  # noqa: ANN401 - JSON
        """Raises EOFError or OSError where it is gone, TimeoutError where it does not answer in time."""
        self._connection.send_bytes(json.dumps(head).encode())
        self._connection.send_bytes(pixels)
        if not self._connection.poll(timeout_s):
            raise TimeoutError
        return json.loads(self._connection.recv_bytes())

    def end(self, patience_s: float = 0.0) -> str:
        """What ended it; see `end_child`."""
        cause = end_child(self._process, patience_s)
        self._connection.close()
        return cause


@dataclass(frozen=True, slots=True, eq=False)
class ResidentProgram:
    """`tessdata` is the folder of the data. `timeout_s` is for one run: (fixed, per crop); the first of a process loads
    the data.
    """

    tessdata: Path
    timeout_s: tuple[float, float] = (60.0, 2.0)
    command: Sequence[str] = _COMMAND
    _idle: deque[_Process] = field(default_factory=deque)

    @property
    def version(self) -> str:
        """Tesseract's own, as its process tells."""
        answer: str = self._asked({"version": True}, b"", self.timeout_s[0])
        return answer

    def runs(self, group: Group, crops: int) -> int:
        return max(1, crops // _FEWEST)

    def read(self, run: Run) -> dict[int, list[CharacterHypothesis]]:
        head = {
            "tessdata": str(self.tessdata),
            "data": "+".join(run.group.data),
            "mode": run.group.mode,
            "whitelist": run.group.whitelist,
            "sizes": [crop.pixels.shape[::-1] for crop in run.crops.values()],
        }
        pixels = b"".join(crop.pixels.tobytes() for crop in run.crops.values())
        answer = self._asked(head, pixels, self.timeout_s[0] + self.timeout_s[1] * len(run.crops))
        return {index: characters(read) for index, read in zip(run.crops, answer, strict=True)}

    def pids(self) -> list[int]:
        """Of the processes that wait for the next run."""
        return [process.pid for process in self._idle]

    def close(self) -> None:
        """End the processes that wait. Nothing may be read meanwhile."""
        while self._idle:
            self._idle.pop().end()

    def _asked(self, head: object, pixels: bytes, timeout_s: float) -> Any:  # noqa: ANN401 - JSON
        """By a process that waits, or a new one."""
        try:
            process = self._idle.pop()
        except IndexError:
            process = _Process(self.command)
        try:
            answer = process.ask(head, pixels, timeout_s)
        except TimeoutError as error:
            process.end()
            raise DeadlineExceeded(
                f"tesseract: its process did not answer within {timeout_s:.0f} s and was killed",
                "send fewer lines at once",
            ) from error
        except _LOST as error:
            raise InternalFailure(
                f"tesseract: its process ended with {process.end(_ENDING_S)}",
                "look for an out-of-memory kill; with runtime: native a program is started for each batch instead",
            ) from error
        self._idle.append(process)
        return answer


def _environment() -> dict[str, str]:
    # One thread a process: on lines Tesseract's threads mostly wait for each other.
    return {**child_environment(), "OMP_THREAD_LIMIT": "1"}
