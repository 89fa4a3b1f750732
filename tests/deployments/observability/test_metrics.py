"""The table of metrics."""

from __future__ import annotations

from pathlib import Path

from deployments.observability.metrics import METRICS, MetricKind, table

ROOT = Path(__file__).parents[3]


def test_metrics_have_names_of_their_own_and_histograms_ascending_buckets() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.exported.startswith("ray_ocr_")
        assert not metric.name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_the_documentation_lists_exactly_the_metrics_that_there_are() -> None:
    assert table() in (ROOT / "docs" / "operations.md").read_text(), "python -m deployments.observability.metrics"
