"""Files made to do harm, sent to a real cluster: what they cost, and what somebody else notices.

    python -m benchmarks.inputs.robustness [--url http://127.0.0.1:8000] [--out benchmarks/results/bad_inputs.md]

Starts the application as benchmarks/harness/serving.py does, unless it is told where one runs. Sends each file by
itself, while somebody else reads a small page over and over. Memory is read from the operating system: for each process
of the Gateway, the Router, the Segmentation and the drawing of documents, the highest resident size while the file was
being answered. Times are seconds of the wall.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import QUICK, URL, served_at
from benchmarks.inputs.bad_files import BadFile, bad_files
from evaluation.environment import as_table, environment
from evaluation.markdown import page, table

_ROLE = re.compile(r"ray::ServeReplica:quorum:(Gateway|Router|Segmentation)|(page_drawer)\.py")
_LIMIT_S, _LIMIT_MB = 10.0, 1000.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one file came to. `peak_mb` is that of the process that grew largest, whose role is `role`."""

    file: BadFile
    size: int
    status: int
    seconds: float
    peak_mb: float
    role: str

    @property
    def as_it_should_be(self) -> bool:
        return self.status in self.file.statuses and self.seconds <= _LIMIT_S and self.peak_mb <= _LIMIT_MB


@dataclass
class OtherUser:
    """Reads a small page over and over, while the block runs."""

    url: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._read, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _read(self, stop: threading.Event) -> None:
        image = QUICK.read_bytes()
        with httpx.Client(base_url=self.url, timeout=120) as client:
            while not stop.is_set():
                started = time.perf_counter()
                response = client.post("/predict_text", content=image, params={"engines": "tesseract"})
                self.seconds.append(time.perf_counter() - started)
                if response.status_code != 200:
                    self.failures.append(f"{response.status_code} {response.text[:200]}")

    def __str__(self) -> str:
        return (
            f"{len(self.seconds)} pages, {len(self.failures)} failed, median {statistics.median(self.seconds):.2f} s, "
            f"longest {max(self.seconds):.2f} s"
        )


class PeakMemory:
    """The highest resident size of each process of interest since it was last asked."""

    def __init__(self) -> None:
        self._replicas = {process.pid: role for process, role in _processes() if role != "page_drawer"}
        self._drawn = 0.0

    @property
    def pids(self) -> frozenset[int]:
        return frozenset(self._replicas)

    def begin(self) -> None:
        self._drawn = 0.0
        for pid in self._replicas:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # from now on the peak counts anew (man 5 proc)

    def look(self) -> None:
        """Drawing processes end with the document, so they are looked at while they live."""
        for process, role in _processes():
            if role == "page_drawer":
                with suppress(OSError, psutil.Error):
                    self._drawn = max(self._drawn, _peak_mb(process.pid))

    def peak(self) -> tuple[float, str]:
        return max([(self._drawn, "page_drawer"), *((_peak_mb(pid), role) for pid, role in self._replicas.items())])


def _processes() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter(["cmdline"]):
        found = _ROLE.search(" ".join(process.info["cmdline"] or []))
        if found:
            yield process, found[1] or found[2]


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000.0 if found else 0.0


def measured(client: httpx.Client, file: BadFile, memory: PeakMemory) -> Outcome:
    content = file.make()
    answers: list[tuple[int, float]] = []

    def send() -> None:
        started = time.perf_counter()
        response = client.post("/predict_text", content=content, params=file.options)
        answers.append((response.status_code, time.perf_counter() - started))

    memory.begin()
    sending = threading.Thread(target=send)
    sending.start()
    while sending.is_alive():
        memory.look()
        sending.join(0.02)
    status, seconds = answers[0] if answers else (0, 0.0)
    return Outcome(file, len(content), status, seconds, *memory.peak())


def report(outcomes: Sequence[Outcome], alone: OtherUser, beside: OtherUser, before: Mapping[str, str]) -> str:
    longest = max(outcomes, key=lambda outcome: outcome.seconds)
    largest = max(outcomes, key=lambda outcome: outcome.peak_mb)
    summary = {
        **before,
        "files": str(len(outcomes)),
        "refused": str(sum(outcome.status != 200 for outcome in outcomes)),
        "longest": f"{longest.seconds:.1f} s, {longest.file.name}",
        "most memory": f"{largest.peak_mb:.0f} MB in {largest.role}, {largest.file.name}",
        "not as it should be": ", ".join(o.file.name for o in outcomes if not o.as_it_should_be) or "none",
        "neighbour alone": str(alone),
        "neighbour beside the files": str(beside),
    }
    return page(
        "Files made to do harm",
        "Made by `python -m benchmarks.inputs.robustness`: each file of benchmarks/inputs/bad_files.py sent to\n"
        "`/predict_text` by itself, while somebody else reads a small page. Each may take "
        f"{_LIMIT_S:.0f} s, and no process more than {_LIMIT_MB:.0f} MB.\n"
        "The peak is the resident size of a whole process with its libraries.",
        as_table(summary),
        table(
            ("file", "bytes", "status", "seconds", "peak, MB", "in"),
            [(o.file.name, f"{o.size:,}", o.status, f"{o.seconds:.2f}", f"{o.peak_mb:.0f}", o.role) for o in outcomes],
        ),
    )


def run(url: str, files: Sequence[BadFile], alone_s: float) -> tuple[list[Outcome], OtherUser, OtherUser]:
    """Every file once. Raises RuntimeError when a replica died over it."""
    memory = PeakMemory()
    alone, beside = OtherUser(url), OtherUser(url)
    with alone.reading():
        time.sleep(alone_s)
    with beside.reading(), httpx.Client(base_url=url, timeout=120) as client:
        outcomes = [measured(client, file, memory) for file in files]
    if PeakMemory().pids != memory.pids:
        raise RuntimeError("a replica was replaced while the files were sent; see its log")
    return outcomes, alone, beside


def main(url: str | None = None, out: Path = RESULTS / "bad_inputs.md") -> None:
    """Send every file made to do harm to the application at --url, or to one that is started here."""
    before = environment()
    with served_at(url):
        publish(report(*run(url or URL, bad_files(), 20.0), before), out)


if __name__ == "__main__":
    command.run(main)
