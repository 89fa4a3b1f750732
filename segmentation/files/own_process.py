"""What a program allows itself that opens files of strangers in a process of its own."""

from __future__ import annotations

import math
import os
import resource

MEMORY_BYTES = 900_000_000
"""All that the process may have, programs and libraries too."""
NICENESS = 5
"""By so much the process gives way to others: beside one that is busy it gets a quarter of a core."""


def confine() -> None:
    """Hold this process to its memory, have it give way to others, and have it leave no image of its memory behind."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_processor(seconds: float) -> None:
    """Of the processor; then the system ends the process (SIGXCPU)."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), hard))
