"""Two Gateways of a real local cluster: a rate and a change of the configuration are of both, with what they share
in an actor and in a Redis server.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from redis import Redis

from cluster.local.redis_server import running_redis
from deployments.config.api_keys import hashed
from ocr.contract import LogsAnswer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CONFIG = {
    "engines": [{"name": "tests.fakes.steady"}],
    "ready_engines": 1,
    "security": {"admin_api_keys": [hashed(key) for key in ("boss", "first", "second")]},
}
PER_MINUTE = 30  # more than this file asks with one key by the way


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with running_redis() as server:
        yield server.url(0)


@pytest.fixture(scope="module")
def admin(request: pytest.FixtureRequest, redis: str, serving: Callable[..., str]) -> Iterator[httpx.Client]:
    shared = {} if request.param == "in an actor" else {"redis_url": redis}
    url = serving({**CONFIG, **shared}, gateways=2)
    with httpx.Client(base_url=url, headers={"X-API-Key": "boss"}, timeout=60) as client:
        yield client


def change(admin: httpx.Client, document: dict[str, Any]) -> int:
    """The version that was made, once both Gateways say that it is in force."""
    begun = datetime.now(UTC)
    response = admin.put("/config", json=document)
    assert response.status_code == 200, response.text
    version = int(response.json()["version"])
    wanted = f"version {version} of the live configuration is in force"
    deadline = time.monotonic() + 30
    while len(heard := _replicas_that_said(admin, wanted, begun)) < 2:
        assert time.monotonic() < deadline, f"only {heard} took version {version}"
        time.sleep(0.5)
    return version


def _replicas_that_said(admin: httpx.Client, message: str, since: datetime) -> set[str]:
    records = LogsAnswer.model_validate(admin.get("/logs?component=Gateway&limit=1000").json()).records
    return {record.replica for record in records if record.time >= since and record.message.startswith(message)}


def asked_at_once(admin: httpx.Client, key: str, times: int) -> list[int]:
    """The statuses, each over a connection of its own."""

    def ask(_: int) -> int:
        return httpx.post(f"{admin.base_url}/predict_text", headers={"X-API-Key": key}, timeout=60).status_code

    with ThreadPoolExecutor(max_workers=20) as pool:
        return sorted(pool.map(ask, range(times)))


@pytest.mark.parametrize("admin", ["in an actor", "in Redis"], indirect=True)
def test_both_gateways_count_a_caller_together(admin: httpx.Client) -> None:
    begun = datetime.now(UTC)
    change(admin, {"limits": {"requests_per_minute": PER_MINUTE}})
    for key in ("first", "second"):  # each has a minute of its own
        assert asked_at_once(admin, key, 2 * PER_MINUTE) == [400] * PER_MINUTE + [429] * PER_MINUTE
    assert len(_replicas_that_said(admin, "POST /predict_text", begun)) == 2, "one Gateway alone had every request"


@pytest.mark.parametrize("admin", ["in Redis"], indirect=True)
def test_with_redis_a_change_outlives_the_process_that_made_it_and_is_there_for_another_deployment(
    admin: httpx.Client, redis: str, serving: Callable[..., str], tmp_path: Path
) -> None:
    before = change(admin, {"profile": "printed"})
    for process in psutil.Process().children(recursive=True):
        if "ray::SharedActor" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGKILL)
    assert change(admin, {"method": "majority_voting"}) == before + 1
    kept = Redis.from_url(redis).keys("*")
    assert any(b"quorum-rates" in name for name in kept)
    serving({**CONFIG, "redis_url": redis, "state_dir": str(tmp_path)})
    answer = admin.get("/config").json()
    assert (answer["version"], answer["live"]) == (before + 1, {"method": "majority_voting"})
    assert list(tmp_path.rglob("live.json")) == []
