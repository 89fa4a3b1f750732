"""The whole application on this machine, started as a user starts it, for what is measured over HTTP.

    with served() as ready_s:
        ...                        # ask at URL

`serve run serve_config.cpu.yaml` in a process of its own, until every engine is warm; the memory of every replica is
asked of the operating system; what was started is stopped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from cluster.local.nodes import part_of
from cluster.local.processes import children
from deployments.gateway.access import proxy_middleware
from quorum.client import Client

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8000"
PAGE = ROOT / "examples" / "page.png"


@contextmanager
def served() -> Iterator[float]:
    """The application in a process of its own; yields the seconds from its start until every engine has settled."""
    command = [str(Path(sys.executable).with_name("serve")), "run", "serve_config.cpu.yaml"]
    # RAY_ADDRESS: a cluster of its own, whatever else runs on this machine.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "local", "PYTHONPATH": str(ROOT)}
    environment["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] = proxy_middleware.IMPORT_PATH
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script: it would stop nothing
        signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    log = Path(tempfile.gettempdir()) / "quorum-served.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, process_group=0
        )
    try:
        while not _settled():
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; see {log}")
            if time.monotonic() - started > 300:
                raise RuntimeError(f"not ready after 300 s; see {log} and {URL}/status")
            time.sleep(0.25)
        yield time.monotonic() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _settled() -> bool:
    try:
        with Client(URL, timeout_s=5.0) as client:
            if not client.ready():
                return False
            return all(engine.detail != "starting" for engine in client.status().engines.values())
    except Exception:  # noqa: BLE001 - not there yet, whatever the reason; `served` gives up in the end
        return False


def memory_of_parts() -> dict[str, float]:
    """Proportional set size in MB of everything below this process, part by part."""
    return _of_parts(lambda process: process.memory_full_info().pss / 1e6)


def core_seconds_of_parts() -> dict[str, float]:
    """Processor time until now of everything below this process that still lives, with what it waited for, part by
    part.
    """
    return _of_parts(lambda process: sum(process.cpu_times()[:4]))  # also of its ended children: Tesseract's processes


def _of_parts(measure: Callable[[psutil.Process], float]) -> dict[str, float]:
    """The sum over the processes of each part, by what they do for the application; what is Ray's own by its name."""
    sums: defaultdict[str, float] = defaultdict(float)
    for process in children():
        with suppress(psutil.Error):
            sums[part_of(process) or process.name()] += measure(process)
    return dict(sorted(sums.items()))
