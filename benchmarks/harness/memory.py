"""What the processes below this one take of the machine, part by part, and how their memory grows over time.

A part is what processes do for the application (see cluster/local/application_processes.py). A leak is told from a
process's own memory (unique set size): what it maps of the object store is not its own. The first third of the time is
for allocators and caches to settle; from then on memory is flat or it leaks. Times are seconds, sizes units of
1,000,000 bytes.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.local.application_processes import component_of
from cluster.local.processes import children

_SETTLES = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory of each part at one moment, counted from the beginning."""

    at_s: float
    megabytes: Mapping[str, float]


def by_part(measure: Callable[[psutil.Process], float], *, of_ray: bool = True) -> dict[str, float]:
    """The sum of a measure over the processes of each part. What does nothing for the application but is Ray's own goes
    by the name of its process, or is left out.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for process in children():
        with suppress(psutil.Error):  # it has ended
            part = component_of(process) or (process.name() if of_ray else "")
            if part:
                sums[part] += measure(process)
    return dict(sorted(sums.items()))


def proportional_memory() -> dict[str, float]:
    """Proportional set size: what is shared counts a part for each who shares it."""
    return by_part(lambda process: process.memory_full_info().pss / 1e6)


def own_memory() -> dict[str, float]:
    """Unique set size, without Ray's own processes."""
    return by_part(lambda process: process.memory_full_info().uss / 1e6, of_ray=False)


def core_seconds() -> dict[str, float]:
    """Processor time until now, with that of the processes that each has waited for: Tesseract's, for example."""
    return by_part(lambda process: sum(process.cpu_times()[:4]))


@contextmanager
def sampled(period_s: float, look: Callable[[], Mapping[str, float]] = own_memory) -> Iterator[list[Sample]]:
    """Samples that are taken while the block runs, the newest last."""
    samples: list[Sample] = []
    stop = threading.Event()
    began = time.monotonic()

    def run() -> None:
        while True:
            samples.append(Sample(time.monotonic() - began, look()))
            if stop.wait(period_s):
                return

    thread = threading.Thread(target=run, name="memory")
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def peaks(samples: Sequence[Sample]) -> dict[str, float]:
    """The most that each part took."""
    return {part: max(sample.megabytes.get(part, 0.0) for sample in samples) for part in _parts(samples)}


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Those of the time after everything has settled."""
    return [sample for sample in samples if sample.at_s >= _SETTLES * samples[-1].at_s]


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """By how many MB each part grew since it had settled, on the straight line that fits its samples best. A part that
    was not there all the time, because its replica was replaced, counts from when it was.
    """
    late = settled(samples)
    return {part: _rise([(s.at_s, s.megabytes[part]) for s in late if part in s.megabytes]) for part in _parts(late)}


def _parts(samples: Sequence[Sample]) -> list[str]:
    return sorted({part for sample in samples for part in sample.megabytes})


def _rise(points: Sequence[tuple[float, float]]) -> float:
    times, sizes = zip(*points, strict=True)
    if len(set(times)) < 2:
        return 0.0
    return float(statistics.linear_regression(times, sizes).slope * (times[-1] - times[0]))


def draw(samples: Sequence[Sample], path: Path, title: str) -> None:
    """A line for each part, as PNG."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.add_subplot(xlabel="minutes", ylabel="own memory, MB", title=title)
    # ten colours are not enough for all parts
    axes.set_prop_cycle("color", [colormaps["tab20"](number) for number in range(20)])
    for part in _parts(samples):
        points = [(s.at_s / 60.0, s.megabytes[part]) for s in samples if part in s.megabytes]
        axes.plot(*zip(*points, strict=True), label=part, linewidth=1.2)
    axes.set_ylim(bottom=0.0)
    axes.axvspan(0.0, _SETTLES * samples[-1].at_s / 60.0, color="0.93", label="settling")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, dpi=100)
