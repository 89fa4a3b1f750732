"""What the cluster survives: one thing after the other is broken under constant load, and everything is counted.

    python -m benchmarks.faults [--only WORDS ...] [--no-pairs] [--no-namespaces] [--out benchmarks/results/faults.md]

benchmarks.faults.cluster is the cluster, benchmarks.faults.fault says what is required of it. Our client asks the
proxies of the workers in turn, a fixed number of requests a second, and retries as it always does. Where this machine
allows it the nodes are hosts with networks of their own; only then can the cable of one be pulled. Results of earlier
runs stay in the table, each with its commit, until the same fault is made again.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.faults.cluster import DEADLINE_S, SERVICE_S, TWO, FaultCluster, Setting, fault_cluster
from benchmarks.faults.fault import PER_SECOND, Fault, Result, survive
from benchmarks.faults.kinds import CHANGES, DEATHS, ENGINE_FAULTS, STOPPED, take_down
from benchmarks.faults.pairs import TWO_FAULTS
from benchmarks.faults.surroundings import SURROUNDINGS
from benchmarks.harness import command
from benchmarks.harness.constant_load import Outcome
from benchmarks.harness.results import RESULTS
from cluster.local.hosts import loopback_hosts, namespaced_hosts, why_no_namespaces
from evaluation.environment import as_table, environment
from evaluation.markdown import document, records

Figures = Mapping[str, Any]
SINGLE = (*DEATHS, *STOPPED, *ENGINE_FAULTS, *CHANGES, *SURROUNDINGS)
_COLUMNS = {"fault": "[fault]", "sent": "[sent]", "whole": "[whole]", "degraded, flagged": "[degraded]"}
_COLUMNS |= {"failed": "[failed]", "wrong or unflagged": "[wrong]", "in flight": "[in_flight]", "raw codes": "[codes]"}
_COLUMNS |= {"p99 s": "[p99_s]:.2f", "slowest s": "[slowest]", "full strength s": "[recovery_s]:.0f"}
_COLUMNS |= {"required": "[required]", "run": "[where]"}


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
        "slowest_s": round(load.slowest_s(), 1),
        "recovery_s": round(result.recovery_s, 1),
        "problems": result.problems(),
        "told": load.messages(),
        "where": where,
    }


def rows_of(faults: Iterable[Figures]) -> str:
    """A table. The slowest answer of the oldest runs was not kept."""
    return records(
        _COLUMNS,
        [
            {**one, "required": "; ".join(one["problems"]) or "holds", "slowest": one.get("slowest_s", "")}
            for one in faults
        ],
    )


def report(before: Mapping[str, str], rows: Sequence[Figures]) -> str:
    pairs = {fault.name for fault in TWO_FAULTS}
    return document(
        "What the cluster survives",
        "Made by `make faults`. docs/faults.md says what each row and column means and what is required.\n"
        f"The load is {PER_SECOND:g} requests a second, each with a deadline of {DEADLINE_S:g} s. An engine takes "
        f"{SERVICE_S:g} s.",
        as_table(before),
        "## One fault\n\nTwo workers, unless the row is about a disk or a clock.",
        rows_of(row for row in rows if row["fault"] not in pairs),
        "## Two faults\n\nOne within 2 s of the other on three workers; two nodes within 15 s of five.",
        rows_of(row for row in rows if row["fault"] in pairs),
    )


def _merged(kept: Path, new: Figures) -> list[Figures]:
    """The faults of earlier runs and this one, in their order; the new figures take the place of old ones."""
    known = {one["fault"]: one for one in (json.loads(kept.read_text()) if kept.exists() else [])} | {new["fault"]: new}
    order = [fault.name for fault in (*SINGLE, *TWO_FAULTS)]
    return sorted(known.values(), key=lambda one: order.index(one["fault"]) if one["fault"] in order else len(order))


def chosen(only: Sequence[str], *, pairs: bool, namespaces: bool) -> Iterator[Fault]:
    """The faults whose names have one of these words in them; what cannot be made here is said and left out."""
    for fault in (*SINGLE, *(TWO_FAULTS if pairs else ())):
        if only and not any(words in fault.name for words in only):
            continue
        no_cables = "it needs hosts with networks" if fault.needs_cables and not namespaces else ""
        why_not = fault.setting.why_not() or fault.why_not() or no_cables
        if why_not:
            print(f"left out: {fault.name}: {why_not}", flush=True)
        else:
            yield fault


@contextmanager
def _made(setting: Setting, *, namespaces: bool) -> Iterator[FaultCluster]:
    count = setting.hosts
    with (
        namespaced_hosts(count) if namespaces else nullcontext(loopback_hosts(count)) as hosts,
        fault_cluster(hosts, setting) as made,
    ):
        yield made


def _results(faults: Iterable[Fault], *, to_the_end: bool, namespaces: bool) -> Iterator[Result]:
    """What comes of each, on one cluster for all of the same setting, and another one after a fault that it did not
    survive; `to_the_end`: then it is taken down.
    """
    in_order = sorted(faults, key=lambda fault: repr(fault.setting))
    for setting, of_setting in groupby(in_order, key=lambda fault: fault.setting):
        left = deque(of_setting)
        while left:
            with _made(setting, namespaces=namespaces) as cluster:
                broken = False
                while left and not broken:
                    result = survive(cluster, left.popleft())
                    broken = bool(result.broken)
                    yield result
                if to_the_end and setting == TWO and not broken:
                    yield take_down(cluster)


def main(
    only: Annotated[list[str] | None, typer.Option(help="Words of a fault's name; may be given several times.")] = None,
    pairs: Annotated[bool, typer.Option(help="Two faults at once too; more than an hour.")] = True,
    namespaces: Annotated[bool | None, typer.Option(help="Hosts with networks; needs root.")] = None,
    out: Path = RESULTS / "faults.md",
) -> None:
    """Break one thing after the other under constant load, and count what becomes of every request."""
    if namespaces is None:
        why_not = why_no_namespaces()
        namespaces = not why_not
        print(f"hosts with networks of their own: {why_not or 'yes'}", flush=True)
    before = environment()
    where = f"{before['commit']}, {'namespaces' if namespaces else 'loopback'}, load {before['load before']}"
    kept = out.with_suffix(".json")
    faults = chosen(only or (), pairs=pairs, namespaces=namespaces)
    for result in _results(faults, to_the_end=not only, namespaces=namespaces):
        new = figures_of(result, where)
        print(rows_of([new]).splitlines()[-1], flush=True)
        rows = _merged(kept, new)  # at once: a run that is cut short has not been for nothing
        kept.write_text(json.dumps(rows, indent=1) + "\n")
        out.write_text(report(before, rows))


if __name__ == "__main__":
    command.run(main)
