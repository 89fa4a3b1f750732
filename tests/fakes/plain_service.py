"""The HTTP face over a service that answers at once and by itself: no engine, no Ray, no pixels looked at."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import PIL.Image
from fastapi import FastAPI

from deployments.config.layers import resolve_settings
from deployments.config.schema import ClusterConfig
from deployments.config.versions import ConfigVersion, ConfigVersionStore
from deployments.gateway.admin_api import AdminApi
from deployments.gateway.caching.result_cache import CachingReadingService
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.http_app import create_app
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.live_config import LiveConfiguration
from deployments.jobs.job_queue import JobQueue
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import ReadRequest
from deployments.messages.states import CircuitState, EngineState, ServiceState
from deployments.observability.log_tail import LogQuery
from deployments.observability.metrics import Metric
from deployments.observability.metrics_page import MetricFamily, sum_pages
from deployments.replica.moving_window import moving_window_in_memory
from ocr import (
    Box,
    Character,
    EngineReport,
    EngineSpec,
    Hypothesis,
    Line,
    Page,
    Reading,
    Resources,
    Scope,
    Status,
    TimedStep,
    Vote,
    Word,
)
from ocr.contract import ComponentStatus, LogRecord, LogsAnswer
from ocr.errors import QuorumError
from tests.fakes.memory_jobs import in_memory


def png(width: int = 28, height: int = 28) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


REPORTS = (
    EngineReport("a", Status.OK, 0.012, "a@1"),
    EngineReport("b", Status.TIMEOUT, 0.5, "", "no answer before the deadline"),
    EngineReport("lines", Status.SKIPPED),
)

_LINES = TimedStep("segmentation", "Segmentation", 2e-6, (TimedStep("find lines", "Segmentation", 2e-6),))
_READ = (TimedStep("b", "b", 1e-6), TimedStep("a", "a", 4e-6, (TimedStep("inference", "a", 4e-6),)))
TIMINGS = (_LINES, TimedStep("engines", "Router", 6e-6, _READ, parallel=True))
"""Where the time goes that it takes: so little that the caller has waited for longer."""


class PlainService:
    """Answers at once and remembers what it was asked. With `scrawl` there is a line more, which nobody can read."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if nothing had been asked or told yet."""
        self.requests: list[ReadRequest] = []
        self.images: list[bytes] = []
        self.failure: Exception | None = None
        self.scrawl = False
        self.warm = True
        self.page_s: float | None = 2.5
        self.page_problem = ""
        self.is_blank = False
        self.circuits: dict[str, CircuitState] = {}

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        self._note([data], request)
        if self.is_blank:
            return Page(60, 60, (), REPORTS, str(request.method), request.profile.name, TIMINGS)
        place = Box(10, 20, 50, 40).polygon()
        characters = tuple(
            Character(text, 0.9, (Vote("a", text, 1.0, 0.9),), place.slice(i / 2, i / 2 + 0.5))
            for i, text in enumerate("Hi")
        )
        fields_of_line = Hypothesis.of_text("Hi", 0.9)
        line = Line(
            characters, (Word(characters, 0.9, place, {"a": "Hi"}),), 0.9, place, 0, {"a": Reading.of(fields_of_line)}
        )
        lines = (line, replace(line, legible=False)) if self.scrawl else (line,)
        return Page(60, 60, lines, REPORTS, str(request.method), request.profile.name, TIMINGS)

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        self._note(images, request)
        character = Character("Q", 0.65, (Vote("a", "Q", 1.0, 0.65),))
        return [CharacterReading(character, {"a": Hypothesis.of_text("Q", 0.65)}, REPORTS, TIMINGS) for _ in images]

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        self._note([data], request)
        return (NamedPicture("sent", data),)

    async def state(self) -> ServiceState:
        engines = {"a": EngineState("a", (Scope.LINE,), model="a@1"), "b": EngineState("b", (), problem="no model")}
        return ServiceState(engines if self.warm else {}, self.warm, 3.0, self.circuits, self.page_s, self.page_problem)

    async def components(self) -> dict[str, ComponentStatus]:
        return {"a": ComponentStatus(status="HEALTHY", message="", replicas=2)}

    def _note(self, images: Sequence[bytes], request: ReadRequest) -> None:
        if self.failure:
            raise self.failure
        self.requests.append(request)
        self.images.extend(images)


def spec(name: str, *scopes: Scope) -> EngineSpec:
    def never(_: object) -> Any:
        raise AssertionError("the HTTP face loads no engine")

    return EngineSpec(name, frozenset(scopes), never, 8, Resources(1, 0, 100), {"general": 0.5, "printed": 0.2})


class OneNode:
    """A cluster of one node, whose metrics and logs are what a test put there."""

    def __init__(self) -> None:
        self.page = ""
        self.records: list[LogRecord] = []
        self.queries: list[LogQuery] = []

    async def metrics(self) -> Mapping[str, MetricFamily]:
        return sum_pages([self.page])

    async def logs(self, query: LogQuery) -> LogsAnswer:
        self.queries.append(query)
        return LogsAnswer(records=self.records, nodes=1, missing_nodes=[])


class NoStorage:
    """Keeps nothing beyond the process."""

    async def load(self) -> ConfigVersion:
        return ConfigVersion()

    async def save(self, version: ConfigVersion) -> None:
        pass


@dataclass
class Whole:
    """The application over a service that answers by itself, and what a test may look at. `record` notes what is told
    to the metrics: (name, labels) -> values. Jobs are in memory unless they are given.
    """

    service: PlainService
    config: ClusterConfig
    nodes: OneNode = field(default_factory=OneNode)
    jobs: JobQueue | None = None
    versions: ConfigVersionStore = field(default_factory=lambda: ConfigVersionStore(NoStorage(), time.time))
    recorded: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = field(default_factory=dict)

    def record(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        self.recorded.setdefault((metric.name, tuple(sorted(labels.items()))), []).append(value)

    def admin_api(self) -> AdminApi:
        """Of one replica, with a configuration of its own."""
        specs = [
            spec("a", Scope.LINE, Scope.CHARACTER),
            spec("b", Scope.LINE, Scope.CHARACTER),
            spec("lines", Scope.LINE),
        ]
        settings = resolve_settings(self.config, {})
        live = LiveConfiguration(settings, Capabilities.of(settings.config, specs))
        service = CachingReadingService(self.service, lambda: live.capabilities.config.cache, self.record)
        return AdminApi(live, self.versions, self.nodes, service)

    def app(self) -> FastAPI:
        admin_api = self.admin_api()
        api = GatewayApi(admin_api.service, lambda: admin_api.live.capabilities, "1.2.3")
        jobs = JobsApi(self.jobs or in_memory(lambda: api.config.jobs), api.readings)
        return create_app(api, admin_api, jobs, moving_window_in_memory(), self.record)


def plain_config(**settings: Any) -> ClusterConfig:
    """The engines a, b and, for lines only, lines."""
    named = {"engines": [{"name": name} for name in ("a", "b", "lines")], "ready_engines": 1}
    return ClusterConfig.model_validate({**named, **settings})


def app_over(service: PlainService, **limits: Any) -> FastAPI:
    """The application with these limits."""
    return Whole(service, plain_config(limits=limits)).app()


@asynccontextmanager
async def asking(app: FastAPI, address: str = "10.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application at this address, in the same process. A fault of ours comes back as an answer."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
