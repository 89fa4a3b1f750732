"""The Serve class of the Gateway: HTTP, and the methods that programs call through a Serve handle.

    handle = serve.get_app_handle("quorum")
    answer = handle.predict_text.remote(image_bytes, {"profile": "printed"}).result()

Options and answers are those of the HTTP contract, as plain dicts; errors arrive as the exceptions of ocr.errors.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.config.config_watcher import ConfigWatcher, apply_both
from deployments.config.layers import Settings
from deployments.config.schema import ClusterConfig
from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_FRAMES_WAITING
from deployments.gateway.access.rate_limit import ClusterRateLimiter
from deployments.gateway.admin_api import AdminApi, SharedNodes, periodic_tasks
from deployments.gateway.caching.result_cache import CachingReadingService
from deployments.gateway.fair_reading import FairReadingService
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.http_app import create_app
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.live_config import LiveConfiguration
from deployments.gateway.requests.options import parse
from deployments.gateway.router_client import RouterClient
from deployments.jobs.job_queue import job_queue
from deployments.messages.capabilities import Capabilities
from deployments.observability.monitor import LEASE_S, Monitor
from deployments.observability.node_agents import NodeAgents
from deployments.replica.processor_turns import ProcessorTurns
from deployments.replica.runtime import THREADS_SWITCH_S, ReplicaRuntime, ReplicaSettings, shares_of_own_node
from deployments.transport import alive_nodes, detached_context
from ocr.contract import BatchBody, CharacterOptions, DocumentOptions
from ocr.runtime.process_memory import map_large_buffers


@serve.ingress()
class GatewayReplica:
    """A replica of the Gateway: authenticates, limits, validates once, renders."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self,
        router: DeploymentHandle,
        job_worker: DeploymentHandle,
        settings: Settings,
        capabilities: Capabilities,
        version: str,
    ) -> None:
        sys.setswitchinterval(THREADS_SWITCH_S)
        map_large_buffers()
        runtime = ReplicaRuntime(ReplicaSettings.of(settings.config))
        live = LiveConfiguration(settings, capabilities)
        self._config_watcher = ConfigWatcher(runtime.shared, apply_both(runtime.apply, live.apply))
        # Before the first request: a replica that is added must not answer under an older configuration.
        await self._config_watcher.start()
        self._record = runtime.record
        self._rates = ClusterRateLimiter(runtime.shared, settings.config.redis_url)
        shares = shares_of_own_node()
        reading = FairReadingService(
            RouterClient(router),
            lambda: live.capabilities.config.limits,
            CURRENT_CALLER.get,
            CURRENT_FRAMES_WAITING.get,
            shares.asks,
        )
        service = CachingReadingService(reading, lambda: live.capabilities.config.cache, self._record)
        self._api = GatewayApi(service, lambda: live.capabilities, version, detached_context, ProcessorTurns(shares))
        config = settings.config
        queue = job_queue(
            config.redis_url,
            config.state_dir,
            config.jobs_files,
            serve.get_replica_context().app_name,
            lambda: live.capabilities.config.jobs,
        )
        self._jobs = JobsApi(queue, self._api.readings, lambda: _wake(job_worker), lambda: _not_shared(config))
        self._admin_api = AdminApi(live, runtime.shared, SharedNodes(NodeAgents(), detached_context), service)
        self._monitoring = asyncio.create_task(_monitor(self._admin_api, runtime, settings.config.state_dir).run())

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._api, self._admin_api, self._jobs, self._rates, self._record, detached_context)

    async def predict(self, image: bytes, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read one character. Options and answer are those of `POST /predict`."""
        with self._api.admission.slot():
            answer = await self._api.readings.predict(image, parse(CharacterOptions, options or {}))
        return answer.model_dump(mode="json")

    async def predict_text(self, image: bytes, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read a page or a document. Options and answer are those of `POST /predict_text`."""
        with self._api.admission.slot():
            answer = await self._api.readings.predict_text(image, parse(DocumentOptions, options or {}))
        return answer.model_dump(mode="json")

    async def batch_predict(self, images: Sequence[bytes], options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read many images. Options and answer are those of `POST /batch_predict`."""
        body = parse(BatchBody, {**(options or {}), "images": ["-"] * len(images)})
        with self._api.admission.slot():
            answer = await self._api.readings.batch_predict(images, body)
        return answer.model_dump(mode="json")

    async def status(self) -> dict[str, Any]:
        """The answer of `GET /status`."""
        return (await self._api.status()).model_dump(mode="json")

    async def ready(self) -> dict[str, Any]:
        """The answer of `GET /ready`; raises NotReady."""
        return (await self._api.ready()).model_dump(mode="json")


async def _not_shared(config: ClusterConfig) -> str:
    """Why jobs that are kept here would not be seen everywhere; "" where they would."""
    if config.redis_url and config.jobs_files:
        return ""
    nodes = await alive_nodes()
    return "" if nodes < 2 else f"the cluster has {nodes} nodes, and jobs would be kept on one of them alone"


def _wake(job_worker: DeploymentHandle) -> None:
    """Tell one of the workers. It finds the job by itself where this does not arrive, a moment later."""
    job_worker.wake.remote()


def _monitor(admin_api: AdminApi, runtime: ReplicaRuntime, state_dir: Path) -> Monitor:
    context = serve.get_replica_context()
    holder = context.replica_id.unique_id
    return Monitor(
        lambda: admin_api.live.capabilities.config.monitor,
        periodic_tasks(admin_api, runtime.record, state_dir.expanduser() / context.app_name),
        lambda: runtime.shared.acquire("monitor", holder, LEASE_S),
        time.time,
    )
