"""The whole application on this machine, started as a user starts it, for what is measured over HTTP.

    with served() as ready_s:
        ...                        # ask at URL

`serve run serve_config.cpu.yaml` in a process of its own, until every engine is warm; what was started is stopped.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import httpx

from benchmarks.harness.results import ROOT
from cluster import serve_proxies
from cluster.local.local_cluster import is_starting
from quorum.client import Client

URL = "http://127.0.0.1:8000"
PAGE = ROOT / "examples" / "page.png"
QUICK = ROOT / "examples" / "quick.png"
SEVEN = ROOT / "tests" / "fixtures" / "seven.png"


def wait_until(
    condition: Callable[[], bool], limit_s: float, failure: Callable[[], str], every_s: float = 0.25
) -> None:
    """Return once the condition holds. Raises TimeoutError with what `failure` says when it does not within
    `limit_s`.
    """
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{failure()} after {limit_s:.0f} s")
        time.sleep(every_s)


@contextmanager
def served(checkout: Path = ROOT) -> Iterator[float]:
    """The application of a checkout in a process of its own; yields the seconds from its start until every engine has
    settled. Another checkout than this one has an environment of its own, as `make setup` makes it. Raises RuntimeError
    where another service listens at URL: the system would give it a part of the requests.
    """
    _require_free_port()
    command = [str(_program(checkout)), "run", "serve_config.cpu.yaml"]
    # RAY_ADDRESS: a cluster of its own, whatever else runs on this machine.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "local", "PYTHONPATH": str(checkout)}
    if checkout == ROOT:  # another version may have no such middleware
        environment.update(serve_proxies.ENVIRONMENT)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script: it would stop nothing
        signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    log = Path(tempfile.gettempdir()) / "quorum-served.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdout=output, stderr=subprocess.STDOUT, process_group=0
        )

    def settled() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; see {log}")
        return _settled()

    try:
        wait_until(settled, 300.0, lambda: f"not ready; see {log} and {URL}/status")
        yield time.monotonic() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _require_free_port() -> None:
    url = httpx.URL(URL)
    with socket.socket() as connection:
        connection.settimeout(1.0)
        if connection.connect_ex((url.host, url.port or 80)) == 0:
            raise RuntimeError(f"something listens at {URL} already: stop it, or wait until it has ended")


def _program(checkout: Path) -> Path:
    """Serve's own, of the environment of the checkout. Raises FileNotFoundError where there is none."""
    if checkout == ROOT:
        return Path(sys.executable).with_name("serve")
    program = checkout / ".venv" / "bin" / "serve"
    if not program.exists():
        raise FileNotFoundError(f"{program} is missing: run make setup in {checkout}")
    return program


def served_at(url: str | None) -> AbstractContextManager[object]:
    """The application that runs at `url`, or else one that is started at URL."""
    return nullcontext() if url else served()


def _settled() -> bool:
    try:
        with Client(URL, timeout_s=5.0) as client:
            if not client.ready():
                return False
            return not any(is_starting(engine) for engine in client.status().engines.values())
    except Exception:  # noqa: BLE001 - not there yet, whatever the reason; `served` gives up in the end
        return False
