"""One engine behind its queue: what it says of itself, what keeps a replica alive, and what has it replaced."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engines
from deployments.engine.batching import EngineReadError
from deployments.engine.hosting import EngineHost, ReplicaResources, wanted_handwriting
from deployments.messages.call_errors import NotDeployed
from deployments.messages.request import RecognitionOptions
from deployments.observability.metrics import Metric, RecordMetric, ignore_metric
from ocr import (
    Box,
    Card,
    CardMemory,
    Classes,
    Crop,
    Engine,
    EngineSpec,
    Hypothesis,
    Layout,
    LoadOptions,
    NoCard,
    Region,
    Resources,
    Scope,
    SegmentedPage,
)
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime


class NotedEngine:
    """Reads the width of every crop, and notes what it was asked."""

    model = "noted@1"

    def __init__(self) -> None:
        self.seen: list[Crop] = []

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        self.seen += crops
        return [Hypothesis.of_text(str(crop.region.width_px), 0.9) for crop in crops]


class FakeCard:
    """A card of which the engine holds `reserved` bytes; its share is 1000."""

    framework = "fake"

    def __init__(self, reserved: int = 0) -> None:
        self.reserved = reserved

    def require(self) -> None:
        """It is there."""

    def memory(self, fraction: float) -> CardMemory:
        assert fraction == 0.25
        return CardMemory("fake", 1000, self.reserved, self.reserved)


def hosted(
    load: Callable[[LoadOptions], Engine],
    *scopes: Scope,
    memory_limit_mb: int | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    record: RecordMetric = ignore_metric,
    card: Card | NoCard | None = None,
    resources: ReplicaResources | None = None,
    runtime: Runtime = Runtime.AUTO,
    handwriting: Path | None = None,
) -> EngineHost:
    card = card or FakeCard()
    spec = EngineSpec("noted", frozenset(scopes or {Scope.LINE}), load, 8, Resources(1, 0, 100), {}, card)
    return EngineHost(
        spec,
        lambda: LoadOptions(threads=3, gpu_fraction=0.25, runtime=runtime, handwriting=handwriting),
        resources or ReplicaResources(cpus=0.5, gpu_fraction=0.25),
        memory_limit_mb=memory_limit_mb,
        hung_after_s=60.0,
        clock=clock,
        record=record,
    )


def page(*widths_px: int) -> SegmentedPage:
    regions = tuple(Region(Box(0, 0, width, 4).polygon(), width, 4) for width in widths_px)
    return SegmentedPage(Layout(99, 99, regions), tuple(np.zeros((4, width, 3), np.uint8) for width in widths_px))


def failing(error: Exception) -> Callable[[LoadOptions], Engine]:
    def load(_: LoadOptions) -> Engine:
        raise error

    return load


async def test_the_lines_asked_for_are_read_in_the_order_asked_for_with_the_question() -> None:
    engine = NotedEngine()
    host = hosted(lambda _: engine)
    engine.seen.clear()
    answer = await host.read(page(5, 6, 7), [2, 0], RecognitionOptions(("de",), Classes.DIGITS), 1.0)
    await host.close()
    assert answer.model == "noted@1"
    assert [hypothesis.text for hypothesis in answer.hypotheses if hypothesis] == ["7", "5"]
    assert {(crop.languages, crop.classes) for crop in engine.seen} == {(("de",), Classes.DIGITS)}


async def test_an_answer_says_where_the_time_of_the_replica_went() -> None:
    host = hosted(lambda _: NotedEngine())
    answer = await host.read(page(5, 6), [0, 1], RecognitionOptions(), 1.0)
    await host.close()
    assert [step.name for step in answer.timings] == ["queue", "inference", "other"]
    assert {step.where for step in answer.timings} == {"noted"}


async def test_what_the_deadline_cuts_off_is_none_and_no_abstention() -> None:
    host = hosted(lambda _: NotedEngine())
    assert (await host.read(page(5, 6), [0, 1], RecognitionOptions(), -1.0)).hypotheses == (None, None)
    await host.close()


@pytest.mark.parametrize("scope", list(Scope))
def test_an_engine_is_warmed_up_with_what_it_can_read_and_nothing_else(scope: Scope) -> None:
    engine = NotedEngine()
    state = hosted(lambda _: engine, scope).state()
    assert {crop.region.scope for crop in engine.seen} == {scope}
    assert (state.line_s > 0.0) is (scope is Scope.LINE)
    assert (state.available, state.model, state.scopes) == (True, "noted@1", (scope,))
    assert (state.cpus, state.gpu_fraction, state.threads) == (0.5, 0.25, 3)
    assert state.memory_mb > 0.0


async def test_an_engine_that_lacks_something_stays_healthy_and_names_the_remedy() -> None:
    host = hosted(failing(EngineUnavailable("no model", "pull one")))
    host.check_health()
    assert not host.state().available
    with pytest.raises(NotDeployed, match="pull one"):
        await host.read(page(5), [0], RecognitionOptions(), 1.0)


async def test_an_engine_that_fails_to_load_for_another_reason_has_its_replica_replaced() -> None:
    host = hosted(failing(MemoryError("the card is full")))
    with pytest.raises(RuntimeError, match="MemoryError: the card is full"):
        host.check_health()
    assert "the card is full" in host.state().problem


def test_a_replica_that_grew_over_its_limit_is_replaced() -> None:
    hosted(lambda _: NotedEngine(), memory_limit_mb=10**6).check_health()
    with pytest.raises(RuntimeError, match="over its limit of 1 MB"):
        hosted(lambda _: NotedEngine(), memory_limit_mb=1).check_health()


@pytest.mark.parametrize(
    ("share_mb", "warm_mb", "limit_mb"),
    [
        pytest.param(0.0, 300.0, None, id="nothing was said: no limit"),
        pytest.param(900.0, 300.0, 900.0, id="its share is the limit"),
        pytest.param(200.0, 300.0, 375.0, id="a share too small from the beginning is no leak"),
    ],
)
def test_the_share_of_the_nodes_memory_limits_a_replica(
    share_mb: float, warm_mb: float, limit_mb: float | None
) -> None:
    assert ReplicaResources(memory_mb=share_mb).memory_limit_mb(warm_mb) == limit_mb


def test_a_replica_that_leaks_is_replaced_and_its_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    used_mb = [300.0]
    monkeypatch.setattr("deployments.engine.hosting.own_memory_mb", lambda: used_mb[0])
    host = hosted(lambda _: NotedEngine(), resources=ReplicaResources(memory_mb=500.0))
    host.check_health()
    assert host.state().memory_limit_mb == 500.0
    used_mb[0] = 501.0
    with pytest.raises(RuntimeError, match="uses 501 MB, over its limit of 500 MB"):
        host.check_health()


def test_a_replica_whose_share_is_too_small_from_the_beginning_is_not_replaced_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("deployments.engine.hosting.own_memory_mb", lambda: 600.0)
    hosted(lambda _: NotedEngine(), resources=ReplicaResources(memory_mb=500.0)).check_health()
    assert "raise `memory`" in caplog.text


def test_what_is_held_of_a_card_is_told_and_a_replica_over_its_share_is_replaced() -> None:
    card = FakeCard(reserved=900)
    host = hosted(lambda _: NotedEngine(), card=card)
    assert host.state().card == CardMemory("fake", 1000, 900, 900)
    host.check_health()
    card.reserved = 1001
    with pytest.raises(RuntimeError, match="over its share"):
        host.check_health()


async def test_a_replica_whose_share_of_the_card_does_not_even_hold_one_crop_is_replaced() -> None:
    class OutOfMemoryError(RuntimeError):
        """Named as torch names its own."""

    class Full(NotedEngine):
        least = 2  # so many crops do not fit

        def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
            if len(crops) >= self.least:
                raise OutOfMemoryError("CUDA out of memory")
            return super().read(crops)

    engine = Full()
    host = hosted(lambda _: engine)
    assert [
        hypothesis.text
        for hypothesis in (await host.read(page(5, 6), [0, 1], RecognitionOptions(), 1.0)).hypotheses
        if hypothesis
    ] == [
        "5",
        "6",
    ]
    host.check_health()  # a batch that does not fit is read crop by crop
    engine.least = 1
    with pytest.raises(EngineReadError):
        await host.read(page(5), [0], RecognitionOptions(), 1.0)
    with pytest.raises(RuntimeError, match="its share of the card is full"):
        host.check_health()
    await host.close()


def test_an_engine_that_uses_no_card_and_was_given_one_says_so(caplog: pytest.LogCaptureFixture) -> None:
    state = hosted(lambda _: NotedEngine(), card=NoCard("it counts on its fingers")).state()
    assert "has 0.25 of a card but uses no card: it counts on its fingers" in state.problem
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_engine_is_not_read_by_a_runtime_that_it_does_not_have() -> None:
    state = hosted(lambda _: NotedEngine(), runtime=Runtime.OPENVINO).state()
    assert "noted is not read by openvino" in state.problem
    assert "auto or native" in state.problem
    assert hosted(lambda _: NotedEngine(), runtime=Runtime.NATIVE).state().problem == ""


def test_an_engine_that_takes_one_model_and_was_given_one_for_handwriting_says_so() -> None:
    state = hosted(lambda _: NotedEngine(), handwriting=Path("my/letters")).state()
    assert "noted takes no second model, and my/letters was given to it" in state.problem
    assert "set its handwriting to none" in state.problem


def test_an_engine_of_ones_own_that_takes_no_second_model_gets_none_unless_it_is_asked_for() -> None:
    bundled = engines.spec("easyocr")
    own = replace(bundled, load=lambda _: NotedEngine(), handwriting=False)
    assert [wanted_handwriting(own, each) for each in ("auto", "bundled", "none")] == ["none", "bundled", "none"]
    assert [wanted_handwriting(bundled, each) for each in ("auto", "none")] == ["auto", "none"]


async def test_a_replica_whose_engine_hangs_is_replaced_and_one_that_is_only_busy_is_not() -> None:
    now = [0.0]
    entered, release = threading.Event(), threading.Event()

    class Hanging(NotedEngine):
        def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
            if crops[0].region.width_px == 5:
                entered.set()
                assert release.wait(timeout=10)
            return super().read(crops)

    host = hosted(lambda _: Hanging(), clock=lambda: now[0])
    reading = asyncio.create_task(host.read(page(5), [0], RecognitionOptions(), 1e9))
    assert await asyncio.to_thread(entered.wait, 10)
    now[0] = 59.0
    host.check_health()
    now[0] = 61.0
    with pytest.raises(RuntimeError, match="hangs"):
        host.check_health()
    release.set()
    await reading
    host.check_health()
    await host.close()


def test_a_limit_of_gpu_memory_lowers_the_fraction_and_never_raises_it() -> None:
    resources = ReplicaResources(cpus=1.0, gpu_fraction=0.25)
    assert resources.within(4096, 40_960) == ReplicaResources(cpus=1.0, gpu_fraction=0.1)
    assert resources.within(4096, 8192) == resources
    assert ReplicaResources().within(4096, 8192) == ReplicaResources()


async def test_an_engine_tells_its_load_its_batches_and_its_queue() -> None:
    told: list[tuple[str, float]] = []

    def record(metric: Metric, value: float = 1.0, /, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        told.append((metric.name, value))

    host = hosted(lambda _: NotedEngine(), record=record)
    await host.read(page(10, 20), [0, 1], RecognitionOptions(), 1.0)
    await asyncio.sleep(0.01)  # the queue looks once more, and finds nothing
    await host.close()
    assert told[0][0] == "ocr_model_load_seconds"
    assert sum(value for name, value in told if name == "ocr_batch_crops") == 2
    assert [value for name, value in told if name == "ocr_queue_crops"] == [2, 0, 0]
