"""What an administrator can ask of the cluster: its configuration, metrics, logs, performance, a self-test.

Used by the routes of operation_routes.py and by the monitor. What is shared between replicas and what the nodes tell
comes through two ports, so a unit test runs it without a cluster.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from deployments.config.schema import LiveConfig, MonitorConfig
from deployments.config.versions import Version
from deployments.gateway.live_config import LiveConfiguration
from deployments.messages.capabilities import AUTO, STARTING
from deployments.messages.service import Service
from deployments.observability.log_tail import Wanted
from deployments.observability.metrics import ENGINES_AVAILABLE, SELF_TEST_SUCCESS, Record
from deployments.observability.metrics_page import Family, rendered
from deployments.observability.monitor import Job, Shelf
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

# How often a change of one profile is tried again when others change the configuration at the same time.
_ATTEMPTS = 5


class Versions(Protocol):
    """The versions of the live configuration; see VersionStore."""

    async def current(self) -> Version:
        """The version in force."""

    async def change(self, document: Mapping[str, Any], change: str, expected: int | None) -> Version | None:
        """The new version, or None when the current one is not the expected one."""


class ClusterNodes(Protocol):
    """What the nodes tell; see Nodes."""

    async def metrics(self) -> Mapping[str, Family]:
        """The metrics of the whole cluster."""

    async def logs(self, wanted: Wanted) -> LogsAnswer:
        """The newest log records."""


@dataclass(frozen=True, slots=True)
class Operations:
    """All of it, as one replica of the Gateway does it."""

    live: LiveConfiguration
    versions: Versions
    nodes: ClusterNodes
    service: Service

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
                for path, value in self.live.settings.explained().items()
            },
        )

    async def change(self, document: Mapping[str, Any], expected: int | None) -> ConfigAnswer:
        """Put a new live layer in force, in place of the old one.

        Raises OutOfRange when anything in it is wrong, Outdated when the version in force is not the expected one.
        """
        self.live.candidate(document, self.live.version.number)
        said = LiveConfig.model_validate(document).model_dump(mode="json", exclude_unset=True)
        version = await self.versions.change(said, uuid.uuid4().hex, expected)
        if version is None:
            raise Outdated(
                f"the configuration is not at version {expected} any more", "GET /config, and make the change again"
            )
        self.live.take(version)  # this replica at once; the others hear of it
        return self.configuration()

    async def change_weights(self, body: WeightsBody, expected: int | None) -> ConfigAnswer:
        """Change the weights of a profile, or of all, and leave the rest of the live layer as it is."""
        for _ in range(_ATTEMPTS):
            current = await self.versions.current()
            profiles = {**current.document.get("profiles", {}), **dict.fromkeys(self._named(body), body.weights)}
            try:
                return await self.change(
                    {**current.document, "profiles": profiles}, current.number if expected is None else expected
                )
            except Outdated:
                if expected is not None:
                    raise
        raise Outdated("others keep changing the configuration", "try again")

    def _named(self, body: WeightsBody) -> list[str]:
        """The profiles that are meant: the one that is named, or all that weigh by themselves."""
        if body.profile is not None:
            return [body.profile]
        return [name for name in self.live.catalogue.profiles if name != AUTO and not name.startswith(STARTING)]

    async def metrics(self) -> str:
        """The metrics of the whole cluster, in the text format of Prometheus."""
        return rendered(await self.nodes.metrics())

    async def performance(self) -> PerformanceAnswer:
        return performance(await self.nodes.metrics())

    async def logs(self, options: LogsOptions) -> LogsAnswer:
        return await self.nodes.logs(Wanted(options, text=self.live.settings.config.log_text))

    async def self_test(self, body: SelfTestBody) -> SelfTestAnswer:
        return await self_test(self.service, self.live.catalogue, body)


def jobs(operations: Operations, record: Record, folder: Path) -> tuple[Job, ...]:
    """What the monitor does."""

    async def health(_: MonitorConfig) -> str:
        state = await operations.service.state()
        missing = {name: engine.problem for name, engine in state.engines.items() if not engine.available}
        record(ENGINES_AVAILABLE, len(state.engines) - len(missing))
        return _line(engines=len(state.engines), missing=missing, segmentation=state.segmentation_ready)

    async def test(config: MonitorConfig) -> str:
        answer = await operations.self_test(SelfTestBody(samples=config.self_test_samples))
        record(SELF_TEST_SUCCESS, answer.success_rate)
        return _line(**answer.model_dump())

    async def export(_: MonitorConfig) -> str:
        return f"# exported {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n{await operations.metrics()}"

    return (
        Job("health", lambda config: config.health_s, Shelf(folder / "health", ".jsonl"), health),
        Job("self-test", lambda config: config.self_test_s, Shelf(folder / "self-test", ".jsonl"), test),
        Job("export", lambda config: config.export_s, Shelf(folder / "metrics", ".prom"), export),
    )


def _line(**fields: object) -> str:
    return json.dumps({"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **fields})


def expected_version(if_match: str | None) -> int | None:
    """The version that a change is made for, from the header If-Match; None for any. Raises OutOfRange."""
    if if_match is None or if_match.strip() == "*":
        return None
    number = if_match.strip().removeprefix("W/").strip('"')
    if not number.isdecimal():
        raise OutOfRange(f"If-Match is {if_match[:40]!r}", 'send back the ETag of GET /config, like "3"')
    return int(number)
