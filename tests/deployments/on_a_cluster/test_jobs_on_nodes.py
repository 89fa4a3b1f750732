"""A job on a cluster of several nodes, with Redis as the store: a node dies in the middle, and no page is lost."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.local.hosts import namespaced_hosts, why_no_namespaces
from cluster.local.multi_node_cluster import MultiNodeCluster, Node
from cluster.local.redis_server import running_redis
from deployments.placement import application
from tests.fakes.sized_pages import sized_pdf, width_of

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
PAGES = 120
_OPTIONS = {"dpi": "72", "existing_text": "redo"}
_PARTS = ("Gateway", "Router", "Segmentation", "JobWorker", "steady")
_SPREAD = {"num_replicas": 2, "max_replicas_per_node": 1, "ray_actor_options": {"num_cpus": 0.1}}


class Stage:
    """A head without replicas, and two workers with a replica of everything."""

    def __init__(self, nodes: MultiNodeCluster, workers: list[Node]) -> None:
        self.nodes = nodes
        self.workers = workers

    def asked(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """The answer of whichever worker gives one."""
        deadline = time.monotonic() + 120
        while True:
            for worker in self.workers:
                try:
                    response = httpx.request(method, f"{worker.host.url}{path}", timeout=30, **sent)
                except httpx.TransportError:
                    continue
                if response.status_code < 500:
                    return response
            assert time.monotonic() < deadline, f"nobody answers {path}"
            time.sleep(0.5)

    def until(self, job: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 400
        while not is_so(answer := self.asked("GET", f"/jobs/{job}").json()):
            assert time.monotonic() < deadline, answer
            time.sleep(0.3)
        return answer

    def is_complete(self) -> bool:
        there = [actor.component for actor in self.nodes.actors() if not actor.stopped]
        return all(there.count(part) == 2 for part in _PARTS) and self._is_ready()

    def _is_ready(self) -> bool:
        try:
            return all(httpx.get(f"{node.host.url}/ready", timeout=5).is_success for node in self.workers)
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    if missing := why_no_namespaces():
        pytest.skip(missing)
    with (
        tempfile.TemporaryDirectory() as place,
        namespaced_hosts(3) as hosts,
        running_redis(hosts[0].gateway_address) as redis,
        MultiNodeCluster({"PYTHONPATH": str(ROOT)}, redis=redis) as nodes,
    ):
        nodes.add(hosts[0], cpus=0.0)
        workers = [nodes.add(host, cpus=2.0) for host in hosts[1:]]
        arguments = {
            "engines": [{"name": "tests.fakes.steady"}],
            "ready_engines": 1,
            "state_dir": f"{place}/state",
            "redis_url": redis.url(1),
            "jobs_files": f"{place}/files",
            "jobs": {"lease_s": 5.0},
        }
        options = dict.fromkeys(_PARTS, _SPREAD)
        http = {"host": "0.0.0.0", "port": workers[0].host.http_port, "request_timeout_s": 60.0}
        served = {"proxy_location": "EveryNode", "http_options": http}
        nodes.deploy({**served, "applications": [application(arguments, options)]})
        made = Stage(nodes, workers)
        deadline = time.monotonic() + 240
        while not made.is_complete():
            assert time.monotonic() < deadline, [actor.component for actor in nodes.actors()]
            time.sleep(0.5)
        yield made


def test_a_node_dies_in_the_middle_of_a_job_and_each_page_comes_once_right_and_in_order(stage: Stage) -> None:
    sent = {"files": {"file": ("book.pdf", sized_pdf(PAGES))}, "data": _OPTIONS}
    job = stage.asked("POST", "/jobs", **sent).json()["id"]
    stage.until(job, lambda answer: answer["pages_done"] >= 30)
    lost = stage.workers.pop()
    stage.nodes.remove(lost)
    answer = stage.until(job, lambda answer: answer["finished_at"] is not None)
    assert (answer["state"], answer["pages_done"], answer["pages_failed"]) == ("succeeded", PAGES, 0)
    *pages, end = stage.asked("GET", f"/jobs/{job}/result?format=ndjson").text.splitlines()
    assert json.loads(end)["end"] is True
    widths = [json.loads(page)["answer"]["width"] for page in pages]
    assert widths == [width_of(number) for number in range(1, PAGES + 1)]
