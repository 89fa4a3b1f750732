"""What the cluster costs one page beyond finding its lines and its slowest engine, and how often its pixels are copied.

    python -m benchmarks.scaling.cluster_cost [--runs 40] [--out benchmarks/results/cluster_cost.md]

The whole application with five stub engines that sleep (benchmarks/harness/stub_cluster.py) reads examples/page.png
over HTTP, one request at a time. Every answer says where its time went (`explain`); what is left of the client's own
time without the work of Segmentation and the `inference` of the engine that was waited for is the cost: HTTP, calls,
queues, the vote, the answer. It is measured with two short words in each line, and with lines of a real page's length
in which every engine misreads another letter. Beside it stands what the same calls take among deployments that do
nothing (benchmarks/scaling/bare_serve.py): below that no application of this shape can come.

Bytes copied into the object store are the raylet's own count. An engine reads crops where they lie in it: that none of
them is copied on the way out is looked at in this process. Times are milliseconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import PAGE, URL
from benchmarks.harness.stub_cluster import StubCluster, Stubs, stub_cluster
from benchmarks.harness.timing import percentile
from benchmarks.scaling.bare_serve import times
from benchmarks.stubs.stub_engine import TEXT, StubBehaviour
from deployments.config.deployment_names import SEGMENTATION
from deployments.config.schema import ENGINES
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from ocr import SegmentedPage
from ocr.contract import TextAnswer, TimedPart

SERVICE_S = 0.04
BATCH_CROPS = 8
LONG = "Engines that read the same line differ in a few of its letters"
TEXTS = {"two words a line": TEXT, f"{len(LONG)} characters a line, each engine misreads one": LONG}

_ENGINE = re.compile("|".join(ENGINES))
_UNCOUNTED = 3
_INFERENCE, _OUTSIDE = "inference", "HTTP: the proxy, JSON, the way to the client and back"
_WANTED_MS, _WANTED_COPIES = 30.0, 2.0


@dataclass(frozen=True, slots=True)
class PageTiming:
    """One page: the client's time, the parts of it that the answer waited for, and the client's time where it asked for
    no explanation.
    """

    client_ms: float
    wall_ms: float
    critical: tuple[TimedPart, ...]
    plain_ms: float

    @property
    def cost_ms(self) -> float:
        """Without finding lines and the engine that was waited for."""
        return self.client_ms - sum(part.duration_ms for part in self.critical if is_work(part))

    @property
    def costs(self) -> dict[str, float]:
        """What the cost consists of."""
        parts: defaultdict[str, float] = defaultdict(float)
        for part in self.critical:
            if not is_work(part):
                parts[f"{part.name}, {part.where}"] += part.duration_ms
        return {**parts, _OUTSIDE: self.client_ms - self.wall_ms}


@dataclass(frozen=True, slots=True)
class Copies:
    """Bytes of one page: its file, its crops, and what was written into the object store for it. `copied_crops` are
    those that are no window on the object store.
    """

    file_bytes: int
    crops_bytes: int
    stored_bytes: float
    copied_crops: int

    @property
    def times(self) -> float:
        return self.stored_bytes / self.crops_bytes


def is_work(part: TimedPart) -> bool:
    """Whether it is what an engine or Segmentation itself does, which waiting in its queue is not."""
    return part.name == _INFERENCE or (part.where == SEGMENTATION and part.name != "queue")


def read_page(client: httpx.Client, file: bytes) -> PageTiming:
    """Ask once. A run counts only when every engine read every line."""
    client_ms, body = _timed(client, file, explain=True)
    answer = TextAnswer.model_validate_json(body)
    failed = [name for name, said in answer.engine_predictions.items() if said.status != "ok"]
    if failed or len(answer.lines) < 40 or answer.timings is None:
        raise RuntimeError(f"this run does not count: {len(answer.lines)} lines, failed engines {failed}")
    critical = tuple(part for part in answer.timings.parts if part.critical)
    plain_ms, _ = _timed(client, file, explain=False)
    return PageTiming(client_ms, answer.timings.wall_ms, critical, plain_ms)


def _timed(client: httpx.Client, file: bytes, *, explain: bool) -> tuple[float, bytes]:
    """From the first byte of the question to the last of the answer; to understand it is no matter of the cluster."""
    query, headers = {"explain": str(explain).lower()}, {"content-type": "image/png"}
    began = time.perf_counter()
    response = client.post(f"{URL}/predict_text", params=query, content=file, headers=headers)
    milliseconds = (time.perf_counter() - began) * 1000.0
    response.raise_for_status()
    return milliseconds, response.content


def read_pages(client: httpx.Client, cluster: StubCluster, runs: int) -> dict[str, list[PageTiming]]:
    """So many pages, one after another, for each of the texts."""
    file = PAGE.read_bytes()
    figures = {}
    for name, text in TEXTS.items():
        for number, engine in enumerate(ENGINES):
            said = text if text == TEXT else misread(text, 7 * number)
            StubBehaviour(SERVICE_S, said).apply(engine, cluster.folder)
        figures[name] = [read_page(client, file) for _ in range(_UNCOUNTED + runs)][_UNCOUNTED:]
    return figures


def misread(text: str, at: int) -> str:
    """The text with another letter at that place."""
    return f"{text[:at]}{'x' if text[at] != 'x' else 'y'}{text[at + 1 :]}"


def count_copies(client: httpx.Client, runs: int) -> Copies:
    """Count what is written for a page, and look at the crops of one."""
    file = PAGE.read_bytes()
    crops = asyncio.run(_crops(file))
    read_page(client, file)
    before = _stored_bytes()
    for _ in range(runs):
        _timed(client, file, explain=False)
    stored = (_stored_bytes() - before) / runs
    copied = sum(pixels.flags.owndata or pixels.flags.writeable for pixels in crops.pixels)
    return Copies(len(file), sum(pixels.nbytes for pixels in crops.pixels), stored, copied)


async def _crops(file: bytes) -> SegmentedPage:
    """The crops of a page as an engine gets them."""
    from ray import serve

    from deployments.messages.request import SegmentationRequest
    from deployments.transport import first_value_and_next_reference

    handle = serve.get_deployment_handle(SEGMENTATION, "quorum").options(stream=True)
    handling = SegmentationRequest("auto", None, 20_000_000, time.time() + 60.0, sent_at=time.time())
    _, reference = await first_value_and_next_reference(handle.page.remote(file, handling))
    assert reference is not None
    crops = await reference
    assert isinstance(crops, SegmentedPage)
    return crops


def _stored_bytes() -> int:
    """Written into the object store of this node since it was started."""
    import ray
    from ray._private.internal_api import node_stats

    [node] = [node for node in ray.nodes() if node["Alive"]]
    stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], include_memory_info=False)
    return int(stats.store_stats.cumulative_created_bytes)


def report(
    figures: Mapping[str, Sequence[PageTiming]], bare: Sequence[float], copied: Copies, before: Mapping[str, str]
) -> str:
    return document(
        "What the cluster costs one page",
        "Made by `python -m benchmarks.scaling.cluster_cost`. The application reads examples/page.png over HTTP, one "
        f"request at a time, with five stub engines that take {SERVICE_S * 1000.0:.0f} ms for a batch of "
        f"{BATCH_CROPS} lines. The cost is the client's time without the work of Segmentation and of the slowest "
        "engine: HTTP, calls, queues, the vote and the answer.",
        as_table(before),
        f"The goal is a p50 of at most {_WANTED_MS:.0f} ms, and at most {_WANTED_COPIES:.0f} times the crops' bytes "
        "copied.",
        table(
            ("what a line says", "page without `explain`, p50 ms", "with it", "**cost, p50 ms**", "p90", "p99", "n"),
            [_cost_cells(name, runs) for name, runs in figures.items()],
        ),
        "For comparison, the same calls between deployments that do nothing, with a file, crops and answers of the "
        f"same sizes (benchmarks/scaling/bare_serve.py), have a p50 of {1000.0 * median(bare):.1f} ms and a p90 of "
        f"{1000.0 * percentile(bare, 90):.1f} ms.",
        "## What the cost consists of",
        "Medians in milliseconds. Medians do not add up exactly. `transfer` is the way there and back.",
        table(("part", *figures), _part_rows(figures)),
        "## Bytes",
        table(
            ("of one page", "bytes"),
            [
                ("its file", f"{copied.file_bytes:,}"),
                ("its crops", f"{copied.crops_bytes:,}"),
                (
                    "written into the object store",
                    f"{copied.stored_bytes:,.0f}, **{copied.times:.2f} times the crops**",
                ),
                ("crops that an engine gets as a copy", copied.copied_crops),
            ],
        ),
    )


def _cost_cells(name: str, runs: Sequence[PageTiming]) -> list[object]:
    costs = [run.cost_ms for run in runs]
    plain, explained = median(run.plain_ms for run in runs), median(run.client_ms for run in runs)
    shown = [f"{percentile(costs, percent):.1f}" for percent in (50, 90, 99)]
    return [name, f"{plain:.0f}", f"{explained:.0f}", *shown, len(runs)]


def _part_rows(figures: Mapping[str, Sequence[PageTiming]]) -> list[list[str]]:
    """A row for each part of the cost; who was waited for differs from page to page, so engines are one."""
    merged = {text: [_of_engines(run.costs) for run in runs] for text, runs in figures.items()}
    names = dict.fromkeys(name for runs in merged.values() for run in runs for name in run)
    return [
        [name, *(f"{median(run.get(name, 0.0) for run in runs):.1f}" for runs in merged.values())] for name in names
    ]


def _of_engines(costs: Mapping[str, float]) -> dict[str, float]:
    merged: defaultdict[str, float] = defaultdict(float)
    for name, cost in costs.items():
        merged[_ENGINE.sub("engine", name)] += cost
    return merged


def main(runs: int = 40, out: Path = RESULTS / "cluster_cost.md") -> None:
    """Read the sample page so many times, and count what was copied."""
    before = environment()
    with (
        stub_cluster({"num_replicas": 1}, SERVICE_S, stubs=Stubs(ENGINES, BATCH_CROPS)) as cluster,
        httpx.Client(timeout=60.0, trust_env=False) as client,
    ):
        figures = read_pages(client, cluster, runs)
        copied = count_copies(client, 5)
        bare = times(PAGE.read_bytes(), runs)
    publish(report(figures, bare, copied, before), out)


if __name__ == "__main__":
    command.run(main)
