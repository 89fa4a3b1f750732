"""How a replica learns of each version of the live configuration. Knows no Ray: where versions come from is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from deployments.config.versions import ConfigVersion
from ocr.errors import NotReady

log = logging.getLogger("quorum.shared")

ApplyVersion = Callable[[ConfigVersion], None]
"""Puts a version of the live configuration in force."""

_UNREACHABLE_S = 1.0


class VersionSource(Protocol):
    """Where versions come from. Both raise NotReady when it is out of reach."""

    async def current(self) -> ConfigVersion:
        """The version in force."""

    async def wait_for_other(self, number: int) -> ConfigVersion:
        """The version in force as soon as it is another one, or the same after a while."""


def apply_both(first: ApplyVersion, second: ApplyVersion) -> ApplyVersion:
    """Apply each version with one after the other."""

    def apply(version: ConfigVersion) -> None:
        first(version)
        second(version)

    return apply


class ConfigWatcher:
    """Calls `apply` with each version of the live configuration, from `start` or `watch` on."""

    def __init__(self, source: VersionSource, apply: ApplyVersion) -> None:
        self._source = source
        self._apply = apply
        self._number = -1
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Apply the version in force, then watch. An application whose shared state is out of reach starts as it was
        deployed, and catches up.
        """
        try:
            self._apply_if_new(await self._source.current())
        except NotReady as error:
            log.warning("starting without the live configuration: %s", error)
        self.watch()

    def watch(self) -> None:
        """Apply each further version, in the background."""
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                self._apply_if_new(await self._source.wait_for_other(self._number))
            except NotReady:
                await asyncio.sleep(_UNREACHABLE_S)
            except Exception:  # whatever it is, watching goes on: a replica that stopped would be wrong for ever
                log.exception("a version of the live configuration was not applied")
                await asyncio.sleep(_UNREACHABLE_S)

    def _apply_if_new(self, version: ConfigVersion) -> None:
        if version.number != self._number:
            self._number = version.number
            self._apply(version)
