"""What an administrator can ask of the cluster: its configuration, metrics, logs, performance, a self-test.

Used by the routes of routes/admin.py and by the monitor. The state that replicas share and the nodes are behind two
ports, so a unit test runs it without a cluster.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from deployments.config.schema import LiveConfig, MonitorConfig
from deployments.config.versions import ConfigVersion
from deployments.gateway.caching.shared_answer import SharedAnswer
from deployments.gateway.live_config import LiveConfiguration
from deployments.messages.capabilities import AUTO_PROFILE, STARTING_PREFIX
from deployments.messages.reading_service import ReadingService
from deployments.observability.log_tail import LogQuery
from deployments.observability.metrics import ENGINES_AVAILABLE, SELF_TEST_SUCCESS, RecordMetric
from deployments.observability.metrics_page import MetricFamily, render_page
from deployments.observability.monitor import DailyFiles, PeriodicTask
from deployments.observability.performance import performance
from deployments.observability.self_test import self_test
from ocr.contract import (
    ConfigAnswer,
    ConfigValue,
    LogsAnswer,
    LogsOptions,
    PerformanceAnswer,
    SelfTestAnswer,
    SelfTestBody,
    WeightsBody,
)
from ocr.errors import Outdated, OutOfRange

_METRICS_FRESH_S = 1.0
# How often a change of one profile is tried again when others change the configuration at the same time.
_ATTEMPTS = 5


class ConfigVersions(Protocol):
    """The versions of the live configuration; see ConfigVersionStore."""

    async def current(self) -> ConfigVersion:
        """The version in force."""

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> ConfigVersion | None:
        """The new version, or None when the current one is not the expected one."""


class ClusterNodes(Protocol):
    """The nodes of the cluster; see NodeAgents."""

    async def metrics(self) -> Mapping[str, MetricFamily]:
        """The metrics of the whole cluster."""

    async def logs(self, query: LogQuery) -> LogsAnswer:
        """The newest log records."""


class SharedNodes:
    """The nodes, asked for their metrics once a second, however many want them."""

    def __init__(self, nodes: ClusterNodes, detached_context: Callable[[], Context] = copy_context) -> None:
        self._nodes = nodes
        self._metrics = SharedAnswer(nodes.metrics, _METRICS_FRESH_S, detached_context=detached_context)

    async def metrics(self) -> Mapping[str, MetricFamily]:
        return await self._metrics()

    async def logs(self, query: LogQuery) -> LogsAnswer:
        return await self._nodes.logs(query)


@dataclass(frozen=True, slots=True)
class AdminApi:
    """All of it, on one replica of the Gateway."""

    live: LiveConfiguration
    versions: ConfigVersions
    nodes: ClusterNodes
    service: ReadingService

    def configuration(self) -> ConfigAnswer:
        """What is in force, and where each value comes from."""
        version = self.live.version
        return ConfigAnswer(
            version=version.number,
            changed_at=datetime.fromtimestamp(version.changed_at, UTC) if version.number else None,
            live=dict(version.document),
            problem=self.live.problem,
            values={
                path: ConfigValue(value=value.value, layer=value.layer, live=value.live)
                for path, value in self.live.settings.explained_values().items()
            },
        )

    async def change(self, document: Mapping[str, Any], expected: int | None) -> ConfigAnswer:
        """Put a new live layer in force, in place of the old one.

        Raises OutOfRange when anything in it is wrong, Outdated when the version in force is not the expected one.
        """
        self.live.candidate(document, self.live.version.number)
        live_document = LiveConfig.model_validate(document).model_dump(mode="json", exclude_unset=True)
        version = await self.versions.change(live_document, uuid.uuid4().hex, expected)
        if version is None:
            raise Outdated(
                f"the configuration is not at version {expected} any more", "GET /config, and make the change again"
            )
        self.live.apply(version)  # this replica at once; the others watch for it
        return self.configuration()

    async def change_weights(self, body: WeightsBody, expected: int | None) -> ConfigAnswer:
        """Change the weights of a profile, or of all, and leave the rest of the live layer as it is."""
        for _ in range(_ATTEMPTS):
            current = await self.versions.current()
            profiles = {
                **current.document.get("profiles", {}),
                **dict.fromkeys(self._profile_names(body), body.weights),
            }
            try:
                return await self.change(
                    {**current.document, "profiles": profiles}, current.number if expected is None else expected
                )
            except Outdated:
                if expected is not None:
                    raise
        raise Outdated("others keep changing the configuration", "try again")

    def _profile_names(self, body: WeightsBody) -> list[str]:
        """The profiles that are meant: the one that is named, or all that weigh by themselves."""
        if body.profile is not None:
            return [body.profile]
        return [
            name
            for name in self.live.capabilities.profiles
            if name != AUTO_PROFILE and not name.startswith(STARTING_PREFIX)
        ]

    async def metrics(self) -> str:
        """The metrics of the whole cluster, in the text format of Prometheus."""
        return await asyncio.to_thread(render_page, await self.nodes.metrics())

    async def performance(self) -> PerformanceAnswer:
        return performance(await self.nodes.metrics())

    async def logs(self, options: LogsOptions) -> LogsAnswer:
        return await self.nodes.logs(LogQuery(options, text=self.live.settings.config.log_text))

    async def self_test(self, body: SelfTestBody) -> SelfTestAnswer:
        return await self_test(self.service, self.live.capabilities, body)


def periodic_tasks(admin_api: AdminApi, record: RecordMetric, folder: Path) -> tuple[PeriodicTask, ...]:
    """The tasks of the monitor."""

    async def health(_: MonitorConfig) -> str:
        state = await admin_api.service.state()
        missing = {name: engine.problem for name, engine in state.engines.items() if not engine.available}
        record(ENGINES_AVAILABLE, len(state.engines) - len(missing))
        return _json_line(engines=len(state.engines), missing=missing, segmentation=state.segmentation_ready)

    async def test(config: MonitorConfig) -> str:
        answer = await admin_api.self_test(SelfTestBody(samples=config.self_test_samples))
        record(SELF_TEST_SUCCESS, answer.success_rate)
        return _json_line(**answer.model_dump())

    async def export(_: MonitorConfig) -> str:
        return f"# exported {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{await admin_api.metrics()}"

    return (
        PeriodicTask("health", lambda config: config.health_s, DailyFiles(folder / "health", ".jsonl"), health),
        PeriodicTask("self-test", lambda config: config.self_test_s, DailyFiles(folder / "self-test", ".jsonl"), test),
        PeriodicTask("export", lambda config: config.export_s, DailyFiles(folder / "metrics", ".prom"), export),
    )


def _json_line(**fields: object) -> str:
    return json.dumps({"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **fields})


def expected_version(if_match: str | None) -> int | None:
    """The version that a change is made for, from the header If-Match; None for any. Raises OutOfRange."""
    if if_match is None or if_match.strip() == "*":
        return None
    number = if_match.strip().removeprefix("W/").strip('"')
    if not number.isdecimal():
        raise OutOfRange(f"If-Match {if_match[:40]!r} is not a version", 'send back the ETag of GET /config, like "3"')
    return int(number)
