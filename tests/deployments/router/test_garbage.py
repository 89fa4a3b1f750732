"""Engines that return garbage, on the whole way from the engine to the answer as JSON: what is no hypothesis is an
error of that engine, what is a hypothesis without sense is outvoted, and no request fails of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engine.batching import CropQueue
from deployments.gateway.rendering import character_answer, text_answer
from deployments.messages.answers import EngineAnswer
from deployments.messages.request import RecognitionOptions
from deployments.router.ensemble import CropsReference
from ocr import Alternative, CharacterHypothesis, Crop, Hypothesis, Span, Status
from tests.fakes.engines import GarbageEngine
from tests.fakes.plain_ensemble import PlainReader, ensemble, read_request, readers, statuses

Read = Callable[[Sequence[Crop]], Any]


class Hosted(PlainReader):
    """An engine behind its queue, as it is in its replica."""

    def __init__(self, read: Read) -> None:
        super().__init__("")
        self._read = read

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        queue = CropQueue(self._read, batch_size=8, clock=time.time)
        crops = [Crop.whole(np.zeros((20, 100, 3), np.uint8)) for _ in indices]
        try:
            return EngineAnswer("hosted@1", tuple(await queue.read(crops, deadline)))
        finally:
            await queue.close()


def each(make: Callable[[], Any]) -> Read:
    return lambda crops: [make() for _ in crops]


NO_CLAIMS = {
    "nothing": lambda _: None,
    "too few": lambda crops: [Hypothesis.of_text("x", 0.9)] * (len(crops) - 1),
    "a generator": lambda crops: (Hypothesis.of_text("x", 0.9) for _ in crops),
    "strings": lambda crops: ["hello" for _ in crops],
    "numbers for characters": each(lambda: Hypothesis((5,))),
    "a number for a text": each(lambda: Hypothesis.of([CharacterHypothesis(5, 0.9)])),
    "half a character": each(lambda: Hypothesis.of([CharacterHypothesis("\ud83d", 0.9)])),
    "no probability": each(lambda: Hypothesis.of([CharacterHypothesis("x", float("nan"))])),
    "a probability of 90": each(lambda: Hypothesis.of([CharacterHypothesis("x", 90)])),
    "an alternative without a probability": each(
        lambda: Hypothesis.of([CharacterHypothesis("x", 0.9, None, (Alternative("y", float("nan")),))])
    ),
    "a place without end": each(lambda: Hypothesis.of([CharacterHypothesis("x", 0.9, Span(0.0, float("inf")))])),
    "a number for a reason": each(lambda: Hypothesis.abstain(5)),
}


@pytest.mark.parametrize("read", NO_CLAIMS.values(), ids=NO_CLAIMS)
async def test_what_is_no_claim_is_an_error_of_the_engine_and_the_others_are_heard(read: Read) -> None:
    engines = readers(b=Hosted(read))
    asked = replace(read_request("a", "b"), explain=True)
    page = await ensemble(engines).read_page(b"page", asked)
    assert statuses(page)["b"] is Status.ERROR
    answer = json.loads(text_answer(page, asked, 1.0).model_dump_json())
    assert (answer["text"], answer["degraded"]) == ("hello\nhello", True)


@given(st.integers(0, 10_000))
async def test_claims_without_sense_are_outvoted_and_can_be_written_down(seed: int) -> None:
    engines = readers(b=Hosted(GarbageEngine(seed).read))
    asked = replace(read_request(), explain=True)
    page = await ensemble(engines).read_page(b"page", asked)
    assert statuses(page)["a"] is Status.OK
    text_answer(page, asked, 1.0).model_dump_json()
    [reading] = await ensemble(engines).read_characters([b"1"], read_request("a", "b"))
    character_answer(reading, asked, 1.0).model_dump_json()  # type: ignore[arg-type]
