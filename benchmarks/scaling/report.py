"""What benchmarks/scaling/__main__.py measured, as a page and two pictures. Nothing here is measured, and nothing is
decided but by the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import quantiles
from typing import Any

from evaluation.environment import as_table
from evaluation.markdown import document, records, table

LINEAR = 0.9
"""Of the throughput of one replica, times the replicas: less is a bend."""

BUSY = 0.7
"""Of the time; more, and what arrives unevenly waits."""

_WANTED_PAGES_S = 1000

_STEPS = {"way to ask": "[path]", "replicas": "[replicas]", "clients": "[clients]", "answers/s": "[per_second]:.1f"}
_STEPS |= {"linear": "[linear]:.2f", "p50 ms": "[p50_ms]:.0f", "p99 ms": "[p99_ms]:.0f", "failed": "[failed]"}
_STEPS |= {"cores busy": "[busy]:.2f"}
_PARTS = ("load", "proxy", "Gateway", "Router", "Segmentation", "engine", "controller", "Ray")

Figures = Mapping[str, Any]


def efficiency(step: Figures, steps: Sequence[Figures]) -> float:
    """Throughput over what as many single replicas would make, on the same way to ask."""
    [first] = [other for other in steps if other["path"] == step["path"] and other["replicas"] == 1]
    return float(step["per_second"] / (first["per_second"] * step["replicas"]))


def bend(path: str, steps: Sequence[Figures]) -> Figures | None:
    """The first step on this way that is not linear any more."""
    return next((step for step in _along(path, steps) if efficiency(step, steps) < LINEAR), None)


def _most_linear(path: str, steps: Sequence[Figures]) -> Figures:
    """The step with the most replicas that is still linear."""
    return [step for step in _along(path, steps) if efficiency(step, steps) >= LINEAR][-1]


def _along(path: str, steps: Sequence[Figures]) -> list[Figures]:
    """The steps on one way to ask, the fewest replicas first."""
    return sorted((step for step in steps if step["path"] == path), key=lambda step: step["replicas"])


def core_ms(step: Figures) -> dict[str, float]:
    """Processor time of each part for one request."""
    return {part: step["cores"].get(part, 0.0) * 1000.0 / step["per_second"] for part in _PARTS}


def throughput_section(figures: Figures) -> list[str]:
    steps = [
        {**step, "linear": efficiency(step, figures["steps"]), "busy": sum(step["cores"].values())}
        for step in figures["steps"]
    ]
    paths = list(dict.fromkeys(step["path"] for step in steps))
    return [
        "## Throughput",
        f"The stub engine sleeps {figures['service_s'] * 1000:.0f} ms a call, and a request makes one call. There are "
        "2 clients for each replica of the engine; each sends its next request when it has the answer. There is one "
        "Gateway, one Router, one Segmentation and one proxy. The clients run on the same cores. *Linear* is the "
        "throughput, divided by that of one replica times the number of replicas.",
        records(_STEPS, steps),
        "\n".join(_describe_bend(path, steps) for path in paths),
        "![Throughput over replicas](scaling.png)",
        "### Where the processor time goes",
        "Milliseconds of one core for one request, with the most replicas at which throughput is still linear.",
        table(
            ("way to ask", "replicas", *_PARTS, "together"), [_cost_cells(_most_linear(path, steps)) for path in paths]
        ),
    ]


def _describe_bend(path: str, steps: Sequence[Figures]) -> str:
    found = bend(path, steps)
    if found is None:
        return f"- **{path}**: linear up to the last step, {_along(path, steps)[-1]['replicas']} replicas."
    costly = sorted(core_ms(found).items(), key=lambda cost: -cost[1])[:3]
    listed = ", ".join(f"{part} {cost:.1f}" for part, cost in costly)
    return (
        f"- **{path}**: no longer linear at {found['replicas']} replicas ({efficiency(found, steps):.2f}). "
        f"{sum(found['cores'].values()):.2f} cores are busy there. The most core-ms of a request go to {listed}."
    )


def _cost_cells(step: Figures) -> list[object]:
    costs = core_ms(step)
    return [step["path"], step["replicas"], *(f"{ms:.1f}" for ms in costs.values()), f"{sum(costs.values()):.1f}"]


def autoscaling_section(figures: Figures) -> list[str]:
    answers, moments = figures["answers"], figures["moments"]
    times = sorted(answer["seconds"] for answer in answers)
    bounds = ", ".join(f"{name} {value:g}" for name, value in figures["bounds"].items())
    changes = [
        (f"{now['at']:.0f}", now["clients"], before["replicas"], now["replicas"])
        for before, now in pairwise(moments)
        if before["replicas"] != now["replicas"]
    ]
    return [
        "## Autoscaling under a burst and a lull",
        f"The same engine over HTTP. It may sleep, and requests wait for it (`at_zero: wait`). Settings: {bounds}.",
        f"{len(answers)} requests, **{sum(bool(answer['problem']) for answer in answers)} failed**; "
        f"p50 {quantiles(times, n=100)[49]:.2f} s, p99 {quantiles(times, n=100)[98]:.2f} s, "
        f"longest {times[-1]:.2f} s (the request that woke the engine).",
        table(("second", "clients", "replicas before", "after"), changes),
        "![Clients, replicas and times over the seconds](scaling-burst.png)",
    ]


def page_section(figures: Figures) -> list[str]:
    parts = {
        "Segmentation: decode, find lines, cut": figures["segmentation_ms"],
        "Router: five readings of each line to one": figures["router_ms"],
        "Gateway: the answer as JSON": figures["gateway_ms"],
    }
    return [
        f"## One page of {figures['lines']} lines",
        f"Milliseconds of one core, median of {figures['runs']} runs, without calls and HTTP. The answer has "
        f"{figures['answer_bytes'] / 1000:.0f} kB, the crops {figures['crops_bytes'] / 1e6:.1f} MB.",
        records({"part": "[0]", "core-ms a page": "[1]:.0f"}, parts.items()),
    ]


def carried(throughput: Figures, page: Figures) -> dict[str, float]:
    """Core-ms that one page of the sample costs one replica of each part: what it computes, and its calls.

    The calls are those of a request for one character over HTTP, as it was measured; there the Router calls
    Segmentation and one engine, for a page Segmentation and five, so its calls count three times.
    """
    calls = core_ms(_most_linear("HTTP", throughput["steps"]))
    return {
        "proxy": calls["proxy"],
        "Gateway": calls["Gateway"] + page["gateway_ms"],
        "Router": calls["Router"] * 3.0 + page["router_ms"],
        "Segmentation": calls["Segmentation"] + page["segmentation_ms"],
    }


def replicas_for(pages_per_second: float, core_ms_a_page: float) -> int:
    """Replicas of one core each, busy for `BUSY` of the time."""
    return ceil(pages_per_second * core_ms_a_page / 1000.0 / BUSY)


def controller_slope(steps: Sequence[Figures]) -> float:
    """Cores that one more replica costs Serve's controller, between the fewest and the most replicas."""
    first, *_, last = _along("engine handle", steps)
    more = last["cores"].get("controller", 0.0) - first["cores"].get("controller", 0.0)
    return float(more / (last["replicas"] - first["replicas"]))


