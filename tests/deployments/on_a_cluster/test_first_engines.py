"""While an engine still loads, the service is ready and reads with the others, and its answers say which one lacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.deployments.on_a_cluster.test_faults import NARROW, read, statuses

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(200)]


def test_pages_are_read_by_the_first_engines_while_another_loads(serving: Callable[..., str], tmp_path: Path) -> None:
    engines = [{"name": "tests.fakes.steady"}, {"name": "tests.fakes.late"}]
    url = serving({"engines": engines, "ready_engines": 1, "cache_dir": str(tmp_path)}, whole=False)
    ready = httpx.get(f"{url}/ready", timeout=10).json()
    assert (ready["engines"], ready["missing"]) == (["steady"], {"late": "starting"})
    assert httpx.get(f"{url}/status", timeout=10).json()["status"] == "degraded"

    answer = read(url, NARROW)
    assert statuses(answer) == {"steady": "ok", "late": "unavailable"}
    assert (answer.json()["text"], answer.json()["degraded"]) == ("steady", True)
    assert "still starting" in answer.json()["engine_predictions"]["late"]["detail"]

    (tmp_path / "late").touch()
    deadline = time.monotonic() + 60
    while (answer := read(url, NARROW)).json()["degraded"]:
        assert time.monotonic() < deadline, statuses(answer)
        time.sleep(0.2)
    assert statuses(answer) == {"steady": "ok", "late": "ok"}
