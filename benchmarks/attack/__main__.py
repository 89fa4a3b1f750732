"""Every kind of hostile caller in turn, against a service of its own on loopback, and what others meet meanwhile.

    python -m benchmarks.attack [--only WORD ...] [--seconds 10] [--out benchmarks/results/attack.md] [--resume]

What is promised holds for each of them: `/ready` is answered within 0.5 s (99th percentile), a small page of another
caller takes at most twice its usual time and is never refused, the Gateway's memory is within a tenth of what it was
one minute later at the latest, and no replica is replaced. The usual time is measured anew right before each caller, so
that whatever else runs on the machine is in both, and when the caller before has left nothing to do. Ends with 1 where
something does not hold.

The report is written after each caller. What was measured is kept beside it until the run is complete, and `--resume`
goes on with the callers that are missing.
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
from pathlib import Path
from typing import Any

import httpx

from benchmarks.attack.bystander import Seen, gateway_mb, replicas, watching
from benchmarks.attack.hostile_callers import LEAVES_S, HostileCaller, hostile_callers
from benchmarks.attack.outcomes import MORE_MEMORY, KeptOutcomes, Outcome, report
from benchmarks.harness.results import RESULTS
from benchmarks.harness.serving import URL, served
from evaluation.environment import environment

_CALM_S = 60.0
_WARM_UP_S = 15.0
_USUAL_S = 5.0
_CALM = 1.3


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
        async with asyncio.timeout(seconds + LEAVES_S + 60.0):
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
    while (memory := gateway_mb() / before_mb) > MORE_MEMORY and time.monotonic() < until:
        time.sleep(1.0)
    return memory


@contextmanager
def kept_apart() -> Iterator[None]:
    """What the service keeps, jobs of these callers above all, is in a folder of its own and goes with it."""
    with tempfile.TemporaryDirectory(prefix="quorum-attack-") as folder:
        os.environ["STATE_DIR"] = folder
        yield


def measured(
    chosen: Sequence[HostileCaller], seconds: float, kept: KeptOutcomes, out: Path, before: dict[str, str]
) -> list[Outcome]:
    """All of them, also those that an interrupted run has measured. The report is written after each."""
    outcomes = kept.before()
    known = {outcome.name for outcome in outcomes}
    left = [caller for caller in chosen if caller.name not in known]
    with kept_apart(), served():
        quiet = asyncio.run(usual(_WARM_UP_S))
        usual_times = {
            "/ready, usual p99": f"{quiet.ready_p99_s:.3f} s",
            "a small page, usual p50": f"{quiet.page_p50_s:.2f} s, {len(quiet.page_s)} pages",
        }
        began = time.monotonic()
        for number, caller in enumerate(left, 1):
            outcomes.append(attacked(caller, seconds, quiet))
            kept.add(outcomes[-1])
            out.write_text(report(outcomes, len(chosen), {**before, **usual_times}, seconds, _USUAL_S))
            gone_min = (time.monotonic() - began) / 60.0
            left_min = gone_min / number * (len(left) - number)
            told = f"[{len(outcomes)} of {len(chosen)}, {gone_min:.1f} min, about {left_min:.0f} left]"
            print(told, outcomes[-1].row(), file=sys.stderr, flush=True)
    return outcomes


def main() -> int:
    """Attack, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--only", action="extend", nargs="+", default=[], help="callers whose name has this word")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each caller works")
    parser.add_argument("--out", type=Path, default=RESULTS / "attack.md")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was interrupted")
    arguments = parser.parse_args()
    chosen = [
        caller
        for caller in hostile_callers()
        if not arguments.only or any(word in caller.name for word in arguments.only)
    ]
    before = environment()
    run = {"commit": before["commit"], "seconds": arguments.seconds, "callers": [caller.name for caller in chosen]}
    kept = KeptOutcomes(arguments.out.with_suffix(".partial.jsonl"), run)
    if not arguments.resume:
        kept.begin()
    outcomes = measured(chosen, arguments.seconds, kept, arguments.out, before)
    kept.remove()
    print(arguments.out.read_text())
    return 0 if all(outcome.holds for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
