"""Speed against what a user would run instead, side by side on this machine, as ratios: machines differ.

    python -m benchmarks.speed [--pages ../shared/data/pages/fondue ...]    all of it, in one run
    python -m benchmarks.speed ours|others|served|report                    one part of it, beside what is kept
    python -m benchmarks.speed check [--keep]                               whether ratios got worse

Results are kept in results/speed.json and told in results/speed.md. What is measured and how is in peers.py and
served.py, what is made of it in report.py, and what is checked in check.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish, read_parts, write_parts
from benchmarks.harness.serving import served
from benchmarks.speed import check, peers, report
from benchmarks.speed.readers import OTHERS, OURS
from benchmarks.speed.served import measure_served
from evaluation.environment import environment
from evaluation.pages.ground_truth import GroundTruthPage

_MEASURED = ("ours", "others", "served")


def measure(part: str, pages: Sequence[GroundTruthPage]) -> dict[str, Any]:
    """The figures of one part: scripts in a process each, or the served ensemble."""
    if part == "served":
        with served() as ready_s:
            return asdict(measure_served(ready_s, pages, _tell))
    names = OURS if part == "ours" else OTHERS
    return {"peers": [asdict(one) for one in peers.measured(names, pages, _tell)]}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(
    part: Annotated[Literal["all", "ours", "others", "served", "report", "check"], typer.Argument()] = "all",
    pages: Annotated[list[Path] | None, typer.Option(help="Folder with truth; may be given several times.")] = None,
    each: Annotated[int, typer.Option(help="Test pages of each folder.")] = 2,
    out: Path = RESULTS / "speed.json",
    keep: Annotated[bool, typer.Option("--keep", help="check: keep the ratios as those to compare with.")] = False,
) -> None:
    """Measure, keep, tell; or check."""
    if part == "check":
        raise typer.Exit(check.compare(out, keep=keep))
    for name in _MEASURED if part == "all" else {part}.intersection(_MEASURED):
        before, began = environment(), time.monotonic()
        figures = measure(name, peers.pages_of(pages or [], each))
        write_parts(out, {name: {"setting": before, "seconds": round(time.monotonic() - began), **figures}})
    publish(report.markdown(read_parts(out)), out.with_suffix(".md"))


if __name__ == "__main__":
    command.run(main)
