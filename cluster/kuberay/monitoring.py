"""What watches the cluster: which pods Prometheus scrapes, when it calls somebody, and what Grafana draws.

Metrics are named as Ray's node agents export them; a test holds every name to the table in
deployments/observability/metrics.py. The runbook of every alert is the section of its name in docs/operations.md. The
same rules and dashboard serve the Prometheus operator on Kubernetes and the plain Prometheus of cluster/docker/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster.kuberay.pods import APP, Document, labels

RUNBOOK = "docs/operations.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: when it fires and what it says. `after` is how long the condition must hold."""

    name: str
    expression: str
    after: str
    severity: str
    summary: str

    def rule(self) -> Document:
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.after,
            "labels": {"severity": self.severity, "service": APP},
            "annotations": {"summary": self.summary, "runbook": f"{RUNBOOK}#{self.name.lower()}"},
        }


_REQUESTS = "ray_ocr_requests_total"
_BAD_OUTCOMES = "timeout|error|shed|unavailable"


def alerts(window: str = "5m", after: str = "5m") -> list[Alert]:
    """Every alert. A test that makes each fault uses a shorter `window` and `after`."""
    return [
        Alert(
            "QuorumErrorRate",
            f'sum(rate({_REQUESTS}{{status=~"5.."}}[{window}])) / sum(rate({_REQUESTS}[{window}])) > 0.05',
            after,
            "critical",
            "More than 5 % of requests fail on the service's side ({{ $value | humanizePercentage }}).",
        ),
        Alert(
            "QuorumCharacterLatency",
            "histogram_quantile(0.95, sum by (le) "
            f'(rate(ray_ocr_request_seconds_bucket{{route="/predict"}}[{window}]))) > 0.3',
            after,
            "warning",
            "95 % of characters take up to {{ $value | humanizeDuration }}; the limit is 300 ms.",
        ),
        Alert(
            "QuorumLowConfidence",
            f"sum(rate(ray_ocr_confidence_sum[{window}])) / sum(rate(ray_ocr_confidence_count[{window}])) < 0.7",
            after,
            "warning",
            "The mean confidence of what is read is {{ $value | humanizePercentage }}.",
        ),
        Alert(
            "QuorumEngineUnavailable",
            f'sum by (engine) (rate(ray_ocr_engine_outcomes_total{{outcome=~"{_BAD_OUTCOMES}"}}[{window}])) '
            f'/ sum by (engine) (rate(ray_ocr_engine_outcomes_total{{outcome!="skipped"}}[{window}])) > 0.5',
            after,
            "warning",
            "{{ $labels.engine }} does not answer more than half of what it is asked; the others vote without it.",
        ),
        Alert(
            "QuorumJobsWait",
            "max(ray_ocr_jobs_oldest_seconds) > 3600 "
            f"and (sum(rate(ray_ocr_job_pages_total[{window}])) or vector(0)) == 0",
            after,
            "warning",
            "The oldest job is {{ $value | humanizeDuration }} old, and no page of any job is read.",
        ),
        Alert(
            "QuorumJobStore",
            f"sum(rate(ray_ocr_job_store_errors_total[{window}])) > 0.1",
            after,
            "critical",
            "Workers cannot reach the store of jobs or their files; new jobs are refused.",
        ),
    ]


def rules(window: str = "5m", after: str = "5m") -> Document:
    """The rule groups, as a plain Prometheus reads them from a file."""
    return {"groups": [{"name": APP, "rules": [alert.rule() for alert in alerts(window, after)]}]}


def operator_documents() -> list[Document]:
    """The same for the Prometheus operator, and the dashboard for Grafana's sidecar."""
    metadata = {"labels": {"app.kubernetes.io/name": APP, "release": "prometheus"}}
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": APP, **metadata},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/part-of": APP}},
            "podMetricsEndpoints": [{"port": "metrics", "interval": "15s"}],
        },
    }
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": APP, **metadata},
        "spec": rules(),
    }
    drawn = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "quorum-dashboard", "labels": labels("dashboard") | {"grafana_dashboard": "1"}},
        "data": {"quorum.json": json.dumps(dashboard(), indent=1)},
    }
    return [monitor, rule, drawn]


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing: a title, a unit of Grafana's, and queries with the name of what each line is."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _quantiles(metric: str, by: str, window: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket[{window}])))", f"p{q * 100:g} {{{{{by}}}}}")
        for q in (0.5, 0.95)
    )


