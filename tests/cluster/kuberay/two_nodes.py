"""A program: the application with fake engines on a cluster of two nodes, until its standard input ends.

    python -m tests.cluster.kuberay.two_nodes

Writes one line of JSON, `{"url": ..., "agents": ["127.0.0.1:..."]}`: where it serves, and where each node's agent
exports metrics. A process of its own, because the other tests have another cluster.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

ENGINES = ("steady", "agreeing", "letter", "slow", "broken", "doubtful")
_ROOT = Path(__file__).parents[3]


def main() -> None:
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_metrics_report_interval_ms": "1000",
        "RAY_agent_register_timeout_ms": "100000",
    }
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 2, "object_store_memory": 200_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node)
    ray.init(
        address=cluster.address,
        logging_level="ERROR",
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(_ROOT)}},
    )
    url = _served()
    agents = [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in ray.nodes()]
    print(json.dumps({"url": url, "agents": agents}), flush=True)
    sys.stdin.read()
    serve.shutdown()
    ray.shutdown()
    cluster.shutdown()


def _served() -> str:
    from ray import serve

    from deployments.app import build
    from deployments.config import ClusterConfig

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    config = ClusterConfig.model_validate(
        {
            "engines": [{"name": f"tests.fakes.{name}"} for name in ENGINES],
            "state_dir": tempfile.mkdtemp(),
            "ready_engines": len(ENGINES),
            "limits": {"requests_per_minute": 100_000},
        }
    )
    serve.run(build(config), name="quorum", route_prefix="/", blocking=False)
    return f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    main()
