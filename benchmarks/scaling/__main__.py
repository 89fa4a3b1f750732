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

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.closed_loop import Ask, Clients, Run, measured
from benchmarks.harness.results import RESULTS
from benchmarks.harness.stub_cluster import PATHS, SERVICE_S, StubCluster, asking, cpu_seconds, stub_cluster
from benchmarks.scaling import scaling_page, scaling_report
from evaluation.environment import setting

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


@dataclass(frozen=True, slots=True)
class Moment:
    """The cluster at one moment of the burst."""

    at: float
    clients: int
    replicas: int


async def throughput(
    cluster: StubCluster, steps: Sequence[int], seconds: float, keep: Callable[[Sequence[Step]], None]
) -> None:
    """Each number of replicas on each way to ask; a way is left when it is far beyond its bend. `keep` is given what
    was found so far after each number of replicas: on a busy machine the last ones may never start.
    """
    found: list[Step] = []
    going_on = list(PATHS)
    for replicas in steps:
        await cluster.scale({"num_replicas": replicas, **_ONGOING})
        for path in tuple(going_on):
            found.append(await _step(path, replicas, seconds))
            print(_told(found[-1]), flush=True)
            if scaling_report.efficiency(asdict(found[-1]), [asdict(step) for step in found]) < _ENOUGH:
                going_on.remove(path)
        keep(found)


async def _step(path: str, replicas: int, seconds: float) -> Step:
    clients = CLIENTS_A_REPLICA * replicas
    async with asking(path) as ask:
        run, cores = await _with_cores(ask, clients, seconds)
    return Step(
        path,
        replicas,
        clients,
        run.per_second,
        run.latency_s(50) * 1000.0,
        run.latency_s(99) * 1000.0,
        len(run.failed),
        cores,
    )


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


def _told(step: Step) -> str:
    return (
        f"{step.path:18} {step.replicas:3} replicas {step.per_second:7.1f}/s p50 {step.p50_ms:5.0f} ms "
        f"p99 {step.p99_ms:5.0f} ms failed {step.failed} cores {sum(step.cores.values()):.2f}"
    )


async def autoscaling(cluster: StubCluster) -> dict[str, Any]:
    """Follow the load with clients over HTTP, and the replicas."""
    moments: list[Moment] = []
    began = time.perf_counter()
    async with asking("HTTP") as ask, Clients(ask) as clients:
        for wanted, seconds in LOAD:
            await clients.be(wanted)
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends:
                moments.append(Moment(time.perf_counter() - began, wanted, await cluster.replicas()))
                await asyncio.sleep(0.5)
    answers = [
        {"asked": answer.asked - began, "seconds": answer.seconds, "problem": answer.problem}
        for answer in clients.answers
    ]
    return {"bounds": BOUNDS, "moments": [asdict(moment) for moment in moments], "answers": answers}


def main() -> None:
    """Measure one part, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("part", choices=("throughput", "autoscaling", "page", "report"))
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 6, 8, 12, 16, 24])
    parser.add_argument("--seconds", type=float, default=3.5, help="of each step")
    parser.add_argument("--out", type=Path, default=RESULTS / "scaling.json")
    arguments = parser.parse_args()
    if arguments.part == "report":
        scaling_report.write(json.loads(arguments.out.read_text()), arguments.out.with_suffix(".md"))
        return
    before = setting()

    def keep(figures: dict[str, Any]) -> None:
        kept = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
        figures = {"setting": before, **figures}
        arguments.out.write_text(json.dumps({**kept, arguments.part: figures}, indent=1) + "\n")

    if arguments.part == "page":
        keep(asdict(scaling_page.page()))
    elif arguments.part == "autoscaling":
        with stub_cluster({"autoscaling_config": BOUNDS, **_ONGOING}) as cluster:
            keep(asyncio.run(autoscaling(cluster)))
    else:

        def keep_steps(steps: Sequence[Step]) -> None:
            keep({"service_s": SERVICE_S, "steps": [asdict(step) for step in steps]})

        with stub_cluster({"num_replicas": arguments.steps[0], **_ONGOING}) as cluster:
            asyncio.run(throughput(cluster, arguments.steps, arguments.seconds, keep_steps))


if __name__ == "__main__":
    main()
