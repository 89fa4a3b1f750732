"""Every metric of Quorum: its name, its type, its labels. Whoever measures calls a `RecordMetric` with one of these.

    python -m deployments.observability.metrics          the table of docs/operations.md

Names are those under which Ray exports them: "ray_" before, and "_total" behind a counter. Ray Serve adds the labels
`application`, `deployment` and `replica`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from ocr import Scope


class MetricKind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is its name for Ray; `exported` is the name under which Ray exports it."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exported(self) -> str:
        return f"ray_{self.name}{'_total' if self.kind is MetricKind.COUNTER else ''}"


TASKS = {Scope.LINE: "text", Scope.CHARACTER: "character"}
"""The label `task`: what a request asked for."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

REQUESTS = Metric("ocr_requests", MetricKind.COUNTER, "HTTP requests that were answered.", ("route", "status"))
REQUEST_SECONDS = Metric(
    "ocr_request_seconds",
    MetricKind.HISTOGRAM,
    "From a request's first byte to its answer's last.",
    ("route", "status"),
    _SECONDS,
)
ENGINE_OUTCOMES = Metric(
    "ocr_engine_outcomes",
    MetricKind.COUNTER,
    "Outcomes of an engine on requests: ok, timeout, ...",
    ("engine", "outcome"),
)
ENGINE_SECONDS = Metric(
    "ocr_engine_seconds", MetricKind.HISTOGRAM, "How long a request waited for an engine.", ("engine",), _SECONDS
)
ENGINE_READINGS = Metric(
    "ocr_engine_readings",
    MetricKind.COUNTER,
    "Lines and characters that an engine read, by whether it agrees with the fusion.",
    ("engine", "agrees"),
)
ENGINE_CIRCUIT_OPEN = Metric(
    "ocr_engine_circuit_open",
    MetricKind.GAUGE,
    "1 while a Router leaves the engine out because it kept failing.",
    ("engine",),
)
CONFIDENCE = Metric("ocr_confidence", MetricKind.HISTOGRAM, "Confidence of each page or character.", ("task",), _SHARES)
ANSWERS = Metric("ocr_answers", MetricKind.COUNTER, "Pages and characters, by confidence band.", ("task", "band"))
FUSION_SECONDS = Metric("ocr_fusion_seconds", MetricKind.HISTOGRAM, "Aligning and voting.", ("task",), _SECONDS)
BATCH_CROPS = Metric("ocr_batch_crops", MetricKind.HISTOGRAM, "Crops in one call of an engine.", ("engine",), _COUNTS)
QUEUE_CROPS = Metric("ocr_queue_crops", MetricKind.GAUGE, "Crops that wait for an engine.", ("engine",))
MODEL_LOAD_SECONDS = Metric(
    "ocr_model_load_seconds", MetricKind.GAUGE, "Time to load the model and warm it up.", ("engine", "model")
)
REPLICA_MEMORY = Metric(
    "ocr_replica_memory_bytes",
    MetricKind.GAUGE,
    "Memory of the replica and of the worker that it has, without the object store.",
)
CACHE_LOOKUPS = Metric(
    "ocr_cache_lookups", MetricKind.COUNTER, "Lookups in the cache of results: hit or miss.", ("result",)
)
REPEATED_REQUESTS = Metric(
    "ocr_repeated_requests",
    MetricKind.COUNTER,
    "Requests with a known Idempotency-Key: joined to the first, or answered from memory.",
    ("how",),
)
CONFIG_VERSION = Metric("ocr_config_version", MetricKind.GAUGE, "The version of the live configuration in force here.")
ENGINES_AVAILABLE = Metric("ocr_engines_available", MetricKind.GAUGE, "Engines that can read, as the monitor sees it.")
SELF_TEST_SUCCESS = Metric(
    "ocr_self_test_success", MetricKind.GAUGE, "Share of samples that the monitor's last self-test read correctly."
)
JOB_PAGES = Metric(
    "ocr_job_pages", MetricKind.COUNTER, "Pages of jobs that were read, or failed.", ("result", "priority")
)
JOB_PAGES_WAITING = Metric(
    "ocr_job_pages_waiting",
    MetricKind.GAUGE,
    "Pages of jobs that wait to be read, as each worker sees it.",
    ("priority",),
)
JOBS_OPEN = Metric(
    "ocr_jobs_open", MetricKind.GAUGE, "Jobs that have not ended, as each worker sees it.", ("priority",)
)
JOBS_OLDEST = Metric(
    "ocr_jobs_oldest_seconds", MetricKind.GAUGE, "Age of the oldest job that has not ended.", ("priority",)
)
JOB_CALLBACKS = Metric(
    "ocr_job_callbacks", MetricKind.COUNTER, "Calls of callbacks: delivered, or failed and tried again.", ("result",)
)
JOB_STORE_ERRORS = Metric(
    "ocr_job_store_errors", MetricKind.COUNTER, "Times that the store or the files of jobs did not answer a worker."
)

