"""More clients than a Gateway has places for: what is refused and how quickly, what the accepted ones wait, whether
memory stays flat, and whether the service is itself again as soon as they are gone.

    python -m benchmarks.scaling.overload          results/overload.md, in less than four minutes on two cores

The whole application runs on this machine, with one stub engine of a fixed service time
(benchmarks/harness/stub_cluster.py), so that what it can carry is known: places over throughput is what an accepted
request waits. Clients form a closed loop and do as they are told: one that is refused comes again after Retry-After.
They share the two cores with the service. Times are seconds, memory is what a process has for itself alone (USS), in
MB.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
import typer

from benchmarks.harness import command
from benchmarks.harness.closed_loop import many_connections
from benchmarks.harness.memory import own_memory, peaks, sampled
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import URL
from benchmarks.harness.stub_cluster import SERVICE_S, picture, stub_cluster
from benchmarks.harness.timing import percentile
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from ocr.contract import ErrorAnswer

REPLICAS, PLACES = 4, 32
_PARTS = {"ProxyActor": "proxy", "Gateway": "Gateway", "Router": "Router"}
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `asked` is when, since the clients came; `retry_after_s` None where it is not said; `is_ours`: it has
    the form of the contract.
    """

    asked: float
    code: int
    seconds: float
    retry_after_s: int | None
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Phase:
    """What so many clients met, and the most memory that each part took meanwhile."""

    clients: int
    seconds: float
    answers: tuple[Answer, ...]
    peak_mb: Mapping[str, float]

    def of(self, code: int) -> list[float]:
        """How long each answer with this code took, sorted."""
        return sorted(answer.seconds for answer in self.answers if answer.code == code)

    def late(self) -> Phase:
        """What was asked in the second half of the time, when the first rush is over."""
        half = self.seconds / 2.0
        late = tuple(answer for answer in self.answers if answer.asked >= half)
        return Phase(self.clients, half, late, self.peak_mb)

    @property
    def codes(self) -> Counter[int]:
        return Counter(answer.code for answer in self.answers)

    def cells(self, name: str) -> list[object]:
        accepted, refused = self.of(200), self.of(503)
        patient = sum(a.code == 503 and a.retry_after_s is not None and a.is_ours for a in self.answers)
        others = {code: count for code, count in self.codes.items() if code not in (200, 503)}
        throughput = f"{len(accepted) / self.seconds:.1f}"
        return [
            name,
            len(accepted),
            throughput,
            *_p50_p99(accepted),
            len(refused),
            *_p50_p99(refused),
            patient,
            others or 0,
        ]


def _p50_p99(times: Sequence[float]) -> list[str]:
    return [f"{percentile(times, percent):.3f}" if times else "" for percent in (50, 99)]


def memory_mb() -> dict[str, float]:
    """Of each part that a request passes before it is accepted."""
    own = own_memory()
    return {shown: own.get(part, 0.0) for part, shown in _PARTS.items()}


async def crowd(url: str, clients: int, seconds: float) -> Phase:
    """So many clients ask for so long, each at least once. A connection that breaks has the code 0."""
    answers: list[Answer] = []
    until = time.monotonic() + seconds

    async def client(http: aiohttp.ClientSession) -> None:
        while True:
            answers.append(answer := await _ask(http, url, seconds - (until - time.monotonic())))
            if answer.code != 200:
                await asyncio.sleep(min(answer.retry_after_s or 1.0, max(0.0, until - time.monotonic())))
            if time.monotonic() >= until:
                return

    with sampled(_LOOK_EVERY_S, memory_mb) as samples:
        async with many_connections(timeout_s=120.0) as http:
            await asyncio.gather(*(client(http) for _ in range(clients)))
    return Phase(clients, seconds, tuple(answers), peaks(samples))


async def _ask(http: aiohttp.ClientSession, url: str, asked: float) -> Answer:
    began = time.perf_counter()
    try:
        async with http.post(f"{url}/predict", data=picture(), headers={"content-type": "image/png"}) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return Answer(asked, 0, time.perf_counter() - began, None, is_ours=False)
    said = response.headers.get("retry-after")
    took = time.perf_counter() - began
    return Answer(asked, response.status, took, None if said is None else int(said), _is_ours(response.status, body))


def _is_ours(code: int, body: bytes) -> bool:
    with suppress(ValueError):
        return code == 200 or bool(ErrorAnswer.model_validate_json(body))
    return False


async def idle_connections(url: str, connections: int, seconds: float) -> Phase:
    """One client asks, beside so many connections that are open and say nothing."""
    place = urlsplit(url)
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            stack.callback(writer.close)
        return await crowd(url, 1, seconds)


@dataclass(frozen=True, slots=True)
class OverloadResult:
    """One client, many, very many, one again at once, and one beside connections that say nothing."""

    before_mb: Mapping[str, float]
    phases: Mapping[str, Phase]
    after_mb: Mapping[str, float]


async def overload(url: str, seconds: float, sizes: Sequence[int] = (50, 500)) -> OverloadResult:
    """All of it, on a service that is warm."""
    short = min(seconds, 5.0)
    await crowd(url, 4, short)
    before_mb = memory_mb()
    phases = {"alone": await crowd(url, 1, short)}
    for size in sizes:
        phases[f"{size} clients"] = await crowd(url, size, seconds)
        phases[f"alone, at once after {size}"] = await crowd(url, 1, short)
    phases["alone, beside 500 idle connections"] = await idle_connections(url, 500, short)
    return OverloadResult(before_mb, phases, memory_mb())


def report(result: OverloadResult, before: Mapping[str, str]) -> str:
    """As Markdown."""
    places = {"engine": f"{REPLICAS} replicas of a stub, {SERVICE_S:g} s a call", "limits.max_requests": str(PLACES)}
    rows = []
    for name, phase in result.phases.items():
        rows.append(phase.cells(name))
        if phase.clients > 1:
            rows.append(phase.late().cells(f"{name}, second half"))
    memory = {
        "before": result.before_mb,
        **{f"most: {name}": phase.peak_mb for name, phase in result.phases.items()},
        "after all": result.after_mb,
    }
    heads = ("who asks", "answered 200", "a second", "p50 s", "p99 s", "refused 503", "p50 s", "p99 s")
    return document(
        "Overload",
        "Made by `python -m benchmarks.scaling.overload`. One client, 50 and 500 clients ask a Gateway for longer "
        "than it has places. A client that is refused comes again after the time in Retry-After. The clients run on "
        "the same cores as the service.",
        as_table({**before, **places}),
        table((*heads, "with Retry-After", "anything else"), rows),
        "Memory that a process has for itself alone (USS), in MB:",
        table(
            ("when", *result.before_mb),
            [(when, *(f"{used[part]:.0f}" for part in result.before_mb)) for when, used in memory.items()],
        ),
    )


def main(
    seconds: Annotated[float, typer.Option(help="For how long each crowd asks.")] = 40.0,
    out: Path = RESULTS / "overload.md",
) -> None:
    """Ask with one client, 50 and 500, and beside idle connections."""
    before = environment()
    with stub_cluster({"num_replicas": REPLICAS}, limits={"max_requests": PLACES}):
        result = asyncio.run(overload(URL, seconds))
    publish(report(result, before), out)


if __name__ == "__main__":
    command.run(main)
