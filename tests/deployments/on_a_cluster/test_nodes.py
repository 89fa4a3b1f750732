"""A cluster of two nodes with folders of their own: its metrics and logs are those of both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.local.hosts import Host, namespaced_hosts, why_no_namespaces
from cluster.local.multi_node_cluster import MultiNodeCluster
from deployments.config.api_keys import hashed
from deployments.observability.metrics_page import MetricFamily, sum_pages
from ocr.contract import LogsAnswer

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "examples" / "quick.png"
_FAR = {"ray_actor_options": {"num_cpus": 0.1, "label_selector": {"place": "far"}}}
_NEAR = {"ray_actor_options": {"num_cpus": 0.1, "label_selector": {"place": "near"}}}


@dataclass(frozen=True)
class Stage:
    """The service, and its two nodes by address. The engine `steady` runs on the far one, all else on the near one."""

    http: httpx.Client
    near: str
    far: str


def _with_a_folder(host: Host, folder: Path, place: Path) -> Host:
    """A host on which Ray's folder at `place` is not that of the other hosts."""
    folder.mkdir()
    own = f'mount --bind {folder} {place} && exec "$@"'
    return replace(
        host,
        command_prefix=(*host.command_prefix, "unshare", "--mount", "--propagation", "private", "sh", "-c", own, "sh"),
    )


def _config(state: Path, port: int) -> dict[str, Any]:
    arguments = {
        "engines": [{"name": "tests.fakes.steady"}, {"name": "tests.fakes.agreeing"}],
        "ready_engines": 2,
        "state_dir": str(state),
        "security": {"admin_api_keys": [hashed("boss")]},
    }
    deployments = [{"name": name, **_NEAR} for name in ("Gateway", "Router", "Segmentation", "JobWorker", "agreeing")]
    application = {
        "name": "quorum",
        "route_prefix": "/",
        "import_path": "deployments.app:build",
        "args": arguments,
        "deployments": [*deployments, {"name": "steady", **_FAR}],
    }
    return {"http_options": {"host": "0.0.0.0", "port": port}, "applications": [application]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if missing := why_no_namespaces():
        pytest.skip(missing)
    environment = {"PYTHONPATH": str(ROOT), "RAY_metrics_report_interval_ms": "3000"}
    with tempfile.TemporaryDirectory() as folder, namespaced_hosts(2) as hosts, MultiNodeCluster(environment) as nodes:
        nodes.ray_folder.mkdir()
        near, far = (_with_a_folder(host, Path(folder) / host.name, nodes.ray_folder) for host in hosts)
        nodes.add(near, cpus=2, labels={"place": "near"})
        nodes.add(far, cpus=2, labels={"place": "far"})
        nodes.deploy(_config(tmp_path_factory.mktemp("state"), near.http_port))
        with httpx.Client(base_url=near.url, headers={"X-API-Key": "boss"}, timeout=60) as http:
            _eventually(lambda: _is_ready(http), 150.0)
            yield Stage(http, near.address, far.address)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def _eventually(found: Callable[[], Any], within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (result := found()):
        assert time.monotonic() < deadline, "not within the time given"
        time.sleep(0.3)
    return result


def test_metrics_are_the_sum_over_both_nodes(stage: Stage) -> None:
    for _ in range(4):
        answer = stage.http.post("/predict_text", content=QUICK.read_bytes(), headers={"content-type": "image/png"})
        assert answer.status_code == 200, answer.text
    page = _eventually(lambda: text if _has_both(text := stage.http.get("/metrics").text) else None)
    reported = {labels["deployment"] for labels, _ in _family(page, "ray_ocr_replica_memory_bytes").series()}
    assert reported == {"Gateway", "Router", "Segmentation", "JobWorker", "steady", "agreeing"}


def _has_both(page: str) -> bool:
    """Whether batches of both engines are counted, the far one's too, and every replica has told its memory."""
    batches = {labels["engine"] for labels, _ in _family(page, "ray_ocr_batch_crops").series("_count")}
    return batches == {"steady", "agreeing"} and len(_family(page, "ray_ocr_replica_memory_bytes").samples) >= 6


def _family(page: str, name: str) -> MetricFamily:
    return sum_pages([page]).get(name, MetricFamily(name, "", ""))


def test_logs_come_from_both_nodes(stage: Stage) -> None:
    answer = LogsAnswer.model_validate(stage.http.get("/logs?limit=1000").json())
    assert (answer.nodes, answer.missing_nodes) == (2, [])
    by_component = {record.component: record.node for record in answer.records}
    assert by_component["steady"] == stage.far
    assert by_component["Router"] == by_component["Gateway"] == stage.near
    assert len({record.node for record in answer.records if record.component == "steady"}) == 1
