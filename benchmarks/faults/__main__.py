"""What the cluster survives: one thing after the other is broken under constant load, and everything is counted.

    python -m benchmarks.faults [--only NAME ...] [--namespaces] [--out benchmarks/results/faults.md]

benchmarks.faults.cluster is the cluster, benchmarks.faults.kinds what is broken and what is required meanwhile. Our
client asks the proxies of both workers in turn, a fixed number of requests a second, and retries as it always does.
With --namespaces the nodes are hosts with networks of their own; only then can the cable of one be pulled. Results of
earlier runs stay in the table, each with its commit, until the same fault is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.faults.cluster import DEADLINE_S, HOSTS, SERVICE_S, fault_cluster
from benchmarks.faults.kinds import FAULTS, PER_SECOND, Result, survive, take_down
from benchmarks.harness import command
from benchmarks.harness.constant_load import Outcome
from benchmarks.harness.results import RESULTS
from cluster.local.hosts import loopback_hosts, namespaced_hosts
from evaluation.environment import as_table, environment
from evaluation.markdown import document, records

Figures = Mapping[str, Any]
_COLUMNS = {"fault": "[fault]", "sent": "[sent]", "whole": "[whole]", "degraded, flagged": "[degraded]"}
_COLUMNS |= {"failed": "[failed]", "wrong or unflagged": "[wrong]", "in flight": "[in_flight]", "raw codes": "[codes]"}
_COLUMNS |= {"p99 s": "[p99_s]:.2f", "full strength s": "[recovery_s]:.0f", "required": "[required]", "run": "[where]"}


def figures_of(result: Result, where: str) -> Figures:
    """One fault, as it is kept. `told` is what failures said, the most frequent first."""
    load = result.load
    return {
        "fault": result.fault.name,
        "sent": len(load.requests),
        "whole": load[Outcome.ANSWERED],
        "degraded": load[Outcome.DEGRADED],
        "failed": load[Outcome.FAILED],
        "wrong": load[Outcome.WRONG] + load[Outcome.UNFLAGGED],
        "in_flight": load.in_flight(result.begun),
        "codes": ", ".join(f"{count} {code}" for code, count in sorted(load.codes.items())),
        "p99_s": round(load.p99_s(), 2),
        "recovery_s": round(result.recovery_s, 1),
        "problems": result.problems(),
        "told": load.messages(),
        "where": where,
    }


def rows_of(faults: Iterable[Figures]) -> str:
    """A table."""
    return records(_COLUMNS, [{**one, "required": "; ".join(one["problems"]) or "holds"} for one in faults])


def report(before: Mapping[str, str], rows: Sequence[Figures]) -> str:
    return document(
        "What the cluster survives",
        "Made by `python -m benchmarks.faults`. docs/faults.md says what each column means and what is required.\n"
        f"The load is {PER_SECOND:g} requests a second, each with a deadline of {DEADLINE_S:g} s. An engine takes "
        f"{SERVICE_S:g} s.",
        as_table(before),
        rows_of(rows),
    )


def _merged(kept: Path, new: Figures) -> list[Figures]:
    """The faults of earlier runs and this one, in their order; the new figures take the place of old ones."""
    known = {one["fault"]: one for one in (json.loads(kept.read_text()) if kept.exists() else [])} | {new["fault"]: new}
    order = [fault.name for fault in FAULTS]
    return sorted(known.values(), key=lambda one: order.index(one["fault"]) if one["fault"] in order else len(order))


def _results(only: Sequence[str], *, namespaces: bool) -> Iterator[Result]:
    chosen = [fault for fault in FAULTS if (not only or fault.name in only) and (namespaces or not fault.needs_cables)]
    with (
        namespaced_hosts(HOSTS) if namespaces else nullcontext(loopback_hosts(HOSTS)) as hosts,
        fault_cluster(hosts) as made,
    ):
        for fault in chosen:
            yield survive(made, fault)
        if not only:
            yield take_down(made)


def main(
    only: Annotated[list[str] | None, typer.Option(help="Name of a fault; may be given several times.")] = None,
    namespaces: Annotated[bool, typer.Option("--namespaces", help="Hosts with networks; needs root.")] = False,
    out: Path = RESULTS / "faults.md",
) -> None:
    """Break one thing after the other under constant load, and count what becomes of every request."""
    before = environment()
    where = f"{before['commit']}, {'namespaces' if namespaces else 'loopback'}, load {before['load before']}"
    kept = out.with_suffix(".json")
    for result in _results(only or (), namespaces=namespaces):
        new = figures_of(result, where)
        print(rows_of([new]).splitlines()[-1], flush=True)
        rows = _merged(kept, new)  # at once: a run that is cut short has not been for nothing
        kept.write_text(json.dumps(rows, indent=1) + "\n")
        out.write_text(report(before, rows))


if __name__ == "__main__":
    command.run(main)
