"""The replica's end of the worker: starts it, gives it tasks, ends it when a page makes it hang, and starts the next.

What strangers send is decoded and looked at in C code. A page that makes this code die, hang or compute without end
costs the worker and that page; the replica and those who wait for it go on. Knows no Serve.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TypeVar, cast

from deployments.messages.request import SegmentationRequest
from deployments.segmentation.abandoned_task import AbandonedTask
from deployments.segmentation.page_errors import hung, past_deadline, too_much_processor_time
from deployments.segmentation.shared_memory import receive
from deployments.segmentation.worker_tasks import Fault, Loader, Task
from ocr.errors import InternalFailure, NotAnImage, Overloaded, QuorumError
from ocr.runtime.child_environment import child_environment
from ocr.runtime.child_process import end_child

Result = TypeVar("Result")

log = logging.getLogger("quorum.segmentation")

_COMMAND = (sys.executable, "-m", "deployments.segmentation.worker")
_START_S = 120.0  # on a busy machine
_GRACE_S = 2.0  # after its deadline, in which a page should stop by itself
_ENDING_S = 5.0  # in which a process ends that has closed its connection
_LOST = (EOFError, OSError, TimeoutError)
_LIBRARIES = ("OMP_", "OPENBLAS_", "MKL_", "OPENCV_", "ORT_", "PYTHON", "XDG_")
"""The variables that its libraries look at begin with these."""


class WorkerProcess:
    """One worker at a time. Its methods block; call `start` and `run` from one thread that lives as long as the worker:
    the system ends it with that thread.
    """

    def __init__(
        self,
        loader: Loader,
        hung_after_s: float,
        clock: Callable[[], float] = time.time,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._loader = loader
        self._hung_after_s = hung_after_s
        self._clock = clock
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._abandoned: AbandonedTask | None = None
        self._tasks = 0
        self._is_warm = False
        self.problem = ""
        """Why no worker could be started the last time that it was tried."""

    @property
    def is_ready(self) -> bool:
        """Whether there is a warm worker: not from when a page has ended one until the next one is."""
        process = self._process
        return self._is_warm and process is not None and process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the worker; None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start a worker unless one is alive, and wait until it is warm. Raises EngineUnavailable as it does, and
        InternalFailure when it does not start.
        """
        if self.is_ready:
            return
        self.close()
        self._connection, theirs = Pipe()
        self._abandoned, self._tasks = AbandonedTask.create(), 0
        with theirs:
            descriptors = (theirs.fileno(), self._abandoned.descriptor)
            self._process = subprocess.Popen(
                (*self._command, *map(str, descriptors)),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                env=child_environment({"TMPDIR"}, _LIBRARIES),
            )
        try:
            self._connection.send(self._loader)
            refusal = self._answer(_START_S)
        except _LOST as error:
            self.problem = f"the segmentation's worker does not start: {self._end(error)}"
            raise InternalFailure(self.problem, "the log has the details") from error
        if isinstance(refusal, QuorumError):
            self._end(EOFError())
            raise refusal
        self.problem = ""
        self._is_warm = True

    def run(self, task: Task[Result]) -> Result:
        """What the task comes to in the worker.

        Raises DeadlineExceeded when it neither ends nor stops in time, TooLarge when it takes more of the processor
        than it may, NotAnImage when the worker dies of it, Overloaded when that had no memory, InternalFailure for a
        fault of ours.
        """
        self.start()
        begun = self._clock()
        if begun > task.request.deadline:
            raise past_deadline()
        assert self._connection is not None
        try:
            self._tasks += 1
            self._connection.send(task)
            answer = self._answer(min(task.request.deadline + _GRACE_S - begun, self._hung_after_s))
        except _LOST as error:
            lost = self._of_lost(error, task.request, self._clock() - begun)
            log.error("a page ended the segmentation worker: %s", lost)
            raise lost from error
        if isinstance(answer, Fault):
            log.error("segmentation failed: %s", answer.traceback)
            raise InternalFailure("the lines could not be found", "the log has the details")
        return cast("Result", answer)

    def pause(self) -> None:
        """Have the worker stop computing, in the middle. This and `go_on` may be called from any thread."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it compute again; one that was not paused is left as it is."""
        self._signal(signal.SIGCONT)

    def abandon(self) -> None:
        """Nobody waits for what it computes: it stops at the next step. From any thread, before the next `run`."""
        abandoned = self._abandoned
        if abandoned is not None:
            with suppress(ValueError):  # the worker ends in this moment, and its memory with it
                abandoned.number = self._tasks

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._end(TimeoutError())

    def _answer(self, patience_s: float) -> object:
        assert self._connection is not None
        if not self._connection.poll(patience_s):
            raise TimeoutError
        return receive(self._connection)

    def _of_lost(self, error: Exception, request: SegmentationRequest, after_s: float) -> QuorumError:
        """What to say of the page with which the worker was lost."""
        cause = self._end(error)
        if isinstance(error, TimeoutError):
            return hung(after_s)
        if cause == signal.SIGXCPU.name:
            return too_much_processor_time(request)
        if cause == signal.SIGKILL.name:  # nobody but the system does that, when memory runs out
            return Overloaded("there was no memory to find the lines", "send the page later, or scaled down", 5.0)
        return NotAnImage(
            f"the page cannot be segmented: it ended the process ({cause})", "save it again, or scaled down"
        )

    def _end(self, error: Exception) -> str:
        """End the worker, or see it end when it was lost; what ended it, see `end_child`."""
        assert self._process is not None
        assert self._connection is not None
        self._is_warm = False
        cause = end_child(self._process, 0.0 if isinstance(error, TimeoutError) else _ENDING_S)
        self._connection.close()
        if self._abandoned is not None:
            self._abandoned.close()
        self._process = self._connection = self._abandoned = None
        return cause
