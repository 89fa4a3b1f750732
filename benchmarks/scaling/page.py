"""What a page of 40 lines costs the parts that only compute, in processor time of one core, in this process.

Segmentation: the file of a page to upright crops. Router: five readings of each line to one, aligned, voted and placed;
each reading is the sample's own text with 2 % of its characters wrong, wrong elsewhere for each engine. Gateway: the
fused page to the JSON of an answer. What calls, references and HTTP cost comes on top, and is measured where they are.
"""

from __future__ import annotations

import gc
import pickle
import random
import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import engines
import fusion
from benchmarks.harness.serving import PAGE
from benchmarks.harness.timing import median_ms
from deployments.config.schema import ENGINES, ClusterConfig
from deployments.gateway import rendering
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import ReadRequest
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from evaluation.readings.line_layouts import load_segmenter
from ocr import EngineReport, Hypothesis, Page, SegmentedPage, Status
from ocr.contract import TextOptions

_WRONG = 0.02
_RUNS = 5

Readings = Sequence[Mapping[str, Hypothesis]]
"""What each engine says of each line."""


@dataclass(frozen=True, slots=True)
class PageCost:
    """Milliseconds of one core for one page, each the median of `runs`; bytes of the answer's JSON, and of the pixels
    that go to the node of each engine.
    """

    lines: int
    runs: int
    segmentation_ms: float
    router_ms: float
    gateway_ms: float
    answer_bytes: int
    crops_bytes: int


def page_cost() -> PageCost:
    """Measure it."""
    capabilities = Capabilities.of(ClusterConfig(), [engines.spec(name) for name in ENGINES])
    request = capabilities.text_request(TextOptions(), time.time() + 3600.0)
    file_segmenter = ImageFileSegmenter(load_segmenter())
    file_segmenter.warm_up()
    file = PAGE.read_bytes()
    cut = file_segmenter.page(file, request.segmentation)
    if not isinstance(cut, SegmentedPage):
        raise cut.error
    readings = _readings(len(cut.pixels))
    sent = pickle.dumps(_fused(cut, readings, request))

    def answer() -> str:
        return rendering.text_answer(pickle.loads(sent), request, 0.0).model_dump_json()  # noqa: S301 - our own

    return PageCost(
        lines=len(cut.pixels),
        runs=_RUNS,
        segmentation_ms=_core_ms(lambda: file_segmenter.page(file, request.segmentation)),
        router_ms=_core_ms(lambda: pickle.dumps(_fused(cut, readings, request))),
        gateway_ms=_core_ms(answer),
        answer_bytes=len(answer()),
        crops_bytes=sum(pixels.nbytes for pixels in cut.pixels),
    )


def _readings(lines: int) -> Readings:
    """What the engines say of so many lines, the same on every run."""
    chance = random.Random(1)  # noqa: S311 - the same errors on every run
    truth = [line for line in PAGE.with_suffix(".txt").read_text().splitlines() if line.strip()]
    return [{name: _misread(truth[index % len(truth)], chance) for name in ENGINES} for index in range(lines)]


def _misread(text: str, chance: random.Random) -> Hypothesis:
    letters = [chance.choice(string.ascii_lowercase) if chance.random() < _WRONG else letter for letter in text]
    return Hypothesis.of_text("".join(letters), 0.9)


def _fused(cut: SegmentedPage, readings: Readings, request: ReadRequest) -> Page:
    lines = [
        fusion.line_on_page(
            fusion.fuse_line(said, request.profile.for_material(region.material), request.method),
            region,
            said,
            keep_votes=False,
        )
        for region, said in zip(cut.layout.regions, readings, strict=True)
    ]
    reports = tuple(EngineReport(name, Status.OK) for name in ENGINES)
    return Page(
        cut.layout.width_px, cut.layout.height_px, tuple(lines), reports, str(request.method), request.profile.name
    )


def _core_ms(work: Callable[[], object]) -> float:
    """After one run that does not count: what is computed once and kept is no cost of a page."""
    work()
    gc.collect()
    gc.freeze()  # one process holds here what three hold elsewhere: looking through all of it is no part's cost
    return median_ms(work, _RUNS, time.process_time)
