"""Deploying an application on Serve, as `serve deploy` does, on a cluster without a dashboard.

    python -m cluster.local.serve_deploy < serve_config.yaml

The program joins the cluster that RAY_ADDRESS names, as a driver on the node with the address QUORUM_NODE, deploys
and ends; the application comes up, or is brought from its old version to the new one, in the background. A file
without applications takes down those that are there.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import yaml


def deploy(config: Mapping[str, Any], *, host: str | None = None, port: int | None = None) -> list[str]:
    """Deploy the applications of `config`, Serve's own schema; returns their names. Ray must be there.

    `host` and `port` are used instead of those in `config`.
    """
    from ray.serve._private.api import serve_start
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(config)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    # What `serve run CONFIG` does; Serve has no public function for it that needs no dashboard.
    client = serve_start(
        http_options={**schema.http_options.model_dump(), **chosen}, proxy_location=schema.proxy_location
    )
    client.deploy_apps(schema, _blocking=False)
    return [str(application.name) for application in schema.applications]


def join(address: str) -> None:
    """Make this process one of the cluster's. QUORUM_NODE is the node's address where Ray does not find it itself, as
    in a network without a way out.
    """
    import ray

    ray.init(
        address=address,
        namespace="serve",
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=os.environ.get("QUORUM_NODE"),
    )


def main() -> None:
    """Deploy what standard input says."""
    join(os.environ["RAY_ADDRESS"])
    deploy(yaml.safe_load(sys.stdin))


if __name__ == "__main__":
    main()
