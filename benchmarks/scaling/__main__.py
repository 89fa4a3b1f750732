"""How throughput grows with replicas, how replicas follow the load, and what one Router and one Gateway carry.

    python -m benchmarks.scaling throughput     from 1 replica until the cores are full, on each way to ask
    python -m benchmarks.scaling autoscaling    a burst and a lull
    python -m benchmarks.scaling page           processor time of a page of 40 lines, part by part, in this process
    python -m benchmarks.scaling report         results/scaling.md and its two pictures, from what the others wrote

The engine is a stub with a fixed service time (benchmarks/harness/stub_cluster.py), so that two cores stand for many
GPUs: what is measured is what Quorum and Ray cost around the engines, and where that ends. Each part takes less than
four minutes on two cores and adds its figures to results/scaling.json. Times are seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.harness import command
from benchmarks.harness.closed_loop import Ask, Clients, Run, measured
from benchmarks.harness.results import RESULTS, read_parts, write_parts
from benchmarks.harness.stub_cluster import PATHS, SERVICE_S, StubCluster, asking, cpu_seconds, stub_cluster
from benchmarks.scaling import report
from benchmarks.scaling.page import page_cost
from evaluation.environment import environment

CLIENTS_A_REPLICA = 2
_WARM_S = 1.0
_ENOUGH = 0.7
"""So much of linear throughput shows where a bend leads to."""

# A replica works at one call while the next one waits: more would only wait longer, and unevenly.
_ONGOING = {"max_ongoing_requests": CLIENTS_A_REPLICA}

BOUNDS = {
    "min_replicas": 0,
    "max_replicas": 8,
    "target_ongoing_requests": 2.0,
    "upscale_delay_s": 2.0,
    "downscale_delay_s": 15.0,
    "look_back_period_s": 15.0,
}
# (clients, seconds): from nothing, a burst, a lull, nothing.
LOAD = ((2, 20.0), (16, 60.0), (2, 55.0), (0, 45.0))

Keep = Callable[[Mapping[str, Any]], None]
"""Is given figures to keep."""


@dataclass(frozen=True, slots=True)
class Step:
    """One number of replicas on one way to ask. `cores` is how many of the machine's were busy, by part."""

    path: str
    replicas: int
    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    cores: dict[str, float]

    def __str__(self) -> str:
        return (
            f"{self.path:18} {self.replicas:3} replicas {self.per_second:7.1f}/s p50 {self.p50_ms:5.0f} ms "
            f"p99 {self.p99_ms:5.0f} ms failed {self.failed} cores {sum(self.cores.values()):.2f}"
        )


async def throughput(cluster: StubCluster, steps: Sequence[int], seconds: float, keep: Keep) -> None:
    """Each number of replicas on each way to ask; a way is left when it is far beyond its bend. What was found so far
    is kept after each number of replicas: on a busy machine the last ones may never start.
    """
    found: list[dict[str, Any]] = []
    going_on = list(PATHS)
    for replicas in steps:
        await cluster.scale({"num_replicas": replicas, **_ONGOING})
        for path in tuple(going_on):
            step = await _step(path, replicas, seconds)
            print(step, flush=True)
            found.append(asdict(step))
            if report.efficiency(found[-1], found) < _ENOUGH:
                going_on.remove(path)
        keep({"service_s": SERVICE_S, "steps": found})


async def _step(path: str, replicas: int, seconds: float) -> Step:
    clients = CLIENTS_A_REPLICA * replicas
    async with asking(path) as ask:
        run, cores = await _with_cores(ask, clients, seconds)
    p50_ms, p99_ms = (1000.0 * run.latency_s(percent) for percent in (50, 99))
    return Step(path, replicas, clients, run.per_second, p50_ms, p99_ms, len(run.failed), cores)


async def _with_cores(ask: Ask, clients: int, seconds: float) -> tuple[Run, dict[str, float]]:
    """What the clients met, and how many cores each part was busy on meanwhile."""
    readings: list[tuple[float, dict[str, float]]] = []

    async def watch() -> None:
        for pause_s in (_WARM_S, seconds):
            await asyncio.sleep(pause_s)
            readings.append((time.perf_counter(), cpu_seconds()))

    watching = asyncio.create_task(watch())
    run = await measured(ask, clients, seconds=seconds, warm_s=_WARM_S)
    await watching
    (began, before), (ended, after) = readings
    return run, {part: (used - before.get(part, 0.0)) / (ended - began) for part, used in after.items()}


async def autoscaling(cluster: StubCluster) -> dict[str, Any]:
    """Follow the load with clients over HTTP, and the replicas."""
    moments: list[dict[str, float]] = []
    began = time.perf_counter()
    async with asking("HTTP") as ask, Clients(ask) as clients:
        for wanted, seconds in LOAD:
            await clients.resize(wanted)
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends:
                at = time.perf_counter() - began
                moments.append({"at": at, "clients": wanted, "replicas": await cluster.replicas()})
                await asyncio.sleep(0.5)
    answers = [{**asdict(answer), "asked": answer.asked - began} for answer in clients.answers]
    return {"bounds": BOUNDS, "moments": moments, "answers": answers}


def main(
    part: Annotated[Literal["throughput", "autoscaling", "page", "report"], typer.Argument()],
    steps: Annotated[list[int] | None, typer.Option(help="Numbers of replicas; given once for each.")] = None,
    seconds: Annotated[float, typer.Option(help="Of each step.")] = 3.5,
    out: Path = RESULTS / "scaling.json",
) -> None:
    """Measure one part, or write the report."""
    before = environment()

    def keep(figures: Mapping[str, Any]) -> None:
        write_parts(out, {part: {"setting": before, **figures}})

    if part == "report":
        report.write(read_parts(out), out.with_suffix(".md"))
    elif part == "page":
        keep(asdict(page_cost()))
    elif part == "autoscaling":
        with stub_cluster({"autoscaling_config": BOUNDS, **_ONGOING}) as cluster:
            keep(asyncio.run(autoscaling(cluster)))
    else:
        chosen = steps or [1, 2, 4, 6, 8, 12, 16, 24]
        with stub_cluster({"num_replicas": chosen[0], **_ONGOING}) as cluster:
            asyncio.run(throughput(cluster, chosen, seconds, keep))


if __name__ == "__main__":
    command.run(main)
