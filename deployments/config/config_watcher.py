"""How a replica follows the live configuration of its cluster. Knows no Ray: where versions come from is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from deployments.config.versions import Version
from ocr.errors import NotReady

log = logging.getLogger("quorum.shared")

Take = Callable[[Version], None]
"""Puts a version of the live configuration in force."""

_UNREACHABLE_S = 1.0


class Source(Protocol):
    """Where versions come from. Both raise NotReady when it is out of reach."""

    async def current(self) -> Version:
        """The version in force."""

    async def other_than(self, number: int) -> Version:
        """The version in force as soon as it is another one, or the same after a while."""


def both(first: Take, second: Take) -> Take:
    """One after the other."""

    def take(version: Version) -> None:
        first(version)
        second(version)

    return take


class Follower:
    """Tells `take` each version of the live configuration, from `begin` on."""

    def __init__(self, shared: Source, take: Take) -> None:
        self._shared = shared
        self._take = take
        self._number = -1
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Take the version in force, and follow from there. An application whose state is out of reach starts as it
        was deployed, and catches up.
        """
        try:
            self._tell(await self._shared.current())
        except NotReady as error:
            log.warning("starting without the live configuration: %s", error)
        self.follow()

    def follow(self) -> None:
        """Follow in the background."""
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            try:
                self._tell(await self._shared.other_than(self._number))
            except NotReady:
                await asyncio.sleep(_UNREACHABLE_S)
            except Exception:  # whatever it is, following goes on: a replica that stopped would be wrong for ever
                log.exception("a version of the live configuration was not taken")
                await asyncio.sleep(_UNREACHABLE_S)

    def _tell(self, version: Version) -> None:
        if version.number != self._number:
            self._number = version.number
            self._take(version)
