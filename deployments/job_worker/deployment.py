"""The Serve class of the worker, which reads the pages of jobs. Nobody sends it requests: it takes what waits."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.config.config_watcher import ConfigWatcher, apply_both
from deployments.config.layers import Settings
from deployments.config.schema import LimitsConfig
from deployments.gateway.access.current_caller import CURRENT_CALLER, CURRENT_PRIORITY
from deployments.gateway.documents.documents import Documents
from deployments.gateway.documents.page_drawing import PageDrawer
from deployments.gateway.documents.text_layers import TextLayerWriter
from deployments.gateway.live_config import LiveConfiguration
from deployments.gateway.router_client import RouterClient
from deployments.job_worker.autoscaling import PAGES_WAITING
from deployments.job_worker.job_keeper import JobKeeper
from deployments.job_worker.job_reader import JobReader
from deployments.jobs.job_queue import job_queue
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import Asker
from deployments.replica.asked_at_once import AskedAtOnce
from deployments.replica.processor_shares import Shares
from deployments.replica.processor_turns import ProcessorTurns
from deployments.replica.runtime import THREADS_SWITCH_S, ReplicaRuntime, ReplicaSettings, shares_of_own_node

_NICENESS = 19
"""The lowest priority: Ray runs replicas at 15, and whoever waits for an answer waits for those."""


class JobWorkerReplica:
    """A replica of the worker."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, router: DeploymentHandle, settings: Settings, capabilities: Capabilities
    ) -> None:
        sys.setswitchinterval(THREADS_SWITCH_S)
        os.nice(_NICENESS)  # the system goes no further than to its lowest
        runtime = ReplicaRuntime(ReplicaSettings.of(settings.config))
        live = LiveConfiguration(settings, capabilities)
        self._config_watcher = ConfigWatcher(runtime.shared, apply_both(runtime.apply, live.apply))
        await self._config_watcher.start()
        context = serve.get_replica_context()
        config = settings.config

        def share_of(caller: str) -> float:
            return live.capabilities.config.limits.share_of(caller)

        self._queue = job_queue(
            config.redis_url,
            config.state_dir,
            config.jobs_files,
            context.app_name,
            lambda: live.capabilities.config.jobs,
            share_of,
            runtime.record,
        )
        shares = shares_of_own_node()
        self._reader = JobReader(
            self._queue,
            RouterClient(router),
            _documents(config.limits, shares, share_of),
            lambda: live.capabilities,
            context.replica_id.unique_id,
            runtime.record,
            AskedAtOnce(shares.asks, share_of),
        )
        self._keeper = JobKeeper(self._queue, runtime.record)
        self._running = [asyncio.create_task(self._reader.run()), asyncio.create_task(self._keeper.run())]

    async def wake(self) -> None:
        """Something waits that did not a moment ago."""
        self._reader.wake()

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What the number of replicas follows; see autoscaling.py."""
        return {PAGES_WAITING: float(self._keeper.pages_waiting)}

    def check_health(self) -> None:
        """Raise when it reads nothing any more: the replica ought to be replaced."""
        for task in self._running:
            if task.done():
                raise RuntimeError(f"the worker stopped: {task.exception() if not task.cancelled() else 'cancelled'}")

    async def __del__(self) -> None:
        await self._stop()

    async def _stop(self) -> None:
        """Let go of the pages that are being read: others read them at once."""
        for task in self._running:
            task.cancel()
        done: Awaitable[object] = asyncio.gather(*self._running, return_exceptions=True)
        await done
        await self._queue.close()


def _documents(limits: LimitsConfig, shares: Shares, share_of: Callable[[str], float]) -> Documents:
    """Documents that are opened for the job of this moment."""
    processors = ProcessorTurns(shares)

    def asker() -> Asker:
        caller = CURRENT_CALLER.get()
        return Asker(caller, CURRENT_PRIORITY.get(), share_of(caller))

    drawer = PageDrawer(
        limits.documents_at_once, limits.pages_drawn_at_once, limits.draw_timeout_s, asker, processors=processors
    )
    return Documents(drawer, TextLayerWriter(limits.pages_drawn_at_once, asker, processors=processors))
