"""What an engine says of the graphics card that it reads on: whether its framework sees one, and what it holds of it.

Memory is bytes. A fraction of a card is a fraction of its memory: nothing here divides its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

OVERHEAD_BYTES = 1_000_000_000
"""What a process may take of a card beside what its framework counts: CUDA's context, its libraries, their workspaces.
Chosen, not measured: no card was at hand."""


@dataclass(frozen=True, slots=True)
class CardMemory:
    """What one process holds of its card; None where the framework, or the driver, does not tell.

    `limit_bytes` is the share that the framework is held to, `allocated_bytes` what tensors take, `reserved_bytes`
    that with what the framework keeps for the next ones, `process_bytes` everything that the driver counts.
    """

    framework: str
    limit_bytes: int
    allocated_bytes: int | None = None
    reserved_bytes: int | None = None
    process_bytes: int | None = None

    @property
    def excess(self) -> str:
        """By what the process is over its share; empty while it is not."""
        counted = self.reserved_bytes if self.reserved_bytes is not None else self.allocated_bytes
        if counted is not None and counted > self.limit_bytes:
            return f"{self.framework} holds {counted / 1e6:.0f} MB of its card, over its share of {self._share}"
        if self.process_bytes is not None and self.process_bytes > self.limit_bytes + OVERHEAD_BYTES:
            return (
                f"the driver counts {self.process_bytes / 1e6:.0f} MB of the card for this process, over its share of "
                f"{self._share} and {OVERHEAD_BYTES / 1e6:.0f} MB for CUDA itself"
            )
        return ""

    @property
    def _share(self) -> str:
        return f"{self.limit_bytes / 1e6:.0f} MB"


class Card(Protocol):
    """The card as an engine's framework sees it. Each framework is imported when it is asked.

    `framework` names it, and the environment in which engines on a card run: cluster/gpu/.
    """

    @property
    def framework(self) -> str:
        """Its name."""

    def require(self) -> None:
        """Raises EngineUnavailable when the framework is missing, was built without CUDA, or sees no card."""

    def memory(self, fraction: float) -> CardMemory:
        """What this process holds now; `fraction` is its share of the card. Only after an engine was loaded on one."""


@dataclass(frozen=True, slots=True)
class NoCard:
    """An engine that uses no card, and why."""

    reason: str
