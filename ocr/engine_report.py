"""How an engine fared on a request. A failed engine is a value in the result, not a line in a log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How an engine fared on a request."""

    OK = "ok"
    TIMEOUT = "timeout"  # it had not answered when its budget was spent
    ERROR = "error"  # it answered with an error, or its replica died more often than we retry
    SHED = "shed"  # its queue was full, so it was not asked
    ABSTAINED = "abstained"  # it answered, and had nothing to say about any crop
    SKIPPED = "skipped"  # the request or the policy left it out
    UNAVAILABLE = "unavailable"  # it is not loaded here (no package, program or model), or kept failing of late


@dataclass(frozen=True, slots=True)
class EngineReport:
    """How one engine fared on one request. `seconds` is what the request waited for it; `model` is "name@version" of
    the model that spoke, empty when none did; `detail` says what went wrong and what to do about it.
    """

    engine: str
    status: Status
    seconds: float = 0.0
    model: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.seconds < 0.0:
            raise ValueError(f"{self.engine}: {self.seconds} s is not a duration")
