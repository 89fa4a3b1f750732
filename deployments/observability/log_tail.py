"""The newest records of the log files of one node: JSON lines, as Serve's replicas write them.

Only the ends of the files are read. Recognised text stands in the field `text`; it is cut out unless it is asked for,
also from records that were written while it was allowed. Knows no Ray: node_agents.py calls `newest_records` per node.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.observability.logs import HIDDEN
from ocr.contract import LogRecord, LogsOptions

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_TAIL_BYTES = 256_000
# What the contract has a place for, or what says nothing outside of the process.
_CONTRACT_FIELDS = frozenset(
    {"asctime", "levelname", "message", "timestamp_ns", "deployment", "component_name", "replica", "component_id"}
    | {"request_id", "node_id", "worker_id", "job_id", "actor_id", "task_id", "process", "filename", "lineno"}
    | {"name", "application", "actor_name", "task_name", "task_func_name", "log_to_stderr", "took"}
)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which records were asked for, and whether recognised text may stand in them."""

    options: LogsOptions
    text: bool = False

    def matches(self, record: LogRecord) -> bool:
        return (
            record.level in LEVELS[LEVELS.index(self.options.level) :]
            and self.options.component in ("", record.component)
            and self.options.request_id in ("", record.request_id)
        )


def newest_records(folder: Path, node: str, query: LogQuery) -> list[LogRecord]:
    """The newest records in the folder's files that are wanted, oldest first."""
    found = (record for path in sorted(folder.glob("**/*.log")) for record in _records(path, node, query))
    return sorted(heapq.nlargest(query.options.limit, found, key=_time), key=_time)


def merge_records(parts: list[list[LogRecord]], limit: int) -> list[LogRecord]:
    """The newest of all nodes, oldest first."""
    return sorted(heapq.nlargest(limit, (record for part in parts for record in part), key=_time), key=_time)


def _time(record: LogRecord) -> datetime:
    return record.time


def _records(path: Path, node: str, query: LogQuery) -> Iterator[LogRecord]:
    for line in _tail(path).splitlines():
        if line.startswith(b"{"):
            record = _record(line, node, text=query.text)
            if record is not None and query.matches(record):
                yield record


def _component(content: Mapping[str, Any]) -> str:
    """The deployment by its own name (in the field `deployment` the application stands before it), or Serve's part."""
    actor = str(content.get("actor_name") or "").split("#")  # SERVE_REPLICA::application#deployment#replica
    return actor[1] if len(actor) == 3 else str(content.get("component_name") or "")


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read()
    except OSError:  # rotated away in this moment
        return b""


def _record(line: bytes, node: str, *, text: bool) -> LogRecord | None:
    """None for a line that is not a record: the first of a tail may be half of one."""
    try:
        content: dict[str, Any] = json.loads(line)
        time = datetime.fromtimestamp(content["timestamp_ns"] / 1e9, UTC)
        level, message = content["levelname"], content["message"]
    except (ValueError, KeyError, TypeError):
        return None
    fields = {name: value for name, value in content.items() if name not in _CONTRACT_FIELDS}
    if "text" in fields and not text:
        fields["text"] = HIDDEN
    return LogRecord(
        time=time,
        level=str(level),
        message=str(message),
        component=_component(content),
        replica=str(content.get("replica") or content.get("component_id") or ""),
        node=node,
        request_id=str(content.get("request_id") or ""),
        fields=fields,
    )
