"""What every replica does besides its work: it logs as the live configuration says, and tells how much memory it takes
and which version is in force.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ray import serve

from deployments.config.config_watcher import Follower
from deployments.config.schema import ClusterConfig
from deployments.config.versions import Version
from deployments.observability.logs import Logging, configure_logging
from deployments.observability.metrics import CONFIG_VERSION, REPLICA_MEMORY, RayRecord
from deployments.replica.memory import own_memory_mb
from deployments.replica.shared_actor import Place, Shared

log = logging.getLogger("quorum.configuration")

_TELL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a replica must know for it: how it logs, and where what is shared is kept."""

    logging: Logging
    place: Place

    @classmethod
    def of(cls, config: ClusterConfig) -> Upkeep:
        return cls(Logging(config.log_level, config.log_text), Place(config.state_dir, config.redis_url))


class Keeper:
    """Does it. Create it in a replica, where an event loop runs."""

    def __init__(self, upkeep: Upkeep) -> None:
        configure_logging(upkeep.logging)
        self._logging = upkeep.logging
        self.record = RayRecord()
        self.shared = Shared(serve.get_replica_context().app_name, upkeep.place)
        self._telling = asyncio.create_task(self._tell_gauges())

    def follow(self) -> Follower:
        """Follow the live configuration in the background."""
        follower = Follower(self.shared, self.take)
        follower.follow()
        return follower

    def take(self, version: Version) -> None:
        """Log as this version says from now on."""
        configure_logging(self._logging.under(version.document))
        log.info("version %d of the live configuration is in force", version.number)
        self.record(CONFIG_VERSION, version.number)

    async def _tell_gauges(self) -> None:
        while True:
            self.record(REPLICA_MEMORY, own_memory_mb() * 1e6)
            self.record.refresh()
            await asyncio.sleep(_TELL_EVERY_S)