def projection_section(figures: Figures) -> list[str]:
    cost = carried(figures["throughput"], figures["page"])
    needed = {part: replicas_for(_WANTED_PAGES_S, ms) for part, ms in cost.items()}
    slope = controller_slope(figures["throughput"]["steps"])
    limit = (
        f"{1.0 / slope:,.0f} replicas would fill the one core that it can use"
        if slope > 0.0
        else "it did not rise with the replicas that were measured"
    )
    crops_gb_s = figures["page"]["crops_bytes"] * 5 * _WANTED_PAGES_S / 1e9
    return [
        f"## Calculated: replicas for {_WANTED_PAGES_S:,} pages a second",
        "This was calculated from the tables above, not measured. The cost of a page is its own computation, and the "
        "calls of a request as measured for one character. The Router's calls count three times, because it calls five "
        f"engines instead of one. Each replica has one core and is busy {BUSY:.0%} of the time. Engines are not "
        "included, because how many lines a second a GPU reads was not measured.",
        table(
            ("part", "core-ms a page", "pages/s of one replica", "replicas"),
            [(part, f"{ms:.0f}", f"{1000.0 / ms:.1f}", f"{needed[part]:,}") for part, ms in cost.items()],
        ),
        "The next limit is Serve's controller, because there is only one. Each further replica cost it "
        f"{slope * 1000:.2f} thousandths of a core here; {limit}. Without the engines, {sum(needed.values()):,} "
        f"replicas are needed. When the five engines run on other nodes than Segmentation, {crops_gb_s:.1f} GB/s of "
        "pixels go between nodes.",
    ]


