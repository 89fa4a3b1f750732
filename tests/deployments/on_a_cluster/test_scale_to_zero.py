"""Engines that begin without a replica, on a real local Ray cluster over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.deployments.on_a_cluster.test_faults import NARROW, read, statuses

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    return serving(
        {
            "engines": [
                {"name": "tests.fakes.steady"},
                {"name": "tests.fakes.agreeing", "at_zero": "unavailable"},
                {"name": "tests.fakes.letter", "at_zero": "wait"},
            ],
            "ready_engines": 1,
        }
    )


def engine(url: str, name: str) -> dict[str, Any]:
    return httpx.get(f"{url}/status", timeout=10).json()["engines"][name]


def test_a_sleeping_engine_is_left_out_at_once_or_waited_for_as_it_is_configured_and_either_way_it_wakes(
    url: str,
) -> None:
    deadline = time.monotonic() + 30
    while not (engine(url, "agreeing")["asleep"] and engine(url, "letter")["asleep"]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert engine(url, "agreeing")["replicas"] == 0, "asking for the status woke it"

    response = read(url, NARROW, engines="steady,agreeing", timeout_s=30)
    assert statuses(response) == {"steady": "ok", "agreeing": "unavailable", "letter": "skipped"}
    assert response.json()["degraded"] is True
    assert response.json()["processing_time_ms"] < 15_000, "it was waited for"

    response = read(url, NARROW, engines="steady,letter", timeout_s=50)
    assert statuses(response) == {"steady": "ok", "agreeing": "skipped", "letter": "ok"}

    deadline = time.monotonic() + 60
    while statuses(read(url, NARROW, engines="steady,agreeing"))["agreeing"] != "ok":
        assert time.monotonic() < deadline, "the request before did not wake it"
        time.sleep(0.5)
