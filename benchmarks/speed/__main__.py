"""Speed against what a user would run instead, side by side on this machine, as ratios: machines differ.

    python -m benchmarks.speed [--pages FOLDER ...] [--base CHECKOUT]    all of it, in one run
    python -m benchmarks.speed ours|others|served|base|report            one part of it, beside what is kept
    python -m benchmarks.speed check [--keep]                            whether ratios got worse

`--base` is a checkout of an earlier version with an environment of its own (`git worktree add`, `make setup`): it is
served too. Results are kept in results/speed.json and told in results/speed.md. What is measured and how is in
peers.py and served.py, what is made of it in report.py, and what is checked in check.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, ROOT, publish, read_parts, write_parts
from benchmarks.speed import check, peers, report
from benchmarks.speed.readers import OTHERS, OURS
from benchmarks.speed.served import measure_served
from engines.devices.openvino_device import half_precision
from evaluation.environment import environment, instructions
from evaluation.pages.ground_truth import GroundTruthPage

_MEASURED = ("ours", "others", "base", "served")


def measure(part: str, pages: Sequence[GroundTruthPage], base: Path | None) -> dict[str, Any]:
    """The figures of one part: scripts in a process each, or the ensemble as this or an earlier version serves it."""
    if part == "served":
        return asdict(measure_served(ROOT, pages, _tell, crowd=True))
    if part == "base":
        if base is None:
            raise typer.BadParameter("give --base CHECKOUT: an earlier version after `make setup`")
        return asdict(measure_served(base.resolve(), pages, _tell, crowd=False))
    names = OURS if part == "ours" else OTHERS
    return {"peers": [asdict(one) for one in peers.measured(names, pages, _tell)]}


def setting_of(part: str, base: Path | None) -> dict[str, str]:
    """What the figures of a part need beside them. The packages of an earlier version are in its own lock file."""
    now = {**environment(), "instructions": instructions()}
    if part != "base" or base is None:
        return {**now, "PaddleOCR's network computes in": half_precision()}
    commit = subprocess.run(
        ["git", "-C", str(base), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return {**{name: value for name, value in now.items() if name != "versions"}, "commit": commit}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(
    part: Annotated[Literal["all", "ours", "others", "served", "base", "report", "check"], typer.Argument()] = "all",
    pages: Annotated[list[Path] | None, typer.Option(help="Folder with truth; may be given several times.")] = None,
    base: Annotated[Path | None, typer.Option(help="Checkout of an earlier version to compare with.")] = None,
    each: Annotated[int, typer.Option(help="Test pages of each folder.")] = 2,
    out: Path = RESULTS / "speed.json",
    keep: Annotated[bool, typer.Option("--keep", help="check: keep the ratios as those to compare with.")] = False,
) -> None:
    """Measure, keep, tell; or check."""
    if part == "check":
        raise typer.Exit(check.compare(out, keep=keep))
    everything = [name for name in _MEASURED if name != "base" or base is not None]
    for name in everything if part == "all" else {part}.intersection(_MEASURED):
        before, began = setting_of(name, base), time.monotonic()
        figures = measure(name, peers.pages_of(pages or [], each), base)
        write_parts(out, {name: {"setting": before, "seconds": round(time.monotonic() - began), **figures}})
    publish(report.markdown(read_parts(out)), out.with_suffix(".md"))


if __name__ == "__main__":
    command.run(main)
