"""For which caller the work of this moment is done: known where a request comes in, wanted where it is sent on to the
Router. Each request is a task of its own, and what it starts inherits the name.
"""

from __future__ import annotations

from contextvars import ContextVar

from ocr.job_contract import Priority

CURRENT_CALLER: ContextVar[str] = ContextVar("quorum_caller", default="")
"""The name of the caller, see access_middleware.caller_name; empty for programs on the cluster."""

CURRENT_PRIORITY: ContextVar[Priority] = ContextVar("quorum_priority", default="interactive")
"""Whether somebody waits for it, or it is of a job that has time."""

CURRENT_FRAMES_WAITING: ContextVar[int] = ContextVar("quorum_frames_waiting", default=0)
"""How many frames of the same stream wait while one is read: 0 for whatever is no stream."""
