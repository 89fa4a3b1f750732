"""The cache of results: what counts as the same request, what is not kept, and how large it becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployments.config.schema import CacheConfig
from deployments.gateway.caching.result_cache import CachingReadingService
from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.observability.metrics import Metric
from fusion import Method, Profile
from ocr import Classes
from ocr.errors import NotAnImage
from tests.fakes.plain_service import PlainService, png

REQUEST = ReadRequest(Method.MAJORITY_VOTING, Profile("printed", {"a": 1.0}), ("a",), 100.0, RecognitionOptions())
ON = CacheConfig(entries=10)


class Looks:
    def __init__(self) -> None:
        self.results: list[str] = []

    def __call__(self, _: Metric, __: float = 1.0, /, **labels: str) -> None:
        self.results.append(labels["result"])


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> PlainService:
    monkeypatch.setattr("tests.fakes.plain_service.REPORTS", ())
    return PlainService()


async def test_the_second_of_two_identical_requests_is_answered_from_memory(service: PlainService) -> None:
    looks = Looks()
    caching = CachingReadingService(service, lambda: ON, looks)
    first = await caching.read_page(png(), REQUEST)
    again = await caching.read_page(png(), replace(REQUEST, deadline=200.0))
    assert again.lines == first.lines
    assert (len(service.requests), looks.results) == (1, ["miss", "hit"])


async def test_what_is_remembered_took_no_time_of_those_who_ask_again(service: PlainService) -> None:
    caching = CachingReadingService(service, lambda: ON, Looks())
    first, again = [await caching.read_page(png(), REQUEST) for _ in range(2)]
    assert first.timings
    assert again == replace(first, timings=())


@pytest.mark.parametrize(
    "changes",
    [
        {"method": Method.CONFIDENCE_WEIGHTED},
        {"profile": Profile("printed", {"a": 0.5})},
        {"profile": Profile("general", {"a": 1.0})},
        {"engines": ("a", "b")},
        {"recognition": RecognitionOptions(languages=("de",))},
        {"recognition": RecognitionOptions(classes=Classes.DIGITS)},
        {"steps": ("denoise",)},
        {"config_version": 1},
    ],
)
async def test_a_request_that_differs_in_anything_that_matters_is_another_one(
    service: PlainService, changes: dict[str, Any]
) -> None:
    caching = CachingReadingService(service, lambda: ON, Looks())
    await caching.read_page(png(), REQUEST)
    await caching.read_page(png(), replace(REQUEST, **changes))
    await caching.read_page(png(29), REQUEST)
    assert len(service.requests) == 3


async def test_of_a_batch_only_the_images_that_are_not_known_are_asked_for(service: PlainService) -> None:
    caching = CachingReadingService(service, lambda: ON, Looks())
    await caching.read_characters([png(20), png(21)], REQUEST)
    readings = await caching.read_characters([png(22), png(20), png(21), png(23)], REQUEST)
    assert service.images[2:] == [png(22), png(23)]
    assert all(isinstance(reading, CharacterReading) for reading in readings)
    page = await caching.read_page(png(20), REQUEST)  # the same image as a page is another question
    assert page.text == "Hi"


async def test_what_failed_in_part_or_whole_is_not_kept(service: PlainService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # an engine of the plain service is always late
    caching = CachingReadingService(service, lambda: ON, Looks())
    for _ in range(2):
        await caching.read_page(png(), REQUEST)
    assert len(service.requests) == 2
    service.failure = NotAnImage("broken")
    with pytest.raises(NotAnImage):
        await caching.read_page(png(), REQUEST)


async def test_it_is_off_by_default_and_forgets_when_it_is_switched_off(service: PlainService) -> None:
    chosen = [CacheConfig()]
    caching = CachingReadingService(service, lambda: chosen[0], Looks())
    for config, asked in ((CacheConfig(), 1), (ON, 2), (ON, 2), (CacheConfig(), 3), (ON, 4)):
        chosen[0] = config
        await caching.read_page(png(), REQUEST)
        assert len(service.requests) == asked
