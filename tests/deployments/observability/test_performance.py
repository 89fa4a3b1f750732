"""Percentiles out of histograms, and the sum over the pages of all nodes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deployments.observability.metrics_page import render_page, sum_pages
from deployments.observability.performance import quantile

HEAD = "# HELP ray_ocr_requests_total Answered.\n# TYPE ray_ocr_requests_total counter\n"


def page(*samples: str) -> str:
    return HEAD + "".join(f"ray_ocr_requests_total{sample}\n" for sample in samples)


def test_samples_that_differ_only_in_worker_and_session_are_added_up_over_all_nodes() -> None:
    families = sum_pages(
        [
            page('{WorkerId="1",SessionName="s",route="/a"} 1.0', '{WorkerId="2",SessionName="s",route="/b"} 5.0'),
            page('{WorkerId="3",SessionName="s",route="/a"} 2.0'),
        ]
    )
    [family] = families.values()
    assert list(family.series("_total")) == [({"route": "/a"}, 3.0), ({"route": "/b"}, 5.0)]


def test_what_is_rendered_is_what_a_parser_of_prometheus_reads_back() -> None:
    text = render_page(sum_pages([page('{route="/a\\"b",status="200"} 7.0')]))
    [metric] = text_string_to_metric_families(text)
    assert (metric.name, metric.type, metric.documentation) == ("ray_ocr_requests", "counter", "Answered.")
    assert [(sample.labels, sample.value) for sample in metric.samples] == [({"route": '/a"b', "status": "200"}, 7.0)]


def test_metrics_of_others_and_no_pages_at_all_are_an_empty_page() -> None:
    assert render_page(sum_pages(["# TYPE ray_tasks gauge\nray_tasks 3.0\n"])) == ""
    assert render_page(sum_pages([])) == ""


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.25, 0.5), (0.5, 1.0), (0.625, 1.5), (0.9, 2.0), (1.0, 2.0)],  # above the last bound: told as that bound
)
def test_a_quantile_is_interpolated_within_its_bucket(share: float, value: float) -> None:
    assert quantile([(1.0, 4.0), (2.0, 6.0 + 1e-9), (math.inf, 8.0)], share) == pytest.approx(value)


def test_a_histogram_without_anything_in_it_has_no_quantile() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(1.0, 0.0), (math.inf, 0.0)], 0.5) is None


@given(
    counts=st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any),
    shares=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)),
)
def test_quantiles_rise_with_their_share_and_stay_within_the_bounds(
    counts: list[int], shares: tuple[float, float]
) -> None:
    bounds = [*(float(index + 1) for index in range(len(counts) - 1)), math.inf]
    cumulative = [(bound, float(sum(counts[: index + 1]))) for index, bound in enumerate(bounds)]
    low, high = (quantile(cumulative, share) for share in sorted(shares))
    assert low is not None
    assert high is not None
    assert 0.0 <= low <= high <= bounds[-2]
