"""What every replica does beside its work: it logs as the live configuration says, reports how much memory it takes and
which version of the configuration is in force, and looks whether the processes beside it were stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import ray
from ray import serve

from deployments.config.config_watcher import ConfigWatcher
from deployments.config.schema import ClusterConfig
from deployments.config.versions import ConfigVersion
from deployments.observability.logs import LoggingConfig, configure_logging
from deployments.observability.metrics import CONFIG_VERSION, REPLICA_MEMORY, RayMetrics
from deployments.replica.precedence import serve_first
from deployments.replica.processor_shares import Shares, shares_of_node
from deployments.replica.processors import cores
from deployments.replica.shared_actor import SharedState, StateLocation
from deployments.replica.stopped_processes import watch_siblings
from ocr.runtime.process_memory import FreeMemory, own_memory_mb

log = logging.getLogger("quorum.configuration")

_REPORT_EVERY_S = 5.0

THREADS_SWITCH_S = 0.001
"""How soon the event loop of a replica goes on that computes in other threads, instead of Python's 5 ms."""


def shares_of_own_node() -> Shares:
    """Turns at the processors of the node that this replica is on."""
    return shares_of_node(ray.get_runtime_context().get_node_id(), cores())


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """What every replica is given: how it logs, and where the shared state is kept."""

    logging: LoggingConfig
    state: StateLocation

    @classmethod
    def of(cls, config: ClusterConfig) -> ReplicaSettings:
        return cls(LoggingConfig(config.log_level, config.log_text), StateLocation(config.state_dir, config.redis_url))


class ReplicaRuntime:
    """Create it in a replica, where an event loop runs: it reports from then on. `used_mb` is the memory of the replica
    with the processes that it started.
    """

    def __init__(self, settings: ReplicaSettings, used_mb: Callable[[], float] = own_memory_mb) -> None:
        self._used_mb = used_mb
        configure_logging(settings.logging)
        self._logging = settings.logging
        self.record = RayMetrics()
        self.shared = SharedState(serve.get_replica_context().app_name, settings.state)
        watch_siblings()
        self._reporting = asyncio.create_task(self._report_gauges())

    def watch_config(self) -> ConfigWatcher:
        """Apply each version of the live configuration, in the background."""
        watcher = ConfigWatcher(self.shared, self.apply)
        watcher.watch()
        return watcher

    def apply(self, version: ConfigVersion) -> None:
        """Log as this version says from now on."""
        configure_logging(self._logging.with_document(version.document))
        log.info("version %d of the live configuration is in force", version.number)
        self.record(CONFIG_VERSION, version.number)

    async def _report_gauges(self) -> None:
        serve_first()  # an event loop goes on when the replica is made
        free_memory = FreeMemory()
        while True:
            free_memory.give_back()
            self.record(REPLICA_MEMORY, self._used_mb() * 1e6)
            self.record.refresh()
            await asyncio.sleep(_REPORT_EVERY_S)