METRICS = (
    REQUESTS,
    REQUEST_SECONDS,
    ENGINE_OUTCOMES,
    ENGINE_SECONDS,
    ENGINE_READINGS,
    ENGINE_CIRCUIT_OPEN,
    CONFIDENCE,
    ANSWERS,
    FUSION_SECONDS,
    BATCH_CROPS,
    QUEUE_CROPS,
    MODEL_LOAD_SECONDS,
    REPLICA_MEMORY,
    CACHE_LOOKUPS,
    REPEATED_REQUESTS,
    CONFIG_VERSION,
    ENGINES_AVAILABLE,
    SELF_TEST_SUCCESS,
    JOB_PAGES,
    JOB_PAGES_WAITING,
    JOBS_OPEN,
    JOBS_OLDEST,
    JOB_CALLBACKS,
    JOB_STORE_ERRORS,
)


class RecordMetric(Protocol):
    """Counts `value`, observes it in a histogram, or sets a gauge to it."""

    def __call__(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        """`labels` are exactly those of the metric."""


def ignore_metric(_metric: Metric, _value: float = 1.0, /, **_labels: str) -> None:
    """A Record of nothing, for what runs without a cluster."""


class RayMetrics:
    """Records with Ray, in a replica. A metric is made when it is first recorded.

    Ray forgets a gauge that is not set again within two of its report intervals, so `refresh` has to be called all the
    time.
    """

    def __init__(self) -> None:
        self._made: dict[str, Callable[..., None]] = {}
        self._gauges: dict[tuple[Metric, tuple[tuple[str, str], ...]], float] = {}

    def __call__(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        if metric.kind is MetricKind.GAUGE:
            self._gauges[metric, tuple(labels.items())] = value
        self._write(metric, value, labels)

    def refresh(self) -> None:
        """Set every gauge again to its last value."""
        for (metric, labels), value in list(self._gauges.items()):
            self._write(metric, value, dict(labels))

    def _write(self, metric: Metric, value: float, labels: dict[str, str]) -> None:
        write = self._made.get(metric.name)
        if write is None:
            write = self._made[metric.name] = _made(metric)
        write(value, tags=labels)


def _made(metric: Metric) -> Callable[..., None]:
    from ray.serve import metrics

    common: dict[str, Any] = {"description": metric.help, "tag_keys": metric.labels}
    write: Callable[..., None]
    if metric.kind is MetricKind.COUNTER:
        write = metrics.Counter(metric.name, **common).inc
    elif metric.kind is MetricKind.GAUGE:
        write = metrics.Gauge(metric.name, **common).set
    else:
        write = metrics.Histogram(metric.name, boundaries=list(metric.buckets), **common).observe
    return write


def table() -> str:
    """All metrics as a Markdown table."""
    rows = [
        f"| `{metric.exported}` | {metric.kind.value} | {', '.join(f'`{label}`' for label in metric.labels)} "
        f"| {metric.help} | {', '.join(f'{bucket:g}' for bucket in metric.buckets)} |"
        for metric in METRICS
    ]
    return "\n".join(["| name | type | labels | what | buckets |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
