"""The metrics of the whole cluster as one page: what every node's agent exports, filtered and summed.

Ray's agents export the metrics of every worker process by itself. Here the labels WorkerId and SessionName are dropped
(and those of Ray's exporter, which say nothing), and what is then the same is added up. Prometheus should scrape either
this page or the agents, never both. Pages are the text format of Prometheus; how they are fetched is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

PREFIX = "ray_ocr_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_WORKER = frozenset({"WorkerId", "SessionName"})
_CONSTANT = frozenset({"otel_scope_name", "otel_scope_schema_url", "otel_scope_version"})
_DROPPED = _WORKER | _CONSTANT

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class MetricFamily:
    """One metric with all its samples: (name of the sample, labels) -> value, in the order in which they were met."""

    name: str
    kind: str
    help: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def series(self, suffix: str = "") -> Iterator[tuple[dict[str, str], float]]:
        """Labels and value of each sample of that name, like "_bucket"."""
        for (name, labels), value in self.samples.items():
            if name == f"{self.name}{suffix}":
                yield dict(labels), value


def sum_pages(pages: Iterable[str], prefix: str = PREFIX) -> dict[str, MetricFamily]:
    """The families whose name begins with `prefix`, by name, over all pages."""
    families: dict[str, MetricFamily] = {}
    for page in pages:
        for metric in text_string_to_metric_families(_relevant(page, prefix)):
            family = families.setdefault(metric.name, MetricFamily(metric.name, metric.type, metric.documentation))
            for sample in metric.samples:
                labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in _DROPPED))
                key = (sample.name, labels)
                family.samples[key] = family.samples.get(key, 0.0) + sample.value
    return families


def render_page(families: Mapping[str, MetricFamily]) -> str:
    """The page of all families."""
    registry = CollectorRegistry()
    registry.register(_FamilyCollector(families))
    return generate_latest(registry).decode()


class _FamilyCollector(Collector):
    def __init__(self, families: Mapping[str, MetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families.values():
            metric = Metric(family.name, family.help, family.kind)
            metric.samples = [Sample(name, dict(labels), value) for (name, labels), value in family.samples.items()]
            yield metric


def _relevant(page: str, prefix: str) -> str:
    """Only the lines that matter: an agent exports hundreds of metrics of Ray's own, and parsing is slow."""
    starts = (prefix, f"# HELP {prefix}", f"# TYPE {prefix}")
    return "".join(f"{line}\n" for line in page.splitlines() if line.startswith(starts))
