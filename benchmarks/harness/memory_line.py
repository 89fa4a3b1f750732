"""How much memory the processes of a cluster take over time: sampled beside a load, judged, drawn.

What counts is a process's own memory (unique set size): what it maps of the object store is not its own. The first
third of the time is for allocators and caches to settle; from then on a line is flat or it is a leak. Times are
seconds, sizes units of 1,000,000 bytes.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.local.nodes import parts_among
from cluster.local.processes import children

_SETTLES = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory of each part at one moment, counted from the begin."""

    at_s: float
    megabytes: Mapping[str, float]


def own_memory() -> dict[str, float]:
    """The memory of each part of the clusters below this process: replicas by deployment, and Serve's own."""
    sizes: dict[str, float] = {}
    for part, process in parts_among(children()):
        with suppress(psutil.Error):
            sizes[part] = sizes.get(part, 0.0) + process.memory_full_info().uss / 1e6
    return sizes


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


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Those of the time after everything has settled."""
    return [sample for sample in samples if sample.at_s >= _SETTLES * samples[-1].at_s]


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """By how many MB each part grew since it had settled, on the straight line that fits its samples best. A part that
    was not there all the time, because its replica was replaced, counts from when it was.
    """
    late = settled(samples)
    return {part: _risen([(s.at_s, s.megabytes[part]) for s in late if part in s.megabytes]) for part in _parts(late)}


def _parts(samples: Sequence[Sample]) -> list[str]:
    return sorted({part for sample in samples for part in sample.megabytes})


def _risen(points: Sequence[tuple[float, float]]) -> float:
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
    axes.set_prop_cycle(
        "color", [colormaps["tab20"](number) for number in range(20)]
    )  # ten colours are not enough for all parts
    for part in _parts(samples):
        points = [(s.at_s / 60.0, s.megabytes[part]) for s in samples if part in s.megabytes]
        axes.plot(*zip(*points, strict=True), label=part, linewidth=1.2)
    axes.set_ylim(bottom=0.0)
    axes.axvspan(0.0, _SETTLES * samples[-1].at_s / 60.0, color="0.93", label="settling")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, dpi=100)
