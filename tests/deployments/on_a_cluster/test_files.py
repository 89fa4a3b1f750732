"""Both configuration files through `serve run`, as they are but for the address, each on a cluster of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster.local.ray_folder import RayFolder
from ocr.contract import StatusAnswer

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
QUICK = ROOT / "examples" / "quick.png"

# `serve run` uses the Ray of its process; this one has room for the production file, whatever the machine has.
# Whoever started the tests in the background has had SIGINT ignored, and what ignores it hands that on.
PROGRAM = """
import signal, sys
from pathlib import Path
from cluster.local.ray_folder import LOOPBACK, RayFolder, keep_to_itself
folder = RayFolder(Path(sys.argv[2]))
keep_to_itself(folder)
import ray
from ray.serve.scripts import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
ray.init("local", namespace="serve", num_cpus=16, num_gpus=1, _memory=32e9, include_dashboard=False,
         object_store_memory=600_000_000, labels={"pool": "any"}, _node_ip_address=LOOPBACK, _temp_dir=str(folder.ray))
cli(["run", sys.argv[1]])
"""


@pytest.fixture
def serve_run(tmp_path: Path) -> Iterator[Callable[[str], tuple[str, dict[str, Any]]]]:
    """Runs the file of that name and gives the URL and the deployments that it names."""
    started: list[subprocess.Popen[bytes]] = []
    folder = RayFolder.make()

    def run(name: str) -> tuple[str, dict[str, Any]]:
        content = yaml.safe_load((ROOT / name).read_text())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for deployment in content["applications"][0]["deployments"]:  # there is no card, and no environment for one
            deployment["ray_actor_options"].pop("runtime_env", None)
        content["http_options"] |= {"host": "127.0.0.1", "port": port}
        (tmp_path / name).write_text(yaml.safe_dump(content))
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
        with (tmp_path / "log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, str(tmp_path / name), str(folder.path)],
                    cwd=ROOT,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
            )
        return f"http://127.0.0.1:{port}", {d["name"]: d for d in content["applications"][0]["deployments"]}

    yield run
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
    folder.remove()


def settled(url: str) -> StatusAnswer:
    """The status once every engine has said how it is."""
    deadline = time.monotonic() + 400
    while True:
        try:
            status = StatusAnswer.model_validate(httpx.get(f"{url}/status", timeout=10).json())
            if all(engine.available or engine.detail != "starting" for engine in status.engines.values()):
                return status
        except (httpx.HTTPError, ValueError):
            pass
        assert time.monotonic() < deadline, "the engines did not settle"
        time.sleep(1.0)


@pytest.mark.parametrize("name", ["serve_config.yaml", "serve_config.cpu.yaml"])
def test_serve_run_brings_every_deployment_of_the_file_up_and_a_page_is_read(
    serve_run: Callable[[str], tuple[str, dict[str, Any]]], name: str
) -> None:
    url, deployments = serve_run(name)
    status = settled(url)
    assert {name: part.status for name, part in status.components.items()} == dict.fromkeys(deployments, "HEALTHY")
    for key, engine in status.engines.items():
        asked = deployments[key]["ray_actor_options"]
        assert (engine.cpus, engine.gpu_fraction) == (asked["num_cpus"], asked.get("num_gpus", 0.0))
        assert engine.available or engine.detail, f"{key} is missing and does not say why"
        if engine.gpu_fraction > 0.0:  # Ray was told of a card that is not there
            assert not engine.available, f"{key} holds a fraction of a card and reads without one"
            assert "card" in engine.detail or "GPU" in engine.detail or "CUDA" in engine.detail
    assert status.engines["tesseract"].available
    assert status.engines["tesseract"].no_card
    response = httpx.post(
        f"{url}/predict_text", content=QUICK.read_bytes(), headers={"content-type": "image/png"}, timeout=120
    )
    assert response.status_code == 200, response.text
    assert response.json()["engine_predictions"]["tesseract"]["status"] == "ok"
