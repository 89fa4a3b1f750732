"""What the report on scaling makes of figures."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scaling.report import (
    bend,
    carried,
    controller_slope,
    core_ms,
    efficiency,
    markdown,
    replicas_for,
)


def step(replicas: int, per_second: float, path: str = "HTTP", **cores: float) -> dict[str, Any]:
    return {
        "path": path,
        "replicas": replicas,
        "clients": 2 * replicas,
        "per_second": per_second,
        "p50_ms": 400.0,
        "p99_ms": 450.0,
        "failed": 0,
        "cores": cores or {"Gateway": 0.1 * replicas},
    }


STEPS = [step(1, 5.0), step(4, 19.0), step(8, 35.0), step(16, 40.0, Gateway=1.0, Router=0.8), step(1, 6.0, "other")]


def test_linear_is_what_as_many_single_replicas_would_make_on_the_same_way() -> None:
    assert efficiency(STEPS[1], STEPS) == pytest.approx(0.95)
    assert efficiency(STEPS[4], STEPS) == 1.0


def test_the_bend_is_the_first_step_below_nine_tenths() -> None:
    found = bend("HTTP", STEPS)
    assert found is not None
    assert found["replicas"] == 8
    assert bend("other", STEPS) is None


def test_processor_time_is_shared_out_over_the_requests() -> None:
    costs = core_ms(STEPS[3])
    assert (costs["Gateway"], costs["Router"], costs["proxy"]) == (25.0, 20.0, 0.0)


def test_what_one_replica_carries_is_its_computing_and_its_calls() -> None:
    steps = [step(1, 5.0), step(4, 20.0, proxy=0.1, Gateway=0.2, Router=0.4, Segmentation=0.06)]
    cost = carried({"steps": steps}, {"gateway_ms": 90.0, "router_ms": 40.0, "segmentation_ms": 497.0})
    assert cost == pytest.approx({"proxy": 5.0, "Gateway": 100.0, "Router": 100.0, "Segmentation": 500.0})
    assert replicas_for(1000, cost["Router"]) == 143


def test_what_a_replica_costs_the_controller_is_the_rise_between_few_and_many() -> None:
    steps = [step(count, 5.0 * count, "engine handle", controller=0.01 + 0.002 * count) for count in (1, 6, 11)]
    assert controller_slope(steps) == pytest.approx(0.002)


def test_the_page_says_where_it_bends_and_how_many_requests_failed() -> None:
    burst = {
        "setting": {"commit": "abc"},
        "bounds": {"min_replicas": 0},
        "moments": [
            {"at": 0.0, "clients": 2, "replicas": 0},
            {"at": 9.0, "clients": 2, "replicas": 1},
            {"at": 9.5, "clients": 2, "replicas": 1},
        ],
        "answers": [{"asked": 0.0, "seconds": 9.0, "problem": ""}, {"asked": 9.0, "seconds": 0.4, "problem": "cut"}],
    }
    text = markdown({"throughput": {"setting": {}, "service_s": 0.2, "steps": STEPS}, "autoscaling": burst})
    assert "**HTTP**: no longer linear at 8 replicas (0.88)." in text
    assert "**other**: linear up to the last step, 1 replicas" in text
    assert "**1 failed**" in text
    assert "| 9 | 2 | 0 | 1 |" in text
    assert text.count("| 9 | 2 |") == 1, "only changes are listed"
