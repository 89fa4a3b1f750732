"""Files made to do harm, sent to a real cluster: what they cost, and what somebody else notices.

    python -m benchmarks.inputs.robustness [--url http://127.0.0.1:8000] [--out benchmarks/results/bad_inputs.md]

Starts the application as benchmarks/harness/serving.py does, unless it is told where one runs. Sends each file by
itself, while somebody else reads a small page over and over. Memory is read from the operating system: for each process
of the Gateway, the Router, the Segmentation and the drawing of documents, the highest resident size while the file was
being answered. Times are seconds of the wall.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import httpx

from benchmarks.harness import command
from benchmarks.harness.closed_loop import Answered, Clients
from benchmarks.harness.memory import Sample, peaks, sampled
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import QUICK, URL, served_at
from benchmarks.inputs.bad_files import BadFile, bad_files
from benchmarks.inputs.peak_memory import PeakMemory
from evaluation.environment import as_table, environment
from evaluation.markdown import document, records

_LIMIT_S, _LIMIT_MB = 10.0, 1000.0

_COLUMNS = {"file": ".file.name", "bytes": ".size:,", "status": ".status", "seconds": ".seconds:.2f"}
_COLUMNS |= {"peak, MB": ".peak_mb:.0f", "in": ".role"}

T = TypeVar("T")


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


def measured(client: httpx.Client, file: BadFile, memory: PeakMemory) -> Outcome:
    content = file.make()
    memory.forget()
    with sampled(0.02, memory.megabytes) as samples:
        began, status = time.perf_counter(), 0
        with suppress(httpx.HTTPError):
            status = client.post("/predict_text", content=content, params=file.options).status_code
        seconds = time.perf_counter() - began
    peak = peaks([*samples, Sample(seconds, memory.megabytes())])
    role = max(peak, key=peak.__getitem__)
    return Outcome(file, len(content), status, seconds, peak[role], role)


async def _beside_a_reader(url: str, work: Callable[[], T]) -> tuple[T, list[Answered]]:
    """Do the work while somebody reads a small page over and over; what that one met."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:

        async def read() -> None:
            answer = await http.post("/predict_text", content=QUICK.read_bytes(), params={"engines": "tesseract"})
            answer.raise_for_status()

        async with Clients(read) as readers:
            await readers.resize(1)
            done = await asyncio.to_thread(work)
    return done, readers.answers


def run(
    url: str, files: Sequence[BadFile], alone_s: float, memory: PeakMemory
) -> tuple[list[Outcome], Sequence[Answered], Sequence[Answered]]:
    """Every file once, and what a reader met alone and beside them. Raises RuntimeError when a replica died over it."""
    before = memory.replicas()
    _, alone = asyncio.run(_beside_a_reader(url, lambda: time.sleep(alone_s)))
    with httpx.Client(base_url=url, timeout=120) as client:
        outcomes, beside = asyncio.run(
            _beside_a_reader(url, lambda: [measured(client, file, memory) for file in files])
        )
    if memory.replicas() != before:
        raise RuntimeError("a replica was replaced while the files were sent; see its log")
    return outcomes, alone, beside


def report(
    outcomes: Sequence[Outcome], alone: Sequence[Answered], beside: Sequence[Answered], before: Mapping[str, str]
) -> str:
    longest = max(outcomes, key=lambda outcome: outcome.seconds)
    largest = max(outcomes, key=lambda outcome: outcome.peak_mb)
    summary = {
        **before,
        "files": str(len(outcomes)),
        "refused": str(sum(outcome.status != 200 for outcome in outcomes)),
        "longest": f"{longest.seconds:.1f} s, {longest.file.name}",
        "most memory": f"{largest.peak_mb:.0f} MB in {largest.role}, {largest.file.name}",
        "not as it should be": ", ".join(o.file.name for o in outcomes if not o.as_it_should_be) or "none",
        "neighbour alone": _described(alone),
        "neighbour beside the files": _described(beside),
    }
    return document(
        "Files that try to exhaust or break the service",
        "Made by `python -m benchmarks.inputs.robustness`. It sends each file of benchmarks/inputs/bad_files.py to "
        "`/predict_text`, one at a time. Meanwhile another client (the *neighbour*) reads a small page. A file may "
        f"take {_LIMIT_S:.0f} s, and no process may take more than {_LIMIT_MB:.0f} MB. The peak is the resident size "
        "of a whole process, libraries included.",
        as_table(summary),
        records(_COLUMNS, outcomes),
    )


def _described(answers: Sequence[Answered]) -> str:
    times, failed = [one.seconds for one in answers], sum(bool(one.problem) for one in answers)
    return f"{len(times)} pages, {failed} failed, median {median(times):.2f} s, longest {max(times):.2f} s"


def main(url: str | None = None, out: Path = RESULTS / "bad_inputs.md") -> None:
    """Send every file made to do harm to the application at --url, or to one that is started here."""
    before = environment()
    with served_at(url):
        publish(report(*run(url or URL, bad_files(), 20.0, PeakMemory.of(url)), before), out)


if __name__ == "__main__":
    command.run(main)
