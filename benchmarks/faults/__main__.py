"""What the cluster survives: one thing after the other is broken under constant load, and everything is counted.

    python -m benchmarks.faults [--only NAME ...] [--namespaces] [--out benchmarks/results/faults.md]

benchmarks.faults.fault_scene is the cluster, benchmarks.faults.fault_kinds what is broken and what is required
meanwhile. Our client asks the proxies of both workers in turn, a fixed number of requests a second, and retries as it
always does. With --namespaces the nodes are hosts with networks of their own; only then can the cable of one be pulled.
Results of earlier runs stay in the table, each with its commit, until the same fault is made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.faults.fault_kinds import FAULTS, PER_SECOND, Result, survive, take_down
from benchmarks.faults.fault_scene import DEADLINE_S, HOSTS, SERVICE_S, scene
from benchmarks.harness.load import Outcome
from benchmarks.harness.results import RESULTS
from cluster.local.hosts import Host, in_namespaces, on_loopback
from evaluation.environment import as_table, setting


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
        account = result.account
        return cls(
            result.fault.name,
            len(account.asked),
            account[Outcome.ANSWERED],
            account[Outcome.DEGRADED],
            account[Outcome.FAILED],
            account[Outcome.WRONG] + account[Outcome.UNFLAGGED],
            account.in_flight(result.begun),
            ", ".join(f"{count} {code}" for code, count in sorted(account.codes.items())),
            round(account.p99_s(), 2),
            round(result.recovery_s, 1),
            tuple(result.problems()),
            account.told(),
            where,
        )

    def __str__(self) -> str:
        numbers = (self.sent, self.whole, self.degraded, self.failed, self.wrong, self.in_flight)
        told = "; ".join(self.problems) or "holds"
        cells = (self.fault, *numbers, self.codes, f"{self.p99_s:.2f}", f"{self.recovery_s:.0f}", told, self.where)
        return f"| {' | '.join(map(str, cells))} |"


_HEAD = (
    "| fault | sent | whole | degraded, flagged | failed | wrong or unflagged | in flight | raw codes | p99 s "
    "| full strength s | required | run |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def report(before: dict[str, str], rows: Sequence[Row]) -> str:
    return "\n".join(
        [
            "# What the cluster survives",
            "",
            "Made by `python -m benchmarks.faults`; what each column means and what is required: docs/faults.md.",
            f"{PER_SECOND:g} requests a second with a deadline of {DEADLINE_S:g} s; an engine takes {SERVICE_S:g} s.",
            "",
            as_table(before),
            "",
            _HEAD,
            *map(str, rows),
            "",
        ]
    )


def _merged(kept: Path, new: Sequence[Row]) -> list[Row]:
    """The rows of earlier runs and these, in the order of the faults; a new row takes the place of an old one."""
    read = json.loads(kept.read_text()) if kept.exists() else []
    known = [Row(**{**row, "problems": tuple(row["problems"]), "told": tuple(row["told"])}) for row in read]
    rows = {row.fault: row for row in (*known, *new)}
    order = [fault.name for fault in FAULTS]
    return sorted(rows.values(), key=lambda row: order.index(row.fault) if row.fault in order else len(order))


def main() -> None:
    """Break, count, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--only", nargs="*", help="names of faults")
    parser.add_argument("--namespaces", action="store_true", help="hosts with networks of their own; needs root")
    parser.add_argument("--out", type=Path, default=RESULTS / "faults.md")
    arguments = parser.parse_args()
    before = setting()
    where = f"{before['commit']}, {'namespaces' if arguments.namespaces else 'loopback'}, load {before['load before']}"
    kept = arguments.out.with_suffix(".json")
    for result in _results(arguments.only, namespaces=arguments.namespaces):
        new = Row.of(result, where)
        print(new, flush=True)
        rows = _merged(kept, [new])  # at once: a run that is cut short has not been for nothing
        kept.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
        arguments.out.write_text(report(before, rows))


def _results(only: Sequence[str] | None, *, namespaces: bool) -> Iterator[Result]:
    chosen = [fault for fault in FAULTS if (not only or fault.name in only) and (namespaces or not fault.needs_cables)]
    with _hosts(namespaces=namespaces) as hosts, scene(hosts) as stage:
        for fault in chosen:
            yield survive(stage, fault)
        if not only:
            yield take_down(stage)


@contextmanager
def _hosts(*, namespaces: bool) -> Iterator[Sequence[Host]]:
    if namespaces:
        with in_namespaces(HOSTS) as hosts:
            yield hosts
    else:
        yield on_loopback(HOSTS)


if __name__ == "__main__":
    main()
