"""The end of a process that this one has started."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress


def end_child(process: subprocess.Popen[bytes], patience_s: float = 0.0) -> str:
    """Wait so long for it to end by itself, then kill it; what ended it: the name of a signal, or its exit status."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    process.kill()
    status = process.wait()
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
