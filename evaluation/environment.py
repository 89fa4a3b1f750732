"""What a figure needs beside it: the commit, the machine, the versions, how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from evaluation.markdown import table

_PACKAGES = ("ray", "paddleocr", "rapidocr", "onnxruntime", "tensorflow", "torch", "transformers", "easyocr")


def environment() -> dict[str, str]:
    """Name -> value, in the order in which a report shows them."""
    load = os.getloadavg()[0]
    return {
        "commit": _first_line("git", "rev-parse", "--short", "HEAD")
        + ("+" if _first_line("git", "diff", "--stat") else ""),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {_cpu_model()}, {_memory_gb():.0f} GB",
        "load before": f"{load:.1f}",
        "priority": f"nice {os.getpriority(os.PRIO_PROCESS, 0)}, autogroup {nice_of_session()}",
        "versions": ", ".join(
            [f"python {platform.python_version()}", *map(_version, _PACKAGES), _first_line("tesseract", "--version")]
        ),
    }


_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
"""For networks, the newest first, as Linux names them."""


def instructions() -> str:
    """The newest of the processor's that networks gain by."""
    flags = set(_told_of_processor("flags").split())
    return next((name for name in _INSTRUCTIONS if name in flags), platform.machine())


def as_table(values: Mapping[str, str]) -> str:
    """A Markdown table of two columns."""
    return table(("", ""), values.items())


def _version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def _first_line(*command: str) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return (finished.stdout or finished.stderr).split("\n", 1)[0].strip()


def nice_of_session(told: Path = Path("/proc/self/autogroup")) -> str:
    """Linux shares a busy machine out between sessions first; theirs is the priority that counts beside other work."""
    words = told.read_text().split() if told.exists() else []
    return words[-1] if words else "0"  # a process that belongs to no session finds the file empty


def _cpu_model() -> str:
    return _told_of_processor("model name") or platform.machine()


def _told_of_processor(what: str) -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(what)), "")


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
