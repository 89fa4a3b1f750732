"""What benchmarks/speed/__main__.py measured, as tables: who is how fast, and which of the figures wanted are met.

Nothing is measured here. Throughputs are compared within one run on one machine only. The bound is what the best
possible schedule could do: all cores at work on nothing but engines and segmentation, which take what they took alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.harness.timing import Times, percentile
from benchmarks.speed.readers import DEFAULTS, ONE_THREAD, SEGMENTATION, alone
from benchmarks.speed.served import ALL, BATCH, CASCADE, CNN
from deployments.config.schema import ENGINES
from evaluation.environment import as_table
from evaluation.markdown import document, records

Figures = Mapping[str, Any]

_BOUND = "the bound that the engines' own core-seconds give"
_SEVERAL = "several clients"
_TOO_LITTLE = 0.02
"""Core-seconds of a page below which a part is not told by itself."""
_PEERS = {"way": "[name]", "pages/s": "[pages_per_s]:.3f", "p50 s": "[p50_s]:.2f", "p95 s": "[p95_s]:.2f"}
_PEERS |= {"p99 s": "[p99_s]:.2f", "core-s a page": "[core_s]:.2f", "peak MB": "[peak_mb]:.0f", "CER %": "[cer]"}
_PEERS |= {"to load s": "[loading_s]:.1f"}
_ASKED = {"asked": "[name]", "min ms": "[least_s]:.1f", "p50 ms": "[p50_s]:.1f", "p95 ms": "[p95_s]:.1f"}
_ASKED |= {"p99 ms": "[p99_s]:.1f", "n": "[count]"}
_FLOWS = {"who asks": "[name]", "files": "[files]", "files/s": "[per_s]:.3f", "p50 s": "[times][p50_s]:.2f"}
_FLOWS |= {"p99 s": "[times][p99_s]:.2f", "core-s a file": "[cpu]:.2f", "CER %": "[cer]", "failed": "[failed]"}
_GOALS = {"ratio": ".name", "wanted": ".bound", "measured": ".came", "of processor time": ".of_processor"}
_GOALS |= {"met": ".verdict"}
_TITLES = {"ours": "Our engines in plain scripts", "others": "What a user would run instead"}
_SERVED_TITLES = {"served": "Served", "base": "Served by an earlier version"}


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that was wanted, and what came of it; None: it was not measured. `most`: it should be no more than
    wanted, else no less. `core` is the same ratio of processor time, where there is one.
    """

    name: str
    wanted: float
    measured: float | None
    core: float | None = None
    most: bool = False

    @property
    def met(self) -> bool:
        if self.measured is None:
            return False
        return self.measured <= self.wanted if self.most else self.measured >= self.wanted

    @property
    def bound(self) -> str:
        return f"{'at most' if self.most else 'at least'} {self.wanted:g}"

    @property
    def came(self) -> str:
        return "not measured" if self.measured is None else f"{self.measured:.3g}"

    @property
    def of_processor(self) -> str:
        return "" if self.core is None else f"{self.core:.3g}"

    @property
    def verdict(self) -> str:
        return "yes" if self.met else "no"


def by_name(figures: Figures) -> dict[str, Figures]:
    """Our scripts, by name."""
    return {one["name"]: one for one in figures["ours"]["peers"] if "missing" not in one}


def core_seconds_of_engines(peers: Mapping[str, Figures]) -> float:
    """For one page: the segmentation once, and each engine without the segmentation before it."""
    cutting = float(peers[SEGMENTATION]["core_s"])
    return cutting + sum(float(peers[alone(name)]["core_s"]) - cutting for name in ENGINES)


def cores_of(figures: Figures) -> int:
    """How many cores the machine had, by what its setting says of it."""
    found = re.match(r"(\d+) cores", figures["ours"]["setting"]["machine"])
    if found is None:
        raise ValueError(f"no number of cores in {figures['ours']['setting']['machine']!r}")
    return int(found[1])


def bound(figures: Figures) -> float:
    """Pages a second that no schedule on these cores can exceed."""
    return cores_of(figures) / core_seconds_of_engines(by_name(figures))


def throughput(figures: Figures) -> float:
    """Pages a second of the served ensemble, by as many clients as it takes."""
    return max(float(figures["served"]["flows"][name]["per_s"]) for name in ("one client", _SEVERAL))


def goals(figures: Figures) -> list[Goal]:
    """The ratios to reach on two cores."""
    served = figures["served"]
    return [*_page_goals(figures), *_throughput_goals(figures), *_base_goals(figures), *_crowd_goals(served)]


