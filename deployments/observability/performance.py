"""How the service does, computed from its own metrics: percentiles, error rates, agreement, bands of confidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from deployments.observability import metrics
from deployments.observability.metrics import Metric
from deployments.observability.metrics_page import MetricFamily
from ocr.contract import Bands, EnginePerformance, PerformanceAnswer, RoutePerformance


def performance(families: Mapping[str, MetricFamily]) -> PerformanceAnswer:
    """From the metrics of the whole cluster, as `metrics_page.sum_pages` has them."""
    by_route = _counted(families, metrics.REQUESTS, "route", "status")
    by_status: dict[str, float] = defaultdict(float)
    for counts in by_route.values():
        for status, count in counts.items():
            by_status[status] += count
    bands: dict[str, float] = defaultdict(float)
    for counts in _counted(families, metrics.ANSWERS, "task", "band").values():
        for band, count in counts.items():
            bands[band] += count
    return PerformanceAnswer(
        requests=round(sum(by_status.values())),
        error_rate=_error_rate(by_status),
        routes={route: _route(families, route, counts) for route, counts in sorted(by_route.items())},
        engines=_engines(families),
        confidence=Bands(**{band: round(count) for band, count in bands.items()}),
        mean_confidence=_mean(families, metrics.CONFIDENCE),
    )


def _route(families: Mapping[str, MetricFamily], route: str, counts: Mapping[str, float]) -> RoutePerformance:
    return RoutePerformance(
        **_latency(families, metrics.REQUEST_SECONDS, route=route),
        by_status={status: round(count) for status, count in sorted(counts.items())},
        error_rate=_error_rate(counts),
    )


def _engines(families: Mapping[str, MetricFamily]) -> dict[str, EnginePerformance]:
    outcomes = _counted(families, metrics.ENGINE_OUTCOMES, "engine", "outcome")
    readings = _counted(families, metrics.ENGINE_READINGS, "engine", "agrees")
    return {
        engine: EnginePerformance(
            **_latency(families, metrics.ENGINE_SECONDS, engine=engine),
            outcomes={outcome: round(count) for outcome, count in sorted(counts.items())},
            agreement=_share(readings.get(engine, {}), "yes"),
        )
        for engine, counts in outcomes.items()
    }


def _counted(
    families: Mapping[str, MetricFamily], metric: Metric, outer: str, inner: str
) -> dict[str, dict[str, float]]:
    """A counter by two of its labels."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for labels, value in _series(families, metric, "_total"):
        counts[labels[outer]][labels[inner]] += value
    return counts


def _latency(families: Mapping[str, MetricFamily], metric: Metric, **where: str) -> dict[str, float | int | None]:
    buckets: dict[float, float] = defaultdict(float)
    for labels, value in _series(families, metric, "_bucket", where):
        buckets[float(labels["le"])] += value
    cumulative = sorted(buckets.items())
    quantiles = {f"p{percent}_ms": _ms(quantile(cumulative, percent / 100)) for percent in (50, 90, 95, 99)}
    count = cumulative[-1][1] if cumulative else 0.0
    return {"count": round(count), "mean_ms": _ms(_mean(families, metric, **where)), **quantiles}


def quantile(cumulative: list[tuple[float, float]], share: float) -> float | None:
    """Estimate a quantile from (upper bound, how many are not above it), ascending, the last bound infinite.

    Within a bucket values are taken as spread evenly, as Prometheus' histogram_quantile does; what lies above the last
    finite bound counts as that bound. None when nothing was counted.
    """
    if not cumulative or cumulative[-1][1] <= 0.0:
        return None
    rank = share * cumulative[-1][1]
    for (low, below), (high, up_to) in pairwise([(0.0, 0.0), *cumulative]):
        if up_to >= rank and up_to > below:
            return low if high == float("inf") else low + (high - low) * (rank - below) / (up_to - below)
    return None


def _mean(families: Mapping[str, MetricFamily], metric: Metric, **where: str) -> float | None:
    count = sum(value for _, value in _series(families, metric, "_count", where))
    total = sum(value for _, value in _series(families, metric, "_sum", where))
    return total / count if count else None


def _series(
    families: Mapping[str, MetricFamily], metric: Metric, suffix: str, where: Mapping[str, str] | None = None
) -> Iterable[tuple[dict[str, str], float]]:
    family = families.get(f"ray_{metric.name}")
    for labels, value in family.series(suffix) if family else ():
        if all(labels.get(name) == wanted for name, wanted in (where or {}).items()):
            yield labels, value


def _error_rate(by_status: Mapping[str, float]) -> float:
    total = sum(by_status.values())
    return sum(count for status, count in by_status.items() if status >= "500") / total if total else 0.0


def _share(counts: Mapping[str, float], of: str) -> float | None:
    total = sum(counts.values())
    return counts.get(of, 0.0) / total if total else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0
