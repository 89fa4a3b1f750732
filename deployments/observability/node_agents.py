"""What the nodes of the cluster know: the metrics of their agents, the ends of their log files.

A node that does not answer is left out, and named. Asked only when an administrator asks; no reading request waits for
this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from deployments.observability.log_tail import LogQuery, merge_records, newest_records
from deployments.observability.metrics_page import MetricFamily, sum_pages
from ocr.contract import LogRecord, LogsAnswer

log = logging.getLogger("quorum.nodes")

_SCRAPE_S = 5.0
_LOGS_S = 20.0


class NodeAgents:
    """All nodes that live."""

    async def metrics(self) -> Mapping[str, MetricFamily]:
        """The metrics of the whole cluster, summed."""
        nodes = await _alive_nodes()
        async with httpx.AsyncClient(timeout=_SCRAPE_S, trust_env=False) as http:
            pages = await asyncio.gather(*(_metrics_of(http, node) for node in nodes))
        return await asyncio.to_thread(sum_pages, [page for page in pages if page is not None])

    async def logs(self, query: LogQuery) -> LogsAnswer:
        """The newest records of all nodes."""
        nodes = await _alive_nodes()
        parts = await asyncio.gather(*(_newest_records_of(node, query) for node in nodes))
        return LogsAnswer(
            records=merge_records([part for part in parts if part is not None], query.options.limit),
            nodes=sum(part is not None for part in parts),
            missing_nodes=[node["NodeManagerAddress"] for node, part in zip(nodes, parts, strict=True) if part is None],
        )


async def _alive_nodes() -> list[dict[str, Any]]:
    nodes = await asyncio.to_thread(ray.nodes)
    return [node for node in nodes if node["Alive"]]


async def _metrics_of(http: httpx.AsyncClient, node: Mapping[str, Any]) -> str | None:
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    try:
        response = await http.get(url)
        response.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("no metrics from %s: %s", url, type(error).__name__)
        return None
    return response.text


async def _newest_records_of(node: Mapping[str, Any], query: LogQuery) -> list[LogRecord] | None:
    here = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
    task = ray.remote(_newest_records_here).options(num_cpus=0, scheduling_strategy=here, max_retries=0)
    reference = task.remote(node["NodeManagerAddress"], query)
    try:
        async with asyncio.timeout(_LOGS_S):
            records: list[LogRecord] = await reference
    except (TimeoutError, ray.exceptions.RayError) as error:
        log.warning("no logs from %s: %s", node["NodeManagerAddress"], type(error).__name__)
        ray.cancel(reference)
        return None
    return records


def _newest_records_here(node: str, query: LogQuery) -> list[LogRecord]:
    """Runs on the node whose logs are wanted."""
    from ray.serve._private.logging_utils import get_serve_logs_dir

    return newest_records(Path(get_serve_logs_dir()), node, query)
