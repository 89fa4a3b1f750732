"""What the cluster survives: one thing after the other is broken under constant load, and everything is counted.

    python -m benchmarks.faults [--only NAME ...] [--namespaces] [--out benchmarks/results/faults.md]

benchmarks.faults.cluster is the cluster, benchmarks.faults.kinds what is broken and what is required meanwhile. Our
client asks the proxies of both workers in turn, a fixed number of requests a second, and retries as it always does.
With --namespaces the nodes are hosts with networks of their own; only then can the cable of one be pulled. Results of
earlier runs stay in the table, each with its commit, until the same fault is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.faults.cluster import DEADLINE_S, HOSTS, SERVICE_S, fault_cluster
from benchmarks.faults.kinds import FAULTS, PER_SECOND, Result, survive, take_down
from benchmarks.harness import command
from benchmarks.harness.constant_load import Outcome
from benchmarks.harness.results import RESULTS
from cluster.local.hosts import in_namespaces, on_loopback
from evaluation.environment import as_table, environment
from evaluation.markdown import page, row, table


@dataclass(frozen=True, slots=True)
class Row:
    """One fault in the table."""

    fault: str
    sent: int
    whole: int
    degraded: int
    failed: int
    wrong: int
    in_flight: int
    codes: str
    p99_s: float
    recovery_s: float
    problems: tuple[str, ...]
    told: tuple[str, ...]
    """What failures on the wire and for the client said, the most frequent first."""
    where: str

    @classmethod
    def of(cls, result: Result, where: str) -> Row:
        met = result.load
        return cls(
            result.fault.name,
            len(met.requests),
            met[Outcome.ANSWERED],
            met[Outcome.DEGRADED],
            met[Outcome.FAILED],
            met[Outcome.WRONG] + met[Outcome.UNFLAGGED],
            met.in_flight(result.begun),
            ", ".join(f"{count} {code}" for code, count in sorted(met.codes.items())),
            round(met.p99_s(), 2),
            round(result.recovery_s, 1),
            tuple(result.problems()),
            met.messages(),
            where,
        )

    def cells(self) -> tuple[object, ...]:
        numbers = (self.sent, self.whole, self.degraded, self.failed, self.wrong, self.in_flight)
        verdict = "; ".join(self.problems) or "holds"
        return (self.fault, *numbers, self.codes, f"{self.p99_s:.2f}", f"{self.recovery_s:.0f}", verdict, self.where)


_HEADS = (
    *("fault", "sent", "whole", "degraded, flagged", "failed", "wrong or unflagged", "in flight", "raw codes"),
    *("p99 s", "full strength s", "required", "run"),
)


def report(before: Mapping[str, str], rows: Sequence[Row]) -> str:
    return page(
        "What the cluster survives",
        "Made by `python -m benchmarks.faults`; what each column means and what is required: docs/faults.md.\n"
        f"{PER_SECOND:g} requests a second with a deadline of {DEADLINE_S:g} s; an engine takes {SERVICE_S:g} s.",
        as_table(before),
        table(_HEADS, [one.cells() for one in rows]),
    )


def _merged(kept: Path, new: Sequence[Row]) -> list[Row]:
    """The rows of earlier runs and these, in the order of the faults; a new row takes the place of an old one."""
    read = json.loads(kept.read_text()) if kept.exists() else []
    known = [Row(**{**one, "problems": tuple(one["problems"]), "told": tuple(one["told"])}) for one in read]
    rows = {one.fault: one for one in (*known, *new)}
    order = [fault.name for fault in FAULTS]
    return sorted(rows.values(), key=lambda one: order.index(one.fault) if one.fault in order else len(order))


def _results(only: Sequence[str], *, namespaces: bool) -> Iterator[Result]:
    chosen = [fault for fault in FAULTS if (not only or fault.name in only) and (namespaces or not fault.needs_cables)]
    with in_namespaces(HOSTS) if namespaces else nullcontext(on_loopback(HOSTS)) as hosts, fault_cluster(hosts) as made:
        for fault in chosen:
            yield survive(made, fault)
        if not only:
            yield take_down(made)


def main(
    only: Annotated[list[str] | None, typer.Option(help="Name of a fault; may be given several times.")] = None,
    namespaces: Annotated[
        bool, typer.Option("--namespaces", help="Hosts with networks of their own; needs root.")
    ] = False,
    out: Path = RESULTS / "faults.md",
) -> None:
    """Break one thing after the other under constant load, and count what becomes of every request."""
    before = environment()
    where = f"{before['commit']}, {'namespaces' if namespaces else 'loopback'}, load {before['load before']}"
    kept = out.with_suffix(".json")
    for result in _results(only or (), namespaces=namespaces):
        new = Row.of(result, where)
        print(row(new.cells()), flush=True)
        rows = _merged(kept, [new])  # at once: a run that is cut short has not been for nothing
        kept.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")
        out.write_text(report(before, rows))


if __name__ == "__main__":
    command.run(main)