def _wanted(figures: Figures, with_bfloat16: float, without: float) -> float:
    """By what the processor has for networks: PaddleOCR's pipeline gains nothing by bfloat16, ours may."""
    return with_bfloat16 if "bf16" in figures["served"]["setting"]["instructions"] else without


def _page_goals(figures: Figures) -> Iterator[Goal]:
    others = {one["name"]: one for one in figures["others"]["peers"]} if "others" in figures else {}
    pages = figures["served"]["pages"]
    for name, peer, wanted in (
        (ALL, "paddleocr", (0.8, 1.0)),
        (ALL, "rapidocr", (0.65, 1.0)),
        (CASCADE, "paddleocr", (0.4, 0.55)),
    ):
        took, its = pages[name], others.get(peer, {})
        alone_s, core_s = its.get("first_page_s"), its.get("first_page_core_s")
        yield Goal(
            f"one page of 40 lines, {name}, p50, over {peer}'s own pipeline",
            _wanted(figures, *wanted),
            percentile(took["seconds"], 50) / alone_s if alone_s else None,
            core=took["core_s"] / core_s if core_s else None,
            most=True,
        )
    first, *_, tenth = pages[ALL]["seconds"]
    yield Goal(f"the first page after a start over the {len(pages[ALL]['seconds'])}th", 1.3, first / tenth, most=True)


def _throughput_goals(figures: Figures) -> Iterator[Goal]:
    ours = throughput(figures)
    others: dict[str, float] = {}
    if "ours" in figures:
        others = {name: float(peer["pages_per_s"]) for name, peer in by_name(figures).items()}
        others[_BOUND] = bound(figures)
    for name, wanted in ((_BOUND, 0.85), (ONE_THREAD, 1.6), (DEFAULTS, 1.05)):
        yield Goal(f"throughput over {name}", wanted, ours / others[name] if name in others else None)


def _base_goals(figures: Figures) -> Iterator[Goal]:
    """Over the earlier version that was served in the same run."""
    served, base = figures["served"], figures.get("base")

    def over(measure: Callable[[Figures], float]) -> float | None:
        return None if base is None else measure(served) / measure(base)

    yield Goal(
        "pages a second with several clients, over those of the earlier version",
        _wanted(figures, 1.7, 1.5),
        over(lambda part: part["flows"][_SEVERAL]["per_s"]),
        core=over(lambda part: 1.0 / sum(part["flows"][_SEVERAL]["core_s"].values())),
    )
    for name, wanted in ((CNN, 0.7), (ALL, 0.5)):
        took = over(lambda part, name=name: part["characters"][name]["p50_s"])  # type: ignore[misc]
        yield Goal(f"one character, {name}, p50, over the earlier version", wanted, took, most=True)
    per_s = over(lambda part: 1.0 / part["batches"][ALL]["p50_s"])
    yield Goal(f"{BATCH} characters in one batch a second, {ALL}, over the earlier version", 3.0, per_s)
    memory = over(lambda part: sum(part["memory_mb"].values()))
    yield Goal("memory of the cluster at rest, over the earlier version", 0.6, memory, most=True)
    ready = over(lambda part: part["ready_s"])
    yield Goal("second start to every engine warm, over the earlier version", 0.4, ready, most=True)


def _crowd_goals(served: Figures) -> Iterator[Goal]:
    one, crowd = crowds(served)
    yield Goal(f"throughput of {crowd['clients']} clients over that of one", 0.95, crowd["per_s"] / one["per_s"])
    yield Goal(f"failed answers to {crowd['clients']} clients", 0.0, float(len(crowd["failures"])), most=True)


def crowds(served: Figures) -> tuple[Figures, Figures]:
    """One client and the largest crowd over the same file."""
    name, crowd = max(served["flows"].items(), key=lambda named: named[1]["clients"])
    file = name.split(", ", 1)[1]
    return served["flows"][f"one client, {file}"], crowd


def markdown(figures: Figures) -> str:
    """The whole report, of the parts that there are."""
    blocks = ["Made by `python -m benchmarks.speed`."]
    if "served" in figures:
        blocks += _goals_section(figures)
    for part, title in _TITLES.items():
        if part in figures:
            blocks += _peers_section(title, figures[part])
    for part, title in _SERVED_TITLES.items():
        if part in figures:
            blocks += _served_section(title, figures[part])
    if "check" in figures:
        blocks += _check_section(figures["check"])
    return document("Speed, side by side", *blocks)