def panels(window: str = "5m") -> list[Panel]:
    """What the dashboard shows, in reading order."""
    outcomes = f"sum by (engine, outcome) (rate(ray_ocr_engine_outcomes_total[{window}]))"
    agreement = (
        f'sum by (engine) (rate(ray_ocr_engine_readings_total{{agrees="yes"}}[{window}])) '
        f"/ sum by (engine) (rate(ray_ocr_engine_readings_total[{window}]))"
    )
    confidence = (
        f"sum by (task) (rate(ray_ocr_confidence_sum[{window}])) "
        f"/ sum by (task) (rate(ray_ocr_confidence_count[{window}]))"
    )
    return [
        Panel(
            "Requests", "reqps", ((f"sum by (route, status) (rate({_REQUESTS}[{window}]))", "{{route}} {{status}}"),)
        ),
        Panel("Latency by route", "s", _quantiles("ray_ocr_request_seconds", "route", window)),
        Panel("Engines: outcomes", "reqps", ((outcomes, "{{engine}} {{outcome}}"),)),
        Panel("Engines: latency", "s", _quantiles("ray_ocr_engine_seconds", "engine", window)),
        Panel("Engines: agreement with the fused text", "percentunit", ((agreement, "{{engine}}"),)),
        Panel("Mean confidence", "percentunit", ((confidence, "{{task}}"),)),
        Panel(
            "Answers by confidence band",
            "reqps",
            ((f"sum by (task, band) (rate(ray_ocr_answers_total[{window}]))", "{{task}} {{band}}"),),
        ),
        Panel("Fusion", "s", _quantiles("ray_ocr_fusion_seconds", "task", window)),
        Panel(
            "Engines left out (Routers whose circuit is open)",
            "short",
            (("sum by (engine) (ray_ocr_engine_circuit_open)", "{{engine}}"),),
        ),
        Panel("Crops that wait", "short", (("sum by (engine) (ray_ocr_queue_crops)", "{{engine}}"),)),
        Panel("Crops in one batch", "short", _quantiles("ray_ocr_batch_crops", "engine", window)),
        Panel(
            "Memory of replicas", "bytes", (("sum by (deployment) (ray_ocr_replica_memory_bytes)", "{{deployment}}"),)
        ),
        Panel("Jobs: pages that wait", "short", (("max by (priority) (ray_ocr_job_pages_waiting)", "{{priority}}"),)),
        Panel(
            "Jobs: pages a second",
            "short",
            ((f"sum by (result, priority) (rate(ray_ocr_job_pages_total[{window}]))", "{{priority}} {{result}}"),),
        ),
        Panel(
            "Jobs: how many, and the age of the oldest",
            "s",
            (
                ("max by (priority) (ray_ocr_jobs_open)", "jobs {{priority}}"),
                ("max by (priority) (ray_ocr_jobs_oldest_seconds)", "oldest {{priority}}"),
            ),
        ),
        Panel(
            "Jobs: callbacks",
            "reqps",
            ((f"sum by (result) (rate(ray_ocr_job_callbacks_total[{window}]))", "{{result}}"),),
        ),
        Panel("Loading models", "s", (("max by (engine) (ray_ocr_model_load_seconds)", "{{engine}}"),)),
    ]


def dashboard(window: str = "5m") -> dict[str, Any]:
    """A Grafana dashboard (schema 39) of all panels, two a row."""
    return {
        "uid": APP,
        "title": "Quorum",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": [_drawn(number, panel) for number, panel in enumerate(panels(window))],
    }


def _drawn(number: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend, "datasource": source}
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }
