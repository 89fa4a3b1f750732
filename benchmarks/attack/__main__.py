"""Every kind of hostile caller in turn, against a service of its own on loopback, and what others meet meanwhile.

    python -m benchmarks.attack [--only WORD ...] [--seconds 10] [--out benchmarks/results/attack.md]

What is promised holds for each of them: `/ready` is answered within 0.5 s (99th percentile), a small page of another
caller takes at most twice its usual time and is never refused, the Gateway's memory is within a tenth of what it was
one minute later at the latest, and no replica is replaced. The usual time is measured anew right before each caller, so
that whatever else runs on the machine is in both, and when the caller before has left nothing to do. Ends with 1 where
something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.attack.bystander import Seen, gateway_mb, replicas, watching
from benchmarks.attack.hostile_callers import HostileCaller, hostile_callers
from benchmarks.harness.results import RESULTS
from benchmarks.harness.serving import URL, served
from evaluation.environment import as_table, environment

_READY_S = 0.5
_SLOWER = 2.0
_MORE_MEMORY = 1.1
_CALM_S = 60.0
_WARM_UP_S = 15.0
_USUAL_S = 5.0
_CALM = 1.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one hostile caller came to. `slower` is a small page's median over its usual one, `memory` the Gateway's
    size afterwards over before, when it had `_CALM_S` to give it back; `replaced` are deployments that lost a replica.
    `taken` are the cores that the caller itself took from the service.
    """

    name: str
    ready_p99_s: float
    slower: float
    pages: int
    refusals: tuple[str, ...]
    memory: float
    replaced: tuple[str, ...]
    usual_page_s: float
    taken: float

    @property
    def holds(self) -> bool:
        return (
            self.ready_p99_s <= _READY_S
            and self.slower <= _SLOWER
            and self.memory <= _MORE_MEMORY
            and not self.refusals
            and not self.replaced
        )

    def row(self) -> str:
        refused = f"{len(self.refusals)}: {self.refusals[0]}" if self.refusals else "0"
        return (
            f"| {self.name} | {self.ready_p99_s:.2f} | {self.slower:.2f} ({self.pages}) | {self.usual_page_s:.2f} | "
            f"{refused} | {self.memory:.2f} | {', '.join(self.replaced) or 'none'} | {self.taken:.2f} | "
            f"{'yes' if self.holds else '**no**'} |"
        )


async def under(caller: HostileCaller, seconds: float) -> tuple[Seen, float]:
    """What the bystander meets while this caller is at work, and how many cores that takes by itself."""
    host, port = URL.removeprefix("http://").split(":")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.attack.hostile_callers", caller.name, host, port, str(seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    async with watching(URL) as seen:
        process.stdin.write(b"begin\n")
        await process.stdin.drain()
        async with asyncio.timeout(seconds + 60.0):
            processor_s = float(await process.stdout.readline() or b"nan")
            await process.wait()
        while not seen.page_s:
            await asyncio.sleep(0.1)
    return seen, processor_s / seconds


async def usual(seconds: float = _USUAL_S) -> Seen:
    """What the bystander meets when nobody else is there."""
    async with watching(URL) as seen:
        await asyncio.sleep(seconds)
        while not seen.page_s:
            await asyncio.sleep(0.1)
    return seen


def calm(quiet: Seen) -> Seen:
    """What is usual, as soon as nothing of the caller before is at work any more, or after a minute."""
    until = time.monotonic() + _CALM_S
    while (seen := asyncio.run(usual())).page_p50_s > _CALM * quiet.page_p50_s and time.monotonic() < until:
        continue
    return seen


def attacked(caller: HostileCaller, seconds: float, quiet: Seen) -> Outcome:
    """One hostile caller, and what is left of it afterwards."""
    usual_page_s = calm(quiet).page_p50_s
    if not (before_mb := gateway_mb()):
        raise RuntimeError("there is no Gateway: it was lost before this caller came")
    lived = replicas()
    seen, taken = asyncio.run(under(caller, seconds))
    asyncio.run(cancelled_jobs(URL))
    memory = _settled_memory(before_mb)
    alive = replicas()
    return Outcome(
        caller.name,
        seen.ready_p99_s,
        seen.page_p50_s / usual_page_s,
        len(seen.page_s),
        tuple(seen.refusals),
        memory,
        tuple(sorted({part for pid, part in lived.items() if pid not in alive})),
        usual_page_s,
        taken,
    )


