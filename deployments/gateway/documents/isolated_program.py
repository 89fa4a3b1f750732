"""Programs that open files of strangers in a process of their own: how one is started, ended, and what it refuses.

A file that makes the process die, hang or grow costs that process and nothing else. What goes in and out goes through
pipes.
"""

from __future__ import annotations

import asyncio
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from ocr.errors import InputError, NotAnImage, OutOfRange, QuorumError, TooLarge, TooManyPages, UnsupportedFormat

_ENDING_S = 1.0
_REFUSALS = (TooLarge, OutOfRange, NotAnImage, UnsupportedFormat)
_KINDS: dict[str, type[InputError]] = {kind.code: kind for kind in _REFUSALS}


def command_of(module: ModuleType) -> tuple[str, ...]:
    """What runs `main` of a module. Isolated (-I), so that neither the folder that we run in nor the environment can
    put another module in its place.
    """
    root = str(Path(str(module.__file__)).parents[module.__name__.count(".")])
    program = f"import sys; sys.path.insert(0, {root!r}); from {module.__name__} import main; main()"
    return sys.executable, "-I", "-W", "ignore", "-c", program


@asynccontextmanager
async def started(command: Sequence[str]) -> AsyncIterator[Process]:
    """The program, for as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})
    try:
        yield process
    finally:
        await ended(process)


async def ended(process: Process) -> int:
    """The exit status of the process, which is ended unless it has."""
    if process.stdout is not None and process.stdout.at_eof():
        # It ends by itself. To signal it in this moment can take its status away from asyncio, which then says 255:
        # subprocess looks whether a process has ended before it signals it, and who looks first has the status.
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDING_S):
                return await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait()


class ProcessorTime:
    """The processor time of a program, from before it is started."""

    process: Process | None = None

    def spent_s(self) -> float:
        return 0.0 if self.process is None else processor_s(self.process)


def processor_s(process: Process) -> float:
    """Processor time that the program has taken so far, in seconds; infinite when it is gone."""
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.Error:
        return math.inf
    return float(times.user + times.system)


def refusal(told: Sequence[Any], where: str = "") -> QuorumError:
    """The error that a program tells as its code, message and hint, and with how many pages one request may have read
    where a document has more. `where` comes before the message.
    """
    code, message, hint, *max_pages = told
    if max_pages:
        return TooManyPages(message, hint, *max_pages)
    return _KINDS[code](where + message, hint)
