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

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from benchmarks.harness.closed_loop import many_connections
from benchmarks.harness.memory_line import own_memory
from benchmarks.harness.percentiles import percentile
from benchmarks.harness.results import RESULTS
from benchmarks.harness.stub_cluster import SERVICE_S, URL, picture, stub_cluster
from evaluation.environment import as_table, setting
from ocr.contract import ErrorAnswer

REPLICAS, PLACES = 4, 32
_PARTS = {"ProxyActor": "proxy", "Gateway": "Gateway", "Router": "Router"}
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `asked` is when, since the crowd came; `told_s` its Retry-After, None without; `is_ours`: it has the
    form of the contract.
    """

    asked: float
    code: int
    seconds: float
    told_s: int | None
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """What so many clients met, and the most memory that each part took meanwhile."""

    clients: int
    seconds: float
    answers: tuple[Answer, ...]
    most_mb: dict[str, float]

    def of(self, code: int) -> list[float]:
        """How long each answer with this code took, sorted."""
        return sorted(answer.seconds for answer in self.answers if answer.code == code)

    def late(self) -> Crowd:
        """What was asked in the second half of the time, when the first rush is over."""
        half = self.seconds / 2.0
        late = tuple(answer for answer in self.answers if answer.asked >= half)
        return Crowd(self.clients, half, late, self.most_mb)

    @property
    def codes(self) -> Counter[int]:
        return Counter(answer.code for answer in self.answers)


def memory_mb() -> dict[str, float]:
    """Of each part that a request passes before it is accepted."""
    own = own_memory()
    return {shown: own.get(part, 0.0) for part, shown in _PARTS.items()}


async def crowd(url: str, clients: int, seconds: float) -> Crowd:
    """So many clients ask for so long, each at least once. Raises nothing: a connection that breaks has the code 0."""
    answers: list[Answer] = []

    async def client(http: aiohttp.ClientSession, until: float) -> None:
        while True:
            answers.append(answer := await _ask(http, url, seconds - (until - time.monotonic())))
            if answer.code != 200:
                await asyncio.sleep(min(answer.told_s or 1.0, max(0.0, until - time.monotonic())))
            if time.monotonic() >= until:
                return

    async with many_connections(timeout_s=120.0) as http:
        until = time.monotonic() + seconds
        watching = asyncio.create_task(_most_memory(until))
        await asyncio.gather(*(client(http, until) for _ in range(clients)))
    return Crowd(clients, seconds, tuple(answers), await watching)


async def _ask(http: aiohttp.ClientSession, url: str, asked: float) -> Answer:
    began = time.perf_counter()
    try:
        async with http.post(f"{url}/predict", data=picture(), headers={"content-type": "image/png"}) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return Answer(asked, 0, time.perf_counter() - began, None, is_ours=False)
    told = response.headers.get("retry-after")
    took = time.perf_counter() - began
    return Answer(asked, response.status, took, None if told is None else int(told), _is_ours(response.status, body))


def _is_ours(code: int, body: bytes) -> bool:
    if code == 200:
        return True
    try:
        ErrorAnswer.model_validate_json(body)
    except ValueError:
        return False
    return True


async def _most_memory(until: float) -> dict[str, float]:
    most = await asyncio.to_thread(memory_mb)
    while time.monotonic() < until:
        await asyncio.sleep(_LOOK_EVERY_S)
        most = {part: max(most[part], now) for part, now in (await asyncio.to_thread(memory_mb)).items()}
    return most


async def idle_connections(url: str, connections: int, seconds: float) -> Crowd:
    """One client asks, beside so many connections that are open and say nothing."""
    place = urlsplit(url)
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            stack.callback(writer.close)
        return await crowd(url, 1, seconds)


@dataclass(frozen=True, slots=True)
class Story:
    """One client, many, very many, one again at once, and one beside connections that say nothing."""

    before_mb: dict[str, float]
    crowds: dict[str, Crowd]
    after_mb: dict[str, float]


async def story(url: str, seconds: float, sizes: Sequence[int] = (50, 500)) -> Story:
    """All of it, on a service that is warm."""
    await crowd(url, 4, min(seconds, 5.0))
    before_mb = memory_mb()
    crowds = {"alone": await crowd(url, 1, min(seconds, 5.0))}
    for size in sizes:
        crowds[f"{size} clients"] = await crowd(url, size, seconds)
        crowds[f"alone, at once after {size}"] = await crowd(url, 1, min(seconds, 5.0))
    crowds["alone, beside 500 idle connections"] = await idle_connections(url, 500, min(seconds, 5.0))
    return Story(before_mb, crowds, memory_mb())


def report(told: Story, before: dict[str, str]) -> str:
    """As Markdown."""
    places = {"engine": f"{REPLICAS} replicas of a stub, {SERVICE_S:g} s a call", "limits.max_requests": str(PLACES)}
    rows = []
    for name, crowd in told.crowds.items():
        rows.append(_row(name, crowd))
        if crowd.clients > 1:
            rows.append(_row(f"{name}, second half", crowd.late()))
    parts = list(told.before_mb)
    memory = [
        ("before", told.before_mb),
        *((f"most: {name}", crowd.most_mb) for name, crowd in told.crowds.items()),
        ("after all", told.after_mb),
    ]
    return "\n".join(
        [
            "# Overload",
            "",
            "Made by `python -m benchmarks.scaling.overload`; what is measured and how stands in that file.",
            "",
            as_table({**before, **places}),
            "",
            "| who asks | answered 200 | a second | p50 s | p99 s | refused 503 | p50 s | p99 s | with Retry-After "
            "| anything else |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "Memory in MB:",
            "",
            f"| when | {' | '.join(parts)} |",
            "|---|" + "---|" * len(parts),
            *(f"| {when} | {' | '.join(f'{used[part]:.0f}' for part in parts)} |" for when, used in memory),
            "",
        ]
    )


def _row(name: str, crowd: Crowd) -> str:
    accepted, refused = crowd.of(200), crowd.of(503)
    patient = sum(answer.code == 503 and answer.told_s is not None and answer.is_ours for answer in crowd.answers)
    others = {code: count for code, count in crowd.codes.items() if code not in (200, 503)}
    return (
        f"| {name} | {len(accepted)} | {len(accepted) / crowd.seconds:.1f} | {_percent(accepted, 50)} "
        f"| {_percent(accepted, 99)} | {len(refused)} | {_percent(refused, 50)} | {_percent(refused, 99)} "
        f"| {patient} | {others or 0} |"
    )


def _percent(times: Sequence[float], percent: int) -> str:
    return f"{percentile(times, percent):.3f}" if times else ""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=40.0, help="For how long each crowd asks.")
    parser.add_argument("--out", type=Path, default=RESULTS / "overload.md")
    arguments = parser.parse_args()
    before = setting()
    with stub_cluster({"num_replicas": REPLICAS}, limits={"max_requests": PLACES}):
        told = asyncio.run(story(URL, arguments.seconds))
    text = report(told, before)
    print(text)
    arguments.out.write_text(text)


if __name__ == "__main__":
    main()
