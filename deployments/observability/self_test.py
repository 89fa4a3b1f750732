"""A self-test: samples with a known text are drawn and sent through the whole ensemble like any request.

Draws with the font that Pillow brings along, so it needs no files. The same number of samples is always the same
samples. Knows neither HTTP nor Ray.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from deployments.messages.capabilities import Capabilities
from deployments.messages.reading_service import ReadingService
from deployments.messages.request import ReadRequest
from ocr.contract import CharacterOptions, SelfTestAnswer, SelfTestBody, TextOptions
from ocr.errors import QuorumError

_AT_ONCE = 4
# Without I, l, 1, O and 0, which many fonts draw alike.
_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_WORDS = ("paper", "river", "window", "garden", "yellow", "market", "seven", "bridge", "summer", "letter", "number")


@dataclass(frozen=True, slots=True)
class _Result:
    """What was read of one sample, or the code of the error."""

    text: str = ""
    confidence: float = 0.0
    failure: str = ""


async def self_test(
    service: ReadingService,
    capabilities: Capabilities,
    body: SelfTestBody,
    clock: Callable[[], float] = time.perf_counter,
) -> SelfTestAnswer:
    """Draw, read, compare. A request that fails counts as a sample that was not answered."""
    _request_of(capabilities, body)  # refuses an unknown engine before anything is drawn
    rng = random.Random(7)  # noqa: S311 - samples, not secrets
    words = [_sample(rng, body.task) for _ in range(body.samples)]
    images = await asyncio.to_thread(lambda: [sample_image(text) for text in words])
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(image: bytes) -> _Result:
        async with slots:
            try:
                return await _read(service, _request_of(capabilities, body), body, image)
            except QuorumError as error:
                return _Result(failure=error.code)

    started = clock()
    results = await asyncio.gather(*map(one, images))
    seconds = max(clock() - started, 1e-9)
    answered = [result for result in results if not result.failure]
    succeeded = sum(
        _matches(result.text, text) for result, text in zip(results, words, strict=True) if not result.failure
    )
    return SelfTestAnswer(
        samples=body.samples,
        answered=len(answered),
        succeeded=succeeded,
        success_rate=succeeded / body.samples,
        average_confidence=sum(result.confidence for result in answered) / len(answered) if answered else None,
        throughput_per_s=len(answered) / seconds,
        seconds=seconds,
        failures=dict(Counter(result.failure for result in results if result.failure)),
    )


def sample_image(text: str) -> bytes:
    """The text in black on white, as a PNG file."""
    font = PIL.ImageFont.load_default(40)
    left, top, right, bottom = PIL.ImageDraw.Draw(PIL.Image.new("L", (1, 1))).textbbox((0, 0), text, font=font)
    picture = PIL.Image.new("RGB", (round(right - left) + 40, round(bottom - top) + 40), "white")
    PIL.ImageDraw.Draw(picture).text((20 - left, 20 - top), text, fill="black", font=font)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _sample(rng: random.Random, task: str) -> str:
    return rng.choice(_CHARACTERS) if task == "character" else f"{rng.choice(_WORDS)} {rng.choice(_WORDS)}"


def _request_of(capabilities: Capabilities, body: SelfTestBody) -> ReadRequest:
    if body.task == "text":
        return capabilities.text_request(TextOptions(engines=body.engines), time.time())
    return capabilities.character_request(CharacterOptions(engines=body.engines), time.time())


async def _read(service: ReadingService, request: ReadRequest, body: SelfTestBody, image: bytes) -> _Result:
    if body.task == "text":
        page = await service.read_page(image, request)
        return _Result(page.text, page.confidence)
    [reading] = await service.read_characters([image], request)
    if isinstance(reading, QuorumError):
        raise reading
    return _Result(reading.character.text, reading.character.confidence)


def _matches(read: str, sample_text: str) -> bool:
    return " ".join(read.split()) == sample_text
