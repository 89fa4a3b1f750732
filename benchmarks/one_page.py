"""One A4 page of 40 lines through the served ensemble on one machine: seconds to ready, seconds a page, memory.

    python -m benchmarks.one_page [--runs 9] [--out benchmarks/results/one_page.md]

Starts `serve run serve_config.cpu.yaml` as a user would, waits until every engine is warm, asks over HTTP, reads the
memory of every replica from the operating system, and stops what it started.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.setting import RESULTS, as_table, setting
from quorum.client import Client

ROOT = Path(__file__).parents[1]
URL = "http://127.0.0.1:8000"
PAGE = ROOT / "examples" / "page.png"

# What is asked for, and which engines that are.
_CHOICES: dict[str, tuple[str, ...] | None] = {
    "tesseract + paddleocr": ("tesseract", "paddleocr"),
    "every engine that is available": None,
    "tesseract": ("tesseract",),
    "paddleocr": ("paddleocr",),
}


@contextmanager
def served() -> Iterator[float]:
    """The application in a process of its own; yields the seconds from its start until every engine has settled."""
    command = [str(Path(sys.executable).with_name("serve")), "run", "serve_config.cpu.yaml"]
    # RAY_ADDRESS: a cluster of its own, whatever else runs on this machine.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "local", "PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    log = Path(tempfile.gettempdir()) / "quorum-one-page.log"
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


def seconds_a_page(runs: int) -> dict[str, list[float]]:
    """Wall seconds of each run, for each choice of engines."""
    figures: dict[str, list[float]] = {}
    with Client(URL) as client:
        for name, engines in _CHOICES.items():
            options = {} if engines is None else {"engines": engines}
            client.read(PAGE, **options)  # type: ignore[arg-type]
            figures[name] = [_timed(client, options) for _ in range(runs)]
    return figures


def _timed(client: Client, options: dict[str, tuple[str, ...]]) -> float:
    started = time.perf_counter()
    answer = client.read(PAGE, **options)  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    failed = [name for name, p in answer.engine_predictions.items() if p.status in ("timeout", "error", "shed")]
    if failed or len(answer.lines) < 40:
        raise RuntimeError(f"this run does not count: {len(answer.lines)} lines, failed engines {failed}")
    return seconds


def memory_of_replicas() -> dict[str, float]:
    """Proportional set size in MB of each process of the cluster, by its role."""
    sizes: dict[str, float] = {}
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        role = re.search(
            r"ray::ServeReplica:quorum:(\w+)|ray::(ServeController|ProxyActor)|/(raylet|gcs_server) ", command
        )
        if role:
            name = next(group for group in role.groups() if group)
            sizes[name] = sizes.get(name, 0.0) + process.memory_full_info().pss / 1e6
    return dict(sorted(sizes.items()))


def report(ready_s: float, pages: dict[str, list[float]], memory: dict[str, float], before: dict[str, str]) -> str:
    rows = [
        f"| {name} | {min(times):.2f} | {statistics.median(times):.2f} | {max(times):.2f} | {len(times)} |"
        for name, times in pages.items()
    ]
    sizes = [f"| {name} | {size:.0f} |" for name, size in memory.items()]
    return "\n".join(
        [
            "# One A4 page of 40 lines at 150 dpi, one machine",
            "",
            "Made by `python -m benchmarks.one_page`: examples/page.png, asked for over HTTP, one at a time.",
            "",
            as_table({**before, "from `serve run` to every engine warm": f"{ready_s:.0f} s"}),
            "",
            "| engines | min s | median s | max s | n |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "| process | PSS, MB |",
            "|---|---|",
            *sizes,
            f"| together | {sum(memory.values()):.0f} |",
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS / "one_page.md")
    arguments = parser.parse_args()
    before = setting()
    with served() as ready_s:
        pages = seconds_a_page(arguments.runs)
        memory = memory_of_replicas()
    text = report(ready_s, pages, memory, before)
    arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