def markdown(figures: Figures) -> str:
    """The whole page."""
    sections = {"throughput": throughput_section, "autoscaling": autoscaling_section, "page": page_section}
    blocks = ["Made by `python -m benchmarks.scaling`: throughput over replicas, autoscaling, and what a page costs."]
    for part, section in sections.items():
        if part in figures:
            blocks += [*section(figures[part]), as_table(figures[part]["setting"])]
    if {"throughput", "page"} <= figures.keys():
        blocks += projection_section(figures)
    return document("Scaling", *blocks)


def write(figures: Figures, path: Path) -> None:
    """The page, and its pictures beside it."""
    path.write_text(markdown(figures))
    if "throughput" in figures:
        _draw_throughput(figures["throughput"], path.with_name("scaling.png"))
    if "autoscaling" in figures:
        _draw_burst(figures["autoscaling"], path.with_name("scaling-burst.png"))


def _draw_throughput(figures: Figures, path: Path) -> None:
    from matplotlib.figure import Figure

    steps = figures["steps"]
    drawn = Figure(figsize=(9, 4), layout="constrained")
    throughput, cores = drawn.subplots(1, 2)
    for name in dict.fromkeys(step["path"] for step in steps):
        along = _along(name, steps)
        replicas = [step["replicas"] for step in along]
        throughput.plot(replicas, [step["per_second"] for step in along], marker="o", label=name)
        cores.plot(replicas, [sum(step["cores"].values()) for step in along], marker="o", label=name)
    most = max(step["replicas"] for step in steps)
    throughput.plot([0, most], [0, most / figures["service_s"]], "k:", label="linear")
    throughput.set(xlabel="replicas of the engine", ylabel="answers a second")
    cores.set(xlabel="replicas of the engine", ylabel="cores busy, the load's included", ylim=(0, None))
    throughput.legend()
    drawn.savefig(path, dpi=110)


def _draw_burst(figures: Figures, path: Path) -> None:
    from matplotlib.figure import Figure

    moments, answers = figures["moments"], figures["answers"]
    at = [moment["at"] for moment in moments]
    drawn = Figure(figsize=(9, 5), layout="constrained")
    upper, lower = drawn.subplots(2, 1, sharex=True)
    upper.step(at, [moment["clients"] for moment in moments], where="post", label="clients", color="0.6")
    upper.step(at, [moment["replicas"] for moment in moments], where="post", label="replicas")
    upper.set(ylabel="at once", ylim=(0, None))
    upper.legend()
    good = [answer for answer in answers if not answer["problem"]]
    lower.plot([a["asked"] for a in good], [a["seconds"] for a in good], ".", markersize=3, label="answered")
    bad = [answer for answer in answers if answer["problem"]]
    if bad:
        lower.plot([a["asked"] for a in bad], [a["seconds"] for a in bad], "rx", label="failed")
    lower.set(xlabel="second", ylabel="seconds a request", yscale="log")
    lower.legend()
    drawn.savefig(path, dpi=110)
