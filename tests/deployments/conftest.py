"""A real local Ray for the tests that carry the marker `cluster`: started once, one application at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster import serve_proxies
from cluster.local.hosts import free_port
from cluster.local.ray_folder import LOOPBACK, RayFolder, keep_to_itself

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def ray_url() -> Iterator[str]:
    folder = RayFolder.make()
    keep_to_itself(folder)
    import ray
    from ray import serve

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.update(serve_proxies.ENVIRONMENT)
    os.environ["RAY_agent_register_timeout_ms"] = "100000"  # noqa: SIM112 - Ray's spelling; a busy machine is slow
    # For the tests of metrics, instead of 10 s. Not less: Ray forgets a gauge that was not told for two of these.
    os.environ["RAY_metrics_report_interval_ms"] = "3000"  # noqa: SIM112 - Ray's spelling
    # Only requests that come with a trace of their caller's are traced.
    traced = {
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "deployments.observability.tracing:exporter",
        "RAY_SERVE_TRACING_SAMPLING_RATIO": "0",
        "OTEL_TRACES_EXPORTER": "file",
    }
    ray.init(
        address="local",  # never a cluster that somebody else runs on this machine
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        object_store_memory=600_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT), **traced}},
        _node_ip_address=LOOPBACK,
        _temp_dir=str(folder.ray),
    )
    # For programs that tests start: `address="auto"` is this cluster, whatever else runs on the machine.
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port, "request_timeout_s": 120})
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()
    ray.shutdown()
    del os.environ["RAY_ADDRESS"]
    folder.remove()


@pytest.fixture(scope="module")
def serving(ray_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Deploys the application with the arguments given and so many Gateways, waits until it is ready, and takes it down
    after the module. Without `whole` it does not wait until every engine is loaded.

    Its live configuration lies in a folder of the module's own.
    """
    import ray
    from ray import serve

    from deployments.app import build
    from deployments.config.schema import ClusterConfig

    state_dir = str(tmp_path_factory.mktemp("state"))

    def deploy(arguments: dict[str, Any], *, gateways: int = 1, prefix: str = "", whole: bool = True) -> str:
        # Fakes misbehave on pages of ordinary width.
        ready_page = not any(engine["name"].startswith("tests.fakes.") for engine in arguments.get("engines", ()))
        given = {"state_dir": state_dir, "ready_page": ready_page, **arguments}
        application = build(ClusterConfig.model_validate(given))
        application._bound_deployment = application._bound_deployment.options(num_replicas=gateways)
        target = serve.RunTarget(application, name="quorum", route_prefix=prefix or "/")
        serve.run_many([target], wait_for_applications_running=whole)
        deadline = time.monotonic() + 120
        while (response := httpx.get(f"{ray_url}{prefix}/ready", timeout=60)).status_code != 200:
            assert time.monotonic() < deadline, f"not ready: {response.text}"
            time.sleep(0.5)
        return f"{ray_url}{prefix}"

    yield deploy
    serve.delete("quorum")
    for actor in ray.util.list_named_actors(all_namespaces=True):  # what the replicas shared outlives them on purpose
        if actor["namespace"] == "quorum":
            ray.kill(ray.get_actor(**actor))
