"""Where the time of one page goes, as a flame chart: what `explain` says of a page read by the five engines.

    python -m benchmarks.speed.profile_chart measure      read examples/page.png, write results/profile.json, draw
    python -m benchmarks.speed.profile_chart draw         draw docs/pictures/profile.png again from what was written

To measure starts `serve run serve_config.cpu.yaml` as a user would and takes the page of median time out of several.
Each row is within the one above it; engines read at the same time, so each has rows of its own. What the answer waited
for is drawn full, the rest pale. Times are milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, ROOT, read_parts, write_parts
from benchmarks.harness.serving import PAGE, URL, served
from evaluation.environment import environment
from ocr.contract import TimedPart, Timings
from quorum.client import Client

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EXACT_MS = 1e-3
_SHOWN_MS = 1.0
_LETTER = 0.0085  # of the whole width: parts that are narrower than their name go without it
_FINDING = dict.fromkeys(("decode", "clean", "find lines"), "#55a868")
_COLOURS = _FINDING | {"transfer": "#c44e52", "queue": "#dd8452", "batch wait": "#e5ae38", "inference": "#4c72b0"}
_COLOURS |= {"fusion": "#8172b3", "render": "#937860"}
_INNER = "#d5d8dc"  # of what has parts
_OTHERS = "#8c8c8c"


@dataclass(frozen=True, slots=True)
class Bar:
    """A part in its row, counted from above. `waited_for`: itself or something in it was."""

    part: TimedPart
    row: int
    has_parts: bool
    waited_for: bool


def bars(parts: Sequence[TimedPart], row: int = 0) -> list[Bar]:
    """Each part in the row below the one that it lies in; what ran at the same time has rows of its own."""
    placed: list[Bar] = []
    end_ms = 0.0
    for part, inner in _outermost(parts):
        if placed and part.start_ms < end_ms:
            row = 1 + max(bar.row for bar in placed)
        waited_for = part.critical or any(each.critical for each in inner)
        placed += [Bar(part, row, bool(inner), waited_for), *bars(inner, row + 1)]
        end_ms = part.start_ms + part.duration_ms - _EXACT_MS
    return placed


def _outermost(parts: Sequence[TimedPart]) -> list[tuple[TimedPart, Sequence[TimedPart]]]:
    """The parts that lie in none of the others, each with those that lie in it: all that follow and are deeper."""
    firsts = [at for at, part in enumerate(parts) if part.depth == parts[0].depth]
    return [(parts[at], parts[at + 1 : end]) for at, end in pairwise([*firsts, len(parts)])]


def measure(runs: int) -> Timings:
    """Of so many pages, the one of median time."""
    with served(), Client(URL) as client:
        client.read(PAGE, explain=True)
        read = [client.read(PAGE, explain=True).timings for _ in range(runs)]
    timed = sorted((timings for timings in read if timings is not None), key=lambda timings: timings.wall_ms)
    return timed[len(timed) // 2]


def draw(timings: Timings, path: Path) -> None:
    """The chart, and below it what the answer waited for."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 8), layout="constrained")
    flames, waited = drawn.subplots(2, 1, height_ratios=[3, 2])
    _draw_flames(flames, timings)
    _draw_waited(waited, timings)
    drawn.savefig(path, dpi=110)


def _draw_flames(axes: Axes, timings: Timings) -> None:
    placed = bars(timings.parts)
    for bar in placed:
        part = bar.part
        colour = _INNER if bar.has_parts else _COLOURS.get(part.name, _OTHERS)
        alpha = 1.0 if bar.waited_for else 0.35
        axes.barh(bar.row, part.duration_ms, left=part.start_ms, height=0.9, color=colour, alpha=alpha)
        if part.duration_ms > len(part.name) * _LETTER * timings.wall_ms:
            axes.text(part.start_ms + 0.003 * timings.wall_ms, bar.row, part.name, va="center", fontsize=8)
    axes.set(xlabel="ms since the request came", xlim=(0.0, timings.wall_ms), yticks=[])
    axes.invert_yaxis()
    axes.set_title(f"One page: {timings.wall_ms:.0f} ms; pale is what nobody waited for")


def _draw_waited(axes: Axes, timings: Timings) -> None:
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    for part in timings.parts:
        if part.critical:
            spent[part.name, part.where] += part.duration_ms
    shown = {key: ms for key, ms in spent.items() if ms >= _SHOWN_MS}
    rest_ms = timings.wall_ms - sum(shown.values())
    names = [*(f"{name}, {where}" for name, where in shown), f"all others, each below {_SHOWN_MS:g} ms"]
    colours = [*(_COLOURS.get(name, _OTHERS) for name, _ in shown), _OTHERS]
    drawn = axes.barh(names, [*shown.values(), rest_ms], color=colours, log=True)
    axes.bar_label(drawn, fmt="%.1f", padding=3, fontsize=8)
    axes.set(xlabel="ms that the answer waited for it (logarithmic); together they are the whole")
    axes.margins(x=0.1)
    axes.invert_yaxis()


def main(
    part: Annotated[Literal["measure", "draw"], typer.Argument()],
    runs: int = 7,
    results: Path = RESULTS / "profile.json",
    picture: Path = ROOT / "docs" / "pictures" / "profile.png",
) -> None:
    """Measure and draw, or only draw."""
    if part == "measure":
        before = environment()
        timings = measure(runs)
        write_parts(results, {"setting": before, "runs": runs, "timings": timings.model_dump(mode="json")})
    draw(Timings.model_validate(read_parts(results)["timings"]), picture)


if __name__ == "__main__":
    command.run(main)
