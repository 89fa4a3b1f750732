"""The program in which pages are segmented: it belongs to one replica and ends with it.

    python -m deployments.segmentation.worker CONNECTION ABANDONED

Both are file descriptors. Over the connection it is told once what to load, and answers None when it is warm. Then it
takes one task after another. Before each the system is told how much more of the processor this process may use: a page
that computes without end, in C code too, is ended with the process.
"""

from __future__ import annotations

import ctypes
import math
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from itertools import count
from multiprocessing.connection import Connection

from deployments.segmentation.abandoned_task import AbandonedTask
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from deployments.segmentation.shared_memory import send
from deployments.segmentation.worker_tasks import Fault, Loader, Task
from ocr.errors import QuorumError
from ocr.runtime.process_memory import FreeMemory

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SPARE_S = 2.0  # of the processor: a page that has used up its share should stop by itself before


def work(connection: Connection, abandoned: AbandonedTask) -> None:
    """Load what the other side says, and do its tasks. Raises EOFError or OSError when it is gone."""
    loader: Loader = connection.recv()
    try:
        segmenter = loader.load()
    except QuorumError as error:
        send(connection, error)
        return
    segmenter.warm_up()
    send(connection, None)
    free_memory = FreeMemory()
    for number in count(1):
        task: Task[object] = connection.recv()
        segmenter.is_wanted = partial(_is_wanted, abandoned, number)
        _allow(task.request.max_processor_s + _SPARE_S)
        send(connection, _result(task, segmenter))
        free_memory.give_back()


def _is_wanted(abandoned: AbandonedTask, number: int) -> bool:
    return abandoned.number != number


def _result(task: Task[object], segmenter: ImageFileSegmenter) -> object:
    try:
        return task.run(segmenter)
    except Exception:  # noqa: BLE001 - it is told, and the next page is read
        return Fault(traceback.format_exc())


def _allow(seconds: float) -> None:
    """From now on, of the processor, for all threads together; then SIGXCPU ends the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def main(connection: int, abandoned: int) -> None:
    ctypes.CDLL(None).prctl(
        _PR_SET_PDEATHSIG, signal.SIGKILL
    )  # in the middle of a task, too, when the replica is killed
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(EOFError, OSError):
        work(Connection(connection), AbandonedTask(abandoned))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
