"""The HTTP face over a service that answers at once and by itself: no engine, no Ray, no pixels looked at."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
from fastapi import FastAPI

from deployments.asking import Ask, Catalogue
from deployments.config import ClusterConfig, EngineConfig, LimitsConfig
from deployments.ensemble import CharacterReading
from deployments.http import Api, create_app
from deployments.messages import EngineState, NamedPicture, ServiceState
from ocr import (
    Box,
    Character,
    EngineReport,
    EngineSpec,
    Hypothesis,
    Line,
    Page,
    Resources,
    Scope,
    Status,
    Vote,
    Word,
)
from ocr.contract import ComponentStatus
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


class PlainService:
    """Answers at once and remembers what it was asked."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.images: list[bytes] = []
        self.failure: Exception | None = None
        self.warm = True

    async def read_page(self, data: bytes, ask: Ask) -> Page:
        self._note([data], ask)
        place = Box(10, 20, 50, 40).polygon()
        characters = tuple(
            Character(text, 0.9, (Vote("a", text, 1.0, 0.9),), place.slice(i / 2, i / 2 + 0.5))
            for i, text in enumerate("Hi")
        )
        line = Line(characters, (Word(characters, 0.9, place),), 0.9, place, 0, {"a": Hypothesis.of_text("Hi", 0.9)})
        return Page(60, 60, (line,), REPORTS, str(ask.method), ask.profile.name)

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        self._note(images, ask)
        character = Character("Q", 0.65, (Vote("a", "Q", 1.0, 0.65),))
        return [CharacterReading(character, {"a": Hypothesis.of_text("Q", 0.65)}, REPORTS) for _ in images]

    async def pictures(self, data: bytes, ask: Ask) -> tuple[NamedPicture, ...]:
        self._note([data], ask)
        return (NamedPicture("sent", data),)

    async def state(self) -> ServiceState:
        engines = {"a": EngineState("a", (Scope.LINE,), model="a@1"), "b": EngineState("b", (), problem="no model")}
        return ServiceState(engines if self.warm else {}, self.warm, 3.0)

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


def app_over(service: PlainService, **limits: Any) -> FastAPI:
    """The application with the engines a, b and, for lines only, lines."""
    config = ClusterConfig(
        engines=tuple(EngineConfig(name=name) for name in ("a", "b", "lines")),
        limits=LimitsConfig(**limits),
        ready_engines=1,
    )
    specs = [spec("a", Scope.LINE, Scope.CHARACTER), spec("b", Scope.LINE, Scope.CHARACTER), spec("lines", Scope.LINE)]
    catalogue = Catalogue.of(config, specs)
    return create_app(Api(service, lambda: catalogue, "1.2.3"))
