"""What counts as the cluster's cost, and what as somebody's work."""

from __future__ import annotations

import pytest

from benchmarks.scaling.cluster_cost import LONG, Copies, PageTiming, misread, report
from deployments.gateway.rendering import timings_answer
from ocr import TimedStep

_CUT = (TimedStep("queue", "Segmentation", 0.002), TimedStep("find lines", "Segmentation", 0.3))
_READ = (
    TimedStep.of_call("trocr", "Router", "trocr", 0.21, (TimedStep("inference", "trocr", 0.2),)),
    TimedStep.of_call("easyocr", "Router", "easyocr", 0.12, (TimedStep("inference", "easyocr", 0.1),)),
)
TIMINGS = (
    TimedStep.of_call("segmentation", "Router", "Segmentation", 0.31, _CUT),
    TimedStep("engines", "Router", 0.215, _READ, parallel=True),
    TimedStep("fusion", "Router", 0.004),
)


@pytest.fixture
def page() -> PageTiming:
    told = timings_answer(TIMINGS)
    return PageTiming(540.0, told.wall_ms, tuple(part for part in told.parts if part.critical), 530.0)


def test_all_but_finding_lines_and_the_engine_that_was_waited_for_is_the_clusters_cost(page: PageTiming) -> None:
    assert page.cost_ms == pytest.approx(540.0 - 300.0 - 200.0)


def test_the_parts_of_the_cost_add_up_to_it(page: PageTiming) -> None:
    assert sum(page.costs.values()) == pytest.approx(page.cost_ms)
    assert page.costs["transfer, Router to trocr"] == pytest.approx(10.0)
    assert page.costs["queue, Segmentation"] == pytest.approx(2.0)


def test_each_engine_misreads_another_letter() -> None:
    misreadings = {misread(LONG, 7 * number) for number in range(5)}
    assert len(misreadings) == 5
    assert all(sum(a != b for a, b in zip(said, LONG, strict=True)) == 1 for said in misreadings)


def test_the_report_names_no_engine_because_another_one_is_waited_for_each_time(page: PageTiming) -> None:
    text = report({"short": [page, page]}, [0.05, 0.06, 0.07], Copies(10, 100, 130.0, 0), {"commit": "abc"})
    assert "| transfer, Router to engine | 10.0 |" in text
    assert "1.30 times the crops" in text
    assert "(benchmarks/scaling/bare_serve.py), have a p50 of 60.0 ms" in text
