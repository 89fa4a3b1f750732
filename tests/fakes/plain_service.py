"""The HTTP face over a service that answers at once and by itself: no engine, no Ray, no pixels looked at."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image
from fastapi import FastAPI

from deployments.config.layers import layered
from deployments.config.schema import ClusterConfig
from deployments.config.versions import Version, VersionStore
from deployments.gateway.http_app import Api, create_app
from deployments.gateway.live_config import LiveConfiguration
from deployments.gateway.operations import Operations
from deployments.gateway.result_cache import RememberingService
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.capabilities import Catalogue
from deployments.messages.request import Ask
from deployments.messages.states import EngineState, Position, ServiceState
from deployments.observability.log_tail import Wanted
from deployments.observability.metrics import Metric
from deployments.observability.metrics_page import Family, summed
from deployments.replica.moving_window import windows_in_memory
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
    Stretch,
    Vote,
    Word,
)
from ocr.contract import ComponentStatus, LogRecord, LogsAnswer
from ocr.errors import QuorumError


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

_LINES = Stretch("segmentation", "Segmentation", 2e-6, (Stretch("find lines", "Segmentation", 2e-6),))
_READ = (Stretch("b", "b", 1e-6), Stretch("a", "a", 4e-6, (Stretch("inference", "a", 4e-6),)))
SPENT = (_LINES, Stretch("engines", "Router", 6e-6, _READ, side_by_side=True))
"""Where the time goes that it takes: so little that the caller has waited for longer."""


class PlainService:
    """Answers at once and remembers what it was asked."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if nothing had been asked or told yet."""
        self.asks: list[Ask] = []
        self.images: list[bytes] = []
        self.failure: Exception | None = None
        self.warm = True
        self.circuits: dict[str, Position] = {}

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        self._note([data], ask)
        place = Box(10, 20, 50, 40).polygon()
        characters = tuple(
            Character(text, 0.9, (Vote("a", text, 1.0, 0.9),), place.slice(i / 2, i / 2 + 0.5))
            for i, text in enumerate("Hi")
        )
        said = Hypothesis.of_text("Hi", 0.9)
        line = Line(characters, (Word(characters, 0.9, place, {"a": "Hi"}),), 0.9, place, 0, {"a": Reading.of(said)})
        return Page(60, 60, (line,), REPORTS, str(ask.method), ask.profile.name, SPENT)

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        self._note(images, ask)
        character = Character("Q", 0.65, (Vote("a", "Q", 1.0, 0.65),))
        return [CharacterReading(character, {"a": Hypothesis.of_text("Q", 0.65)}, REPORTS, SPENT) for _ in images]

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        self._note([data], ask)
        return (NamedPicture("sent", data),)

    async def state(self) -> ServiceState:
        engines = {"a": EngineState("a", (Scope.LINE,), model="a@1"), "b": EngineState("b", (), problem="no model")}
        return ServiceState(engines if self.warm else {}, self.warm, 3.0, self.circuits)

    async def components(self) -> dict[str, ComponentStatus]:
        return {"a": ComponentStatus(status="HEALTHY", message="", replicas=2)}

    def _note(self, images: Sequence[bytes], ask: Ask) -> None:
        if self.failure:
            raise self.failure
        self.asks.append(ask)
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
        self.wanted: list[Wanted] = []

    async def metrics(self) -> Mapping[str, Family]:
        return summed([self.page])

    async def logs(self, wanted: Wanted) -> LogsAnswer:
        self.wanted.append(wanted)
        return LogsAnswer(records=self.records, nodes=1, missing_nodes=[])


class NoArchive:
    """Keeps nothing beyond the process."""

    async def load(self) -> Version:
        return Version()

    async def save(self, version: Version) -> None:
        pass


@dataclass
class Whole:
    """The application over a service that answers by itself, and what a test may look at. `record` notes what is told
    to the metrics: (name, labels) -> values.
    """

    service: PlainService
    config: ClusterConfig
    nodes: OneNode = field(default_factory=OneNode)
    versions: VersionStore = field(default_factory=lambda: VersionStore(NoArchive(), time.time))
    recorded: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = field(default_factory=dict)

    def record(self, metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        self.recorded.setdefault((metric.name, tuple(sorted(labels.items()))), []).append(value)

    def operations(self) -> Operations:
        """Of one replica, with a configuration of its own."""
        specs = [
            spec("a", Scope.LINE, Scope.CHARACTER),
            spec("b", Scope.LINE, Scope.CHARACTER),
            spec("lines", Scope.LINE),
        ]
        settings = layered(self.config, {})
        live = LiveConfiguration(settings, Catalogue.of(settings.config, specs))
        service = RememberingService(self.service, lambda: live.catalogue.config.cache, self.record)
        return Operations(live, self.versions, self.nodes, service)

    def app(self) -> FastAPI:
        operations = self.operations()
        api = Api(operations.service, lambda: operations.live.catalogue, "1.2.3")
        return create_app(api, operations, windows_in_memory(), self.record)


def plain_config(**settings: Any) -> ClusterConfig:
    """The engines a, b and, for lines only, lines."""
    named = {"engines": [{"name": name} for name in ("a", "b", "lines")], "ready_engines": 1}
    return ClusterConfig.model_validate({**named, **settings})


def app_over(service: PlainService, **limits: Any) -> FastAPI:
    """The application with these limits."""
    return Whole(service, plain_config(limits=limits)).app()
