"""An ensemble over plain coroutines: a segmentation that cuts pages into lines, engines that say one thing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from deployments.messages.answers import CharacterCropsAnswer, EngineAnswer, ImageRefused, LayoutAnswer
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.messages.states import EngineState
from deployments.router.circuit_breaker import CircuitBreakers
from deployments.router.ensemble import CropsReference, Ensemble
from fusion import Method, Profile
from ocr import Box, Hypothesis, Layout, Region, Scope, Status
from ocr.errors import NotAnImage

SCOPES = {
    "a": frozenset({Scope.LINE, Scope.CHARACTER}),
    "b": frozenset({Scope.LINE, Scope.CHARACTER}),
    "lines": frozenset({Scope.LINE}),
}


class PlainSegmentation:
    """Cuts every page into the lines given; a 'bad' image of one character cannot be read."""

    def __init__(self, lines: int = 2) -> None:
        self.lines = lines
        self.segmented = 0

    async def page(self, data: bytes, request: ReadRequest) -> tuple[LayoutAnswer | ImageRefused, CropsReference]:
        self.segmented += 1
        if data == b"bad":
            return ImageRefused(NotAnImage("broken")), None
        if data == b"slow":
            await asyncio.sleep(3600)
        regions = tuple(Region(Box(0, 20 * i, 100, 20 * i + 20).polygon(), 100, 20) for i in range(self.lines))
        return LayoutAnswer(Layout(100, 100, regions)), f"pixels {self.segmented}"

    async def characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> tuple[CharacterCropsAnswer, CropsReference]:
        good = [image for image in images if image != b"bad"]
        box = Box(0, 0, 28, 28).polygon()
        layout = Layout(1, 1, tuple(Region(box, 28, 28, Scope.CHARACTER) for _ in good))
        indices = iter(range(len(good)))
        outcomes = tuple(NotAnImage("broken") if image == b"bad" else next(indices) for image in images)
        return CharacterCropsAnswer(outcomes, layout), "pixels"


class PlainReader:
    """Says the same of every line, or raises. With `in_other` it says that in every other language than English."""

    def __init__(self, text: str, *errors: Exception, in_other: str | None = None) -> None:
        self.text = text
        self.in_other = in_other
        self.errors = list(errors)
        self.asked: list[tuple[CropsReference, tuple[int, ...]]] = []
        self.languages: list[tuple[str, ...]] = []

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        self.asked.append((pixels, tuple(indices)))
        self.languages.append(options.languages)
        if self.errors:
            raise self.errors.pop(0)
        text = self.in_other if self.in_other is not None and options.languages != ("en",) else self.text
        said = Hypothesis.of_text(text, 0.9) if text else Hypothesis.abstain("no data for it")
        return EngineAnswer(f"{self.text}@1", tuple(said for _ in indices))


def read_request(*engines: str, seconds: float = 5.0) -> ReadRequest:
    profile = Profile("general", {"a": 0.6, "b": 0.3, "lines": 0.1})
    return ReadRequest(
        Method.WEIGHTED_VOTING, profile, engines or tuple(SCOPES), time.time() + seconds, RecognitionOptions()
    )


def ensemble(
    readers: dict[str, PlainReader], segmentation: PlainSegmentation | None = None, **problems: str
) -> Ensemble:
    states = {
        name: EngineState(name, (), problem=problems.get(name, ""), by_language=reader.in_other is not None)
        for name, reader in readers.items()
    }
    return Ensemble(
        segmentation or PlainSegmentation(),
        readers,
        SCOPES,
        lambda: states,
        time.time,
        CircuitBreakers(readers, time.monotonic),
    )


def readers(**changed: PlainReader) -> dict[str, PlainReader]:
    return {"a": PlainReader("hello"), "b": PlainReader("hello"), "lines": PlainReader("hallo"), **changed}


def statuses(page: object) -> dict[str, Status]:
    return {report.engine: report.status for report in page.reports}  # type: ignore[attr-defined]
