"""Every alert on made-up series, by Prometheus' own `promtool test rules`: quiet while all is well, firing while its
fault lasts, quiet again after. The same on a real cluster is the slow test beside this one.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kuberay.monitoring import alerts, rules

# Counters a minute before, during and after the fault, each for twenty minutes: (series, steps of each phase).
_TRAFFIC = ('ray_ocr_requests_total{route="/predict_text",status="200"}', (60, 60, 60))
FAULTS: dict[str, list[tuple[str, tuple[float, float, float]]]] = {
    "QuorumErrorRate": [_TRAFFIC, ('ray_ocr_requests_total{route="/predict_text",status="504"}', (1, 10, 1))],
    "QuorumCharacterLatency": [
        ('ray_ocr_request_seconds_bucket{route="/predict",le="0.1"}', (60, 0, 60)),
        ('ray_ocr_request_seconds_bucket{route="/predict",le="0.25"}', (60, 0, 60)),
        ('ray_ocr_request_seconds_bucket{route="/predict",le="0.5"}', (60, 60, 60)),
        ('ray_ocr_request_seconds_bucket{route="/predict",le="+Inf"}', (60, 60, 60)),
    ],
    "QuorumLowConfidence": [
        ('ray_ocr_confidence_sum{task="text"}', (54, 24, 54)),
        ('ray_ocr_confidence_count{task="text"}', (60, 60, 60)),
    ],
    "QuorumEngineUnavailable": [
        ('ray_ocr_engine_outcomes_total{engine="trocr",outcome="ok"}', (60, 10, 60)),
        ('ray_ocr_engine_outcomes_total{engine="trocr",outcome="error"}', (0, 50, 0)),
        ('ray_ocr_engine_outcomes_total{engine="trocr",outcome="skipped"}', (600, 600, 600)),
        ('ray_ocr_engine_outcomes_total{engine="tesseract",outcome="ok"}', (60, 60, 60)),
    ],
    "QuorumJobsWait": [
        ('ray_ocr_jobs_oldest_seconds{priority="batch"}', (0, 600, 0)),
        ('ray_ocr_job_pages_total{priority="batch",result="read"}', (60, 0, 60)),
    ],
    "QuorumJobStore": [("ray_ocr_job_store_errors_total", (0, 60, 0))],
}
_PHASE_MIN = 20


def _values(steps: tuple[float, float, float]) -> str:
    """A counter that grows by these steps a minute, in promtool's notation."""
    first, second, third = steps
    at = (0.0, first * _PHASE_MIN, first * _PHASE_MIN + second * _PHASE_MIN)
    return " ".join(
        f"{start + step:g}+{step:g}x{_PHASE_MIN - 1}" for start, step in zip(at, (first, second, third), strict=True)
    )


def _expected(alert: str, minute: int, *, firing: bool) -> dict[str, Any]:
    labels = {"severity": next(a.severity for a in alerts() if a.name == alert), "service": "quorum"}
    if alert == "QuorumEngineUnavailable":
        labels["engine"] = "trocr"
    return {
        "eval_time": f"{minute}m",
        "alertname": alert,
        **({"exp_alerts": [{"exp_labels": labels}]} if firing else {}),
    }


def test_there_is_a_fault_for_every_alert() -> None:
    assert FAULTS.keys() == {alert.name for alert in alerts()}


@pytest.mark.parametrize("alert", FAULTS)
def test_an_alert_fires_while_its_fault_lasts_and_only_then(alert: str, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NOT RUN: promtool is not installed (it is part of Debian's package prometheus)")
    document = rules()
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["annotations"] = {}  # promtool compares them whole, with the value put in
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    # Soon after the fault began it has not lasted long enough.
    before, early, late, after = _PHASE_MIN - 1, _PHASE_MIN + 3, 2 * _PHASE_MIN - 1, 3 * _PHASE_MIN - 1
    expected = [_expected(alert, minute, firing=minute == late) for minute in (before, early, late, after)]
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": _values(steps)} for series, steps in FAULTS[alert]],
        "alert_rule_test": expected,
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    checked = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
