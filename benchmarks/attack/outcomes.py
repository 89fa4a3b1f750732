"""What hostile callers came to: held to what is promised, kept while the run goes on, and written as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.environment import as_table

READY_S = 0.5
SLOWER = 2.0
MORE_MEMORY = 1.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one hostile caller came to. `slower` is a small page's median over its usual one, `memory` the Gateway's
    size afterwards over before, when it had time to give it back; `replaced` are deployments that lost a replica.
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
            self.ready_p99_s <= READY_S
            and self.slower <= SLOWER
            and self.memory <= MORE_MEMORY
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


class KeptOutcomes:
    """The outcomes of a run in the file at `path`, a line of JSON each, so that a run that is interrupted goes on where
    it was. `run` says what has to be the same for that.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self._path = path
        self._run = dict(run)

    def before(self) -> list[Outcome]:
        """Those of a run that was interrupted. Raises ValueError where that was another one."""
        if not self._path.exists():
            self.begin()
            return []
        run, *kept = map(json.loads, self._path.read_text().splitlines())
        if run != self._run:
            raise ValueError(f"{self._path} is of another run: {run}; delete it, or leave --resume out")
        lists = ("refusals", "replaced")
        return [Outcome(**{**told, **{name: tuple(told[name]) for name in lists}}) for told in kept]

    def begin(self) -> None:
        """Forget what there is."""
        self._path.write_text(json.dumps(self._run) + "\n")

    def add(self, outcome: Outcome) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")

    def remove(self) -> None:
        """The run is complete."""
        self._path.unlink(missing_ok=True)


def report(outcomes: Sequence[Outcome], of: int, about: Mapping[str, str], seconds: float, usual_s: float) -> str:
    """The table of the callers that were measured, `of` so many. `about` says where and when, and what is usual."""
    held = sum(outcome.holds for outcome in outcomes)
    missing = "" if len(outcomes) == of else f"; {of - len(outcomes)} more are not measured"
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
            f"- `/ready` has a p99 of at most {READY_S} s;",
            f"- a page takes at most {SLOWER:g} times its usual time, measured {usual_s:g} s right before, and none",
            "  is refused;",
            f"- within a minute, the Gateway's memory is at most {MORE_MEMORY} times what it was;",
            "- no replica was replaced.",
            "",
            as_table({**about, "kinds that hold": f"{held} of {len(outcomes)}{missing}"}),
            "",
            "| hostile caller | /ready p99, s | page over usual (pages) | usual page, s | refused | memory | replaced "
            "| cores taken | holds |",
            "|---|---|---|---|---|---|---|---|---|",
            *(outcome.row() for outcome in outcomes),
            "",
        ]
    )
