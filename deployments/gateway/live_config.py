"""The configuration in force in one Gateway replica: what was deployed, and the live layer over it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from deployments.config.layers import Settings
from deployments.config.versions import ConfigVersion
from deployments.messages.capabilities import Capabilities
from ocr.errors import OutOfRange

log = logging.getLogger("quorum.configuration")


class LiveConfiguration:
    """Starts as deployed, at version 0. Reading it costs nothing; a request takes `capabilities` once and keeps it."""

    def __init__(self, deployed: Settings, capabilities: Capabilities) -> None:
        self._deployed = deployed
        self._deployed_capabilities = capabilities
        self.version = ConfigVersion()
        self.settings = deployed
        self.capabilities = capabilities
        self.problem = ""

    def candidate(self, document: Mapping[str, Any], number: int) -> tuple[Settings, Capabilities]:
        """What would be in force with this live layer. Raises OutOfRange when anything in it is wrong."""
        settings = self._deployed.with_live_layer(document)
        return settings, self._deployed_capabilities.with_config(settings.config, number)

    def apply(self, version: ConfigVersion) -> None:
        """Put a version in force. One that does not fit what was deployed since counts as empty; `problem` says so."""
        try:
            self.settings, self.capabilities = self.candidate(version.document, version.number)
            self.problem = ""
        except OutOfRange as error:
            self.settings, self.capabilities = self.candidate({}, version.number)
            self.problem = error.message
            log.error("version %d of the live configuration does not fit: %s", version.number, error.message)
        self.version = version