async def cancelled_jobs(url: str) -> None:
    """Cancel what a hostile caller has left to read: the next one is measured without it."""
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        listed: dict[str, Any] = {"next": ""}
        while listed["next"] is not None:
            before = {"before": listed["next"]} if listed["next"] else {}
            answer = await client.get("/jobs", params={"limit": "200", **before})
            if answer.status_code == 429:  # these requests count as the hostile caller's
                await asyncio.sleep(float(answer.headers["Retry-After"]))
                continue
            listed = answer.raise_for_status().json()
            for job in listed["jobs"]:
                if job["finished_at"] is None:
                    await client.delete(f"/jobs/{job['id']}")


def _settled_memory(before_mb: float) -> float:
    """The Gateway's memory over what it was, as soon as it is within bounds, or after a minute."""
    until = time.monotonic() + _CALM_S
    while (memory := gateway_mb() / before_mb) > _MORE_MEMORY and time.monotonic() < until:
        time.sleep(1.0)
    return memory


def report(outcomes: Sequence[Outcome], quiet: Seen, before: dict[str, str], seconds: float) -> str:
    holding = sum(outcome.holds for outcome in outcomes)
    summary = {
        **before,
        "kinds that hold": f"{holding} of {len(outcomes)}",
        "/ready, usual p99": f"{quiet.ready_p99_s:.3f} s",
        "a small page, usual p50": f"{quiet.page_p50_s:.2f} s, {len(quiet.page_s)} pages",
    }
    return "\n".join(
        [
            "# What others notice of one hostile caller",
            "",
            f"Made by `python -m benchmarks.attack`. Each hostile caller runs for {seconds:g} s. Its process has the",
            "lowest priority, because a real one would run on another machine and not take the service's processors.",
            "It takes some all the same: the table says how many cores, and what that costs others counts against the",
            "service.",
            "",
            "Meanwhile another caller, at another address, asks `/ready` ten times a second and reads",
            "examples/quick.png with two engines all the time. The service *holds* when all of this is true:",
            "",
            f"- `/ready` has a p99 of at most {_READY_S} s;",
            f"- a page takes at most {_SLOWER:g} times its usual time, measured {_USUAL_S:g} s right before, and none",
            "  is refused;",
            f"- within a minute, the Gateway's memory is at most {_MORE_MEMORY} times what it was;",
            "- no replica was replaced.",
            "",
            as_table(summary),
            "",
            "| hostile caller | /ready p99, s | page over usual (pages) | usual page, s | refused | memory | replaced "
            "| cores taken | holds |",
            "|---|---|---|---|---|---|---|---|---|",
            *(outcome.row() for outcome in outcomes),
            "",
        ]
    )


@contextmanager
def kept_apart() -> Iterator[None]:
    """What the service keeps, jobs of these callers above all, is in a folder of its own and goes with it."""
    with tempfile.TemporaryDirectory(prefix="quorum-attack-") as folder:
        os.environ["STATE_DIR"] = folder
        yield


def main() -> int:
    """Attack, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--only", action="extend", nargs="+", default=[], help="callers whose name has this word")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each caller works")
    parser.add_argument("--out", type=Path, default=RESULTS / "attack.md")
    arguments = parser.parse_args()
    chosen = [
        caller
        for caller in hostile_callers()
        if not arguments.only or any(word in caller.name for word in arguments.only)
    ]
    before = environment()
    outcomes = []
    with kept_apart(), served():
        quiet = asyncio.run(usual(_WARM_UP_S))
        for caller in chosen:
            outcomes.append(attacked(caller, arguments.seconds, quiet))
            print(outcomes[-1].row(), file=sys.stderr, flush=True)
    text = report(outcomes, quiet, before, arguments.seconds)
    arguments.out.write_text(text)
    print(text)
    return 0 if all(outcome.holds for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
