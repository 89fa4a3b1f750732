"""A real Prometheus scrapes a real cluster of two nodes: every panel draws something, every alert fires when its fault
is made and clears when that ends. Windows are short here; everything else of the rules is what is deployed.
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
import yaml

from cluster.kuberay.monitoring import Panel, panels, rules
from cluster.local.hosts import Host, free_port, loopback_hosts
from cluster.local.multi_node_cluster import MultiNodeCluster
from tests.cluster.kuberay.conftest import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

ENGINES = ("steady", "agreeing", "letter", "slow", "broken", "doubtful")
WINDOW, AFTER = "20s", "4s"
_PATIENCE_S = 150.0


def _page(width: int) -> bytes:
    """One line. Drawn across more than 600 px it is one on which some of the fakes misbehave."""
    picture = PIL.Image.new("RGB", (width, 120), "white")
    text = "a line that runs across the whole of this wide page" if width > 600 else "some words"
    PIL.ImageDraw.Draw(picture).text((20, 30), text, fill="black", font=PIL.ImageFont.load_default(36))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


NARROW, WIDE = _page(400), _page(1100)


@dataclass(frozen=True)
class Live:
    """The service, and the Prometheus that watches it."""

    url: str
    agents: list[str]
    prometheus: str

    def read(self, route: str, image: bytes, **options: Any) -> int:
        headers = {"content-type": "image/png"}
        return httpx.post(f"{self.url}{route}", content=image, params=options, headers=headers, timeout=60).status_code

    def healthy(self) -> None:
        assert self.read("/predict_text", NARROW, engines="steady,agreeing,broken") == 200
        assert self.read("/predict", NARROW, engines="letter") == 200
        time.sleep(0.2)

    def query(self, expression: str) -> list[float]:
        """The values of all series at this moment, without those that are no number."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        assert answer.status_code == 200, answer.text
        values = [float(series["value"][1]) for series in answer.json()["data"]["result"]]
        return [value for value in values if not math.isnan(value)]

    def firing(self) -> set[str]:
        alerts = httpx.get(f"{self.prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed; make test-all installs it"
    folder = tmp_path_factory.mktemp("prometheus")
    hosts = loopback_hosts(2)
    with MultiNodeCluster({"PYTHONPATH": str(ROOT), "RAY_metrics_report_interval_ms": "1000"}) as nodes:
        agents = [nodes.add(host, cpus=2.0).metrics for host in hosts]
        nodes.deploy(_application(hosts[0], str(folder / "state")))
        url = hosts[0].url
        _wait_until(lambda: httpx.get(f"{url}/ready", timeout=30).status_code == 200, "the cluster is ready")
        with Prometheus(program, folder, agents) as address:
            yield Live(url, agents, address)


def _application(host: Host, state_dir: str) -> dict[str, Any]:
    """Fake engines, of which some misbehave, for a cluster of two nodes."""
    arguments = {
        "engines": [{"name": f"tests.fakes.{name}"} for name in ENGINES],
        "state_dir": state_dir,
        "ready_engines": len(ENGINES),
        "ready_page": False,  # some of them misbehave on it
        "limits": {"requests_per_minute": 100_000},
    }
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": host.http_address, "port": host.http_port},
        "applications": [
            {"name": "quorum", "route_prefix": "/", "import_path": "deployments.app:build", "args": arguments}
        ],
    }


class Prometheus:
    """A Prometheus that scrapes `agents` every two seconds, under the rules that are deployed."""

    def __init__(self, program: str, folder: Path, agents: list[str]) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules(WINDOW, AFTER)))
        config = {
            "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
            "rule_files": [str(folder / "rules.yaml")],
            "scrape_configs": [{"job_name": "quorum", "static_configs": [{"targets": agents}]}],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._command = [
            program, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={self._address}",
        ]  # fmt: skip
        self._log = folder / "prometheus.log"

    def __enter__(self) -> str:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stderr=log)
        url = f"http://{self._address}"
        _wait_until(lambda: httpx.get(f"{url}/-/ready", timeout=5).status_code == 200, "Prometheus is ready")
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


def _wait_until(holds: Callable[[], bool], what: str) -> float:
    """Seconds until it held."""
    started = time.monotonic()
    while time.monotonic() < started + _PATIENCE_S:
        try:
            if holds():
                return time.monotonic() - started
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail(f"after {_PATIENCE_S:.0f} s it does not hold that {what}")


@dataclass
class Traffic:
    """Sends the same thing again and again beside the test."""

    send: Callable[[], object]

    def __enter__(self) -> None:
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.send()
        except Exception as error:  # noqa: BLE001 - raised again where the test waits
            self._failure = error

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure


def _unanswered(live: Live) -> None:
    assert live.read("/predict_text", WIDE, engines="slow", timeout_s=0.8) in (503, 504)


def _slow_character(live: Live) -> None:
    assert live.read("/predict", WIDE, engines="slow", timeout_s=20) == 200


def _doubtful(live: Live) -> None:
    assert live.read("/predict_text", NARROW, engines="doubtful") == 200


def _without_an_engine(live: Live) -> None:
    assert live.read("/predict_text", WIDE, engines="steady,broken") == 200


FAULTS = {
    "QuorumErrorRate": _unanswered,
    "QuorumCharacterLatency": _slow_character,
    "QuorumLowConfidence": _doubtful,
    "QuorumEngineUnavailable": _without_an_engine,
}


# Of jobs: an hour is too long to wait for, and jobs on these two nodes have no store that they share. Made-up series
# stand for their faults in test_alerts.py.
NOT_MADE = {"QuorumJobsWait", "QuorumJobStore"}


def test_there_is_a_fault_for_every_alert() -> None:
    assert {rule["alert"] for group in rules()["groups"] for rule in group["rules"]} == FAULTS.keys() | NOT_MADE


# What counts pages and calls of jobs has no series where there was no job.
SHOWN = [panel for panel in panels(WINDOW) if panel.title not in ("Jobs: pages a second", "Jobs: callbacks")]


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel.title)
def test_every_query_of_a_panel_returns_numbers(live: Live, panel: Panel) -> None:
    with Traffic(live.healthy):
        for expression, _ in panel.queries:
            _wait_until(lambda expression=expression: bool(live.query(expression)), f"{expression} returns numbers")


def test_both_nodes_are_scraped(live: Live) -> None:
    assert len(live.agents) == 2
    _wait_until(lambda: live.query("up") == [1.0, 1.0], "both agents answer")


@pytest.mark.parametrize("alert", FAULTS)
def test_an_alert_fires_when_its_fault_is_made_and_clears_after(live: Live, alert: str) -> None:
    with Traffic(live.healthy):
        _wait_until(lambda: alert not in live.firing(), f"{alert} is quiet at first")
    with Traffic(lambda: FAULTS[alert](live)):
        fired_s = _wait_until(lambda: alert in live.firing(), f"{alert} fires")
    with Traffic(live.healthy):
        cleared_s = _wait_until(lambda: alert not in live.firing(), f"{alert} clears")
    print(f"\n{alert}: fired {fired_s:.0f} s after its fault was made, cleared {cleared_s:.0f} s after that ended")