def _goals_section(figures: Figures) -> list[str]:
    return [
        "## Goals and results",
        "Ratios, because machines differ; beside them the same ratios of processor time. Other work on the machine "
        "makes times longer: each part below states the load before it.",
        records(_GOALS, goals(figures)),
        _describe_bound(figures) if "ours" in figures else "",
    ]


def _describe_bound(figures: Figures) -> str:
    return (
        f"The bound is {bound(figures):.3f} pages/s: {cores_of(figures)} cores, divided by the "
        f"{core_seconds_of_engines(by_name(figures)):.2f} core-seconds a page that segmentation and five engines took "
        f"when each ran alone on one thread. The service read {throughput(figures):.3f} pages/s."
    )


def _peers_section(title: str, part: Figures) -> list[str]:
    found = [one for one in part["peers"] if "missing" not in one]
    missing = [one for one in part["peers"] if "missing" in one]
    return [
        f"## {title}, on the same pages and cores",
        "Each runs in a process of its own, one after the other, without Ray (benchmarks/speed/readers.py). Each "
        f"reads {' and '.join({str(one['pages']) for one in found})} pages once, after a first page that does not "
        "count. CER is the character error rate in percent, with lines matched by position. Memory is the peak of the "
        "process and of those that it started.",
        as_table(part["setting"]),
        records(_PEERS, [{**one, "cer": _percent(one["error_rate"])} for one in found]),
        "\n".join(f"- **{one['name']}** not measured: {one['missing']}." for one in missing),
    ]


def _served_section(title: str, part: Figures) -> list[str]:
    asked = {
        **{f"one character of 28x28 px, {name}": times for name, times in part["characters"].items()},
        **{f"{BATCH} characters in one batch, {name}": times for name, times in part["batches"].items()},
        **{f"one page of 40 lines, {name}": _times_of(page) for name, page in part["pages"].items()},
    }
    memory = ", ".join(f"{name} {size:.0f}" for name, size in part["memory_mb"].items())
    core_s = ", ".join(f"{name} {page['core_s']:.2f}" for name, page in part["pages"].items())
    starts = f"{part['ready_s']:.0f} s, the start before {part['first_start_s']:.0f} s"
    return [
        f"## {title}",
        "`serve run serve_config.cpu.yaml` answers clients on the same cores over HTTP, one request at a time.",
        as_table({**part["setting"], "from the start to every engine warm": starts}),
        records(_ASKED, [{**in_ms(times), "name": name} for name, times in asked.items()]),
        f"Core-seconds of the whole cluster for one page of 40 lines: {core_s}.",
        "Many pages, every engine. Each client sends its next request when it has the answer, until all pages are "
        "read:",
        records(_FLOWS, [_flow_row(name, flow) for name, flow in part["flows"].items()]),
        _describe_parts(part["flows"][_SEVERAL]["core_s"]),
        f"Memory at rest, proportional set size in MB: {memory}; together {sum(part['memory_mb'].values()):.0f}.",
    ]


def _times_of(page: Figures) -> Figures:
    return asdict(Times.of(page["seconds"]))


def in_ms(times: Figures) -> dict[str, float]:
    return {key: value if key == "count" else 1000.0 * value for key, value in times.items()}


def _flow_row(name: str, flow: Figures) -> Figures:
    cer, failed = _percent(flow["error_rate"]), len(flow["failures"])
    return {**flow, "name": name, "cpu": sum(flow["core_s"].values()), "cer": cer, "failed": failed}


def _describe_parts(core_s: Mapping[str, float]) -> str:
    parts = sorted(core_s.items(), key=lambda part: -part[1])
    shown = [f"{part} {spent:.2f}" for part, spent in parts if spent >= _TOO_LITTLE]
    rest = sum(spent for _, spent in parts if spent < _TOO_LITTLE)
    return f"Core-seconds for one file, with several clients: {', '.join(shown)}, all others {rest:.2f}."


def _check_section(part: Figures) -> list[str]:
    return [
        "## What `python -m benchmarks.speed check` compares with",
        "Processor time for examples/quick.png (12 lines), and for the work of the Router and the Gateway on a page of "
        "40 lines. Each is the least of three runs.",
        as_table(part["setting"]),
        records({"way": "[0]", "core-s": "[1]:.3f"}, part["core_seconds"].items()),
        records(
            {"what is compared (benchmarks/speed/check.py)": "[0]", "ratio": "[1]:.3f"},
            part["ratios"].items(),
        ),
    ]


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100.0 * rate:.2f}"
