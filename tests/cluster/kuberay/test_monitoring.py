"""Rules and dashboard speak only of metrics that exist, with labels and values that they have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.kuberay.monitoring import Alert, alerts, dashboard, panels, rules
from deployments.observability.metrics import METRICS, Metric, MetricKind
from fusion import Band
from ocr import Status
from tests.cluster.kuberay.conftest import ROOT, committed

FOLDER = ROOT / "cluster" / "docker" / "monitoring"

# Labels that Ray Serve adds to every metric made in a replica.
_OF_SERVE = {"application", "deployment", "replica"}
_VALUES = {
    "outcome": {status.value for status in Status},
    "agrees": {"yes", "no"},
    "band": {band.value for band in Band},
    "task": {"text", "character"},
}
EXPRESSIONS = [alert.expression for alert in alerts()] + [query for panel in panels() for query, _ in panel.queries]


def exported() -> dict[str, Metric]:
    """Every name that Prometheus can know, with its metric."""
    suffixes = ("_bucket", "_sum", "_count")
    return {
        f"{metric.exported}{suffix}": metric
        for metric in METRICS
        for suffix in (suffixes if metric.kind is MetricKind.HISTOGRAM else ("",))
    }


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_is_one_that_is_exported_and_has_the_labels(expression: str) -> None:
    known = exported()
    names = re.findall(r"\bray_\w+", expression)
    assert names
    assert set(names) <= known.keys()
    labels = {label for name in names for label in known[name].labels} | _OF_SERVE | {"le"}
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
    matched = set(re.findall(r"[{,](\w+)(?:=~|!=|=)", expression))
    assert grouped | matched <= labels
    assert ("_bucket" in expression) == ("le" in grouped)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_value_of_a_label_is_one_that_is_recorded(expression: str) -> None:
    for label, operator, wanted in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', expression):
        if label == "route":
            assert wanted == "/predict"
        elif label == "status":
            assert re.fullmatch(wanted, "503")
        else:
            values = wanted.split("|") if operator == "=~" else [wanted]
            assert set(values) <= _VALUES[label]


def test_the_limits_are_those_that_were_promised() -> None:
    limits = {alert.name: alert.expression.rsplit(" ", 2)[1:] for alert in alerts()}
    assert limits == {
        "QuorumErrorRate": [">", "0.05"],
        "QuorumCharacterLatency": [">", "0.3"],
        "QuorumLowConfidence": ["<", "0.7"],
        "QuorumEngineUnavailable": [">", "0.5"],
        "QuorumJobsWait": ["==", "0"],
        "QuorumJobStore": [">", "0.1"],
    }


def test_what_is_committed_for_one_machine_is_what_render_writes() -> None:
    assert yaml.safe_load((FOLDER / "rules.yaml").read_text()) == rules()
    assert json.loads((FOLDER / "dashboard.json").read_text()) == dashboard()


def test_kubernetes_and_one_machine_have_the_same_rules_and_dashboard(overlay: str) -> None:
    documents = committed(overlay)
    [rule] = [document for document in documents if document["kind"] == "PrometheusRule"]
    [drawn] = [document for document in documents if document["metadata"]["name"] == "quorum-dashboard"]
    assert rule["spec"] == rules()
    assert json.loads(drawn["data"]["quorum.json"]) == dashboard()


def test_promtool_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NOT RUN: promtool is not installed (it is part of Debian's package prometheus)")
    checked = subprocess.run(
        [promtool, "check", "rules", FOLDER / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_panel_has_a_place_of_its_own_and_a_legend() -> None:
    drawn = dashboard()["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in drawn}
    assert len(places) == len(drawn) == len({panel["id"] for panel in drawn})
    assert all(target["legendFormat"] for panel in drawn for target in panel["targets"])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_the_runbook_of_an_alert_exists(alert: Alert) -> None:
    runbook = alert.rule()["annotations"]["runbook"]
    page, anchor = runbook.split("#")
    assert anchor == alert.name.lower()
    assert anchor in anchors(ROOT / page)
