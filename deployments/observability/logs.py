"""Logging of the deployments: who logs what, and what never gets into a log.

What Quorum logs goes to Serve's log files of the replica, as JSON, with the fields given in `extra`. Recognised text is
nobody's business but the caller's: it is logged only in the field `text`, and that field is cut out here unless the
configuration says `log_text`. What an exception says may quote text too, so its words are cut as well; its type and the
lines of code it came from stay. Errors of ocr.errors are written to be shown and keep theirs.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from ocr.errors import QuorumError

HIDDEN = "[hidden: log_text is off]"


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """What the configuration says of logging."""

    level: str = "INFO"
    text: bool = False

    def with_document(self, document: Mapping[str, Any]) -> LoggingConfig:
        """With what a live document says over it."""
        return replace(self, level=document.get("log_level", self.level), text=document.get("log_text", self.text))


class RedactionFilter(logging.Filter):
    """Cuts recognised text out of records."""

    def __init__(self, text: bool) -> None:
        super().__init__()
        self._text = text

    def filter(self, record: logging.LogRecord) -> bool:
        if self._text:
            return True
        if hasattr(record, "text"):
            record.text = HIDDEN
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            record.exc_text = _without_words(record.exc_info[1], record.exc_info[2])
        return True


def _without_words(error: BaseException, trace: TracebackType | None) -> str:
    words = str(error) if isinstance(error, QuorumError) else HIDDEN
    return f"{''.join(traceback.format_tb(trace))}{type(error).__name__}: {words}"


def configure_logging(chosen: LoggingConfig) -> None:
    """Send what Quorum logs to Serve's log files of this replica, as `chosen`. May be called again at any time.

    The filter sits on Serve's handlers, so that it sees what Serve says of an exception of ours as well.
    """
    root = logging.getLogger("quorum")
    root.setLevel(chosen.level)
    root.parent = logging.getLogger("ray.serve")
    for handler in root.parent.handlers:
        for old in [known for known in handler.filters if isinstance(known, RedactionFilter)]:
            handler.removeFilter(old)
        handler.addFilter(RedactionFilter(chosen.text))
