"""The queue in front of an engine: fairness, honest deadlines, similar widths, and one bad crop that harms nobody."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from deployments.engine.batching import CropQueue, EngineReadError
from deployments.messages.request import Asker
from ocr import Crop, Hypothesis, Scope, StepTimer
from tests.fakes.held_shares import HeldShares

FAR = 1e9


class Gate:
    """An engine whose batches wait until the test lets them through, and that notes what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        self.batches.append([crop.region.width_px for crop in crops])
        assert self._open.wait(timeout=10)
        return [Hypothesis.of_text(str(crop.region.width_px), 0.9) for crop in crops]


def crop(width_px: int) -> Crop:
    return Crop.whole(np.zeros((4, width_px, 3), np.uint8))


def texts(answers: Sequence[Hypothesis | None]) -> list[str | None]:
    return [None if answer is None else answer.text for answer in answers]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def test_answers_come_back_in_the_order_of_the_crops() -> None:
    gate = Gate()
    gate.open()
    queue = CropQueue(gate.read, batch_size=2, clock=lambda: 0.0)
    assert texts(await queue.read([crop(30), crop(5), crop(31), crop(6)], FAR)) == ["30", "5", "31", "6"]
    await queue.close()


async def test_a_batch_holds_crops_of_similar_width() -> None:
    gate = Gate()
    gate.open()
    queue = CropQueue(gate.read, batch_size=2, clock=lambda: 0.0)
    await queue.read([crop(300), crop(5), crop(310), crop(6)], FAR)
    assert gate.batches == [[300, 310], [5, 6]]
    await queue.close()


async def test_a_single_line_is_not_read_after_a_long_page_that_came_first() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: 0.0)
    page = asyncio.create_task(queue.read([crop(100 + i) for i in range(20)], FAR))
    await until(lambda: len(gate.batches) == 1)
    line = asyncio.create_task(queue.read([crop(7)], FAR))
    await until(lambda: len(queue) == 20)
    gate.open()
    await asyncio.gather(page, line)
    order = [widths[0] for widths in gate.batches]
    assert order.index(7) <= 3
    await queue.close()


async def test_pages_that_arrive_together_leave_one_after_the_other() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=2, clock=lambda: 0.0)
    before = asyncio.create_task(queue.read([crop(1)], FAR))
    await until(lambda: len(gate.batches) == 1)
    pages = [asyncio.create_task(queue.read([crop(10 * page + line) for line in range(5)], FAR)) for page in (1, 2, 3)]
    await until(lambda: len(queue) == 15)
    gate.open()
    await asyncio.gather(before, *pages)
    read = [width // 10 for widths in gate.batches[1:] for width in widths]
    assert read == sorted(read), "what is left of a batch is filled up from the next page"
    assert [len(widths) for widths in gate.batches] == [1, *[2] * 7, 1]
    await queue.close()


async def test_callers_take_turns_however_many_requests_one_of_them_has() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: 0.0)
    crowd = [asyncio.create_task(queue.read([crop(100), crop(100)], FAR, asker=Asker("greedy"))) for _ in range(20)]
    await until(lambda: len(gate.batches) == 1)
    page = asyncio.create_task(queue.read([crop(7 + i) for i in range(5)], FAR, asker=Asker("other")))
    await until(lambda: len(queue) == 44)
    gate.open()
    await asyncio.gather(*crowd, page)
    order = [widths[0] for widths in gate.batches]
    assert max(order.index(7 + i) for i in range(5)) <= 11  # every other batch is its own
    assert all(order.count(7 + i) == 1 for i in range(5))
    await queue.close()


async def test_a_caller_that_was_away_has_saved_up_no_turns() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.read([crop(100) for _ in range(20)], FAR, asker=Asker("busy")))
        await until(lambda: len(gate.batches) == 1)
        gate.open()
        await until(lambda: len(gate.batches) >= 5)
        group.create_task(queue.read([crop(101) for _ in range(20)], FAR, asker=Asker("busy")))
        group.create_task(queue.read([crop(8) for _ in range(10)], FAR, asker=Asker("rare")))
    order = [widths[0] for widths in gate.batches]
    first, last = order.index(8), len(order) - 1 - order[::-1].index(8)
    assert last - first >= 17, "ten of its own and nearly as many of the other's between them"
    await queue.close()


async def test_a_caller_that_reads_little_goes_before_one_that_reads_all_the_time() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.read([crop(7)], FAR, asker=Asker("rare")))
        await until(lambda: len(gate.batches) == 1)
        group.create_task(queue.read([crop(100) for _ in range(60)], FAR, asker=Asker("busy")))
        gate.open()
        await until(lambda: len(gate.batches) >= 20)
        await asyncio.wait_for(queue.read([crop(8) for _ in range(10)], FAR, asker=Asker("rare")), 10.0)
        order = [widths[0] for widths in gate.batches]
        first, last = order.index(8), len(order) - 1 - order[::-1].index(8)
        assert last - first == 9, "its ten lines one after the other"
    await queue.close()


async def read_in_the_order_of(*asked: tuple[int, int, Asker]) -> list[int]:
    """The widths of the batches, in order, when these (width, how many, who) wait behind one crop of nobody's."""
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=4, clock=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.read([crop(1)], FAR))
        await until(lambda: len(gate.batches) == 1)
        for width, count, asker in asked:
            group.create_task(queue.read([crop(width) for _ in range(count)], FAR, asker=asker))
        await until(lambda: len(queue) == sum(count for _, count, _ in asked))
        gate.open()
    await queue.close()
    assert all(len(set(widths)) == 1 for widths in gate.batches), "no batch has crops of both kinds"
    return [widths[0] for widths in gate.batches[1:]]


async def test_lines_of_a_batch_give_way_to_those_that_somebody_waits_for() -> None:
    order = await read_in_the_order_of((100, 40, Asker("a", "batch")), (7, 9, Asker("b")))
    assert order == [7] * 3 + [100] * 10


async def test_ones_own_batch_gives_way_as_well() -> None:
    order = await read_in_the_order_of((100, 40, Asker("a", "batch")), (7, 4, Asker("a")))
    assert order[0] == 7


async def test_a_batch_is_not_starved_one_in_eight_is_its_own() -> None:
    order = await read_in_the_order_of((100, 8, Asker("a", "batch")), (7, 64, Asker("b")))
    assert [index for index, width in enumerate(order) if width == 100] == [7, 15]


async def test_a_caller_with_a_larger_share_has_more_turns() -> None:
    order = await read_in_the_order_of((100, 48, Asker("a", share=3.0)), (7, 48, Asker("b")))
    assert 8 <= order[:12].count(100) <= 10


async def test_work_that_gives_way_is_read_in_small_batches_so_that_who_comes_waits_little() -> None:
    now = [0.0]
    sizes: list[int] = []

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        sizes.append(len(crops))
        now[0] += len(crops) / 20
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=16, clock=lambda: now[0])
    await queue.read([crop(100) for _ in range(20)], FAR, asker=Asker("a", "batch"))
    assert sizes == [16, 4]  # at first nobody knows what a crop takes
    await queue.read([crop(100) for _ in range(8)], FAR, asker=Asker("a", "batch"))
    assert sizes[2:] == [6, 2]
    await queue.close()


async def test_batches_are_small_while_two_callers_read_and_large_for_one() -> None:
    now = [0.0]
    sizes: list[int] = []

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        sizes.append(len(crops))
        now[0] += len(crops) / 32
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=16, clock=lambda: now[0])
    await queue.read([crop(100) for _ in range(16)], FAR, asker=Asker("busy"))
    await asyncio.gather(
        queue.read([crop(100) for _ in range(16)], FAR, asker=Asker("busy")),
        queue.read([crop(60) for _ in range(2)], FAR, asker=Asker("other")),
    )
    assert sizes == [16, 9, 9]
    now[0] += 3.0
    await queue.read([crop(100) for _ in range(16)], FAR, asker=Asker("busy"))
    assert sizes[-1] == 16
    await queue.close()


async def test_lines_that_keep_coming_do_not_keep_a_page_waiting_for_ever() -> None:
    lines_read = [0]

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        lines_read[0] += sum(crop.region.width_px == 7 for crop in crops)
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=1, clock=lambda: 0.0)

    async def keep_coming() -> None:
        while True:
            await queue.read([crop(7)], FAR)

    callers = [asyncio.create_task(keep_coming()) for _ in range(3)]
    await queue.read([crop(100 + line) for line in range(10)], FAR)
    assert lines_read[0] <= 3 * 10 + 3, "at an equal pace each of the three callers has ten lines read meanwhile"
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await queue.close()


async def test_a_crop_past_its_deadline_is_dropped_before_it_is_read() -> None:
    now = [0.0]
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: now[0])
    first = asyncio.create_task(queue.read([crop(1)], FAR))
    await until(lambda: len(gate.batches) == 1)
    late = asyncio.create_task(queue.read([crop(2)], 0.02))
    assert texts(await late) == [None]
    now[0] = 1.0
    gate.open()
    assert texts(await first) == ["1"]
    assert texts(await queue.read([crop(3)], FAR)) == ["3"]
    assert gate.batches == [[1], [3]]
    await queue.close()


async def test_crops_of_a_cancelled_request_leave_the_queue() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: 0.0)
    first = asyncio.create_task(queue.read([crop(1)], FAR))
    await until(lambda: len(gate.batches) == 1)
    cancelled = asyncio.create_task(queue.read([crop(2), crop(3)], FAR))
    await until(lambda: len(queue) == 2)
    cancelled.cancel()
    gate.open()
    await first
    assert texts(await queue.read([crop(4)], FAR)) == ["4"]
    assert gate.batches == [[1], [4]]
    await queue.close()


async def test_what_was_read_before_the_deadline_is_kept() -> None:
    now = [0.0]
    release = threading.Event()

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        if crops[0].region.width_px == 2:
            assert release.wait(timeout=10)
        return [Hypothesis.of_text(str(crop.region.width_px), 0.9) for crop in crops]

    queue = CropQueue(read, batch_size=1, clock=lambda: now[0])
    assert texts(await queue.read([crop(1), crop(2), crop(3)], 0.05)) == ["1", None, None]
    release.set()
    await queue.close()


async def test_one_bad_crop_does_not_spoil_its_neighbours_request() -> None:
    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        if any(crop.region.width_px == 13 for crop in crops):
            raise ZeroDivisionError("thirteen")
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=8, clock=lambda: 0.0)
    good, bad = await asyncio.gather(
        queue.read([crop(12), crop(14)], FAR), queue.read([crop(13)], FAR), return_exceptions=True
    )
    assert isinstance(good, list)
    assert texts(good) == ["ok", "ok"]
    assert isinstance(bad, EngineReadError)
    assert "ZeroDivisionError: thirteen" in str(bad)
    await queue.close()


async def test_looking_for_the_bad_crop_of_a_batch_ends_at_the_deadline() -> None:
    now = [0.0]
    calls: list[int] = []

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        calls.append(len(crops))
        now[0] += 0.1
        if len(crops) > 1:
            raise ZeroDivisionError
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=8, clock=lambda: now[0])
    patient, late = await asyncio.gather(
        queue.read([crop(1), crop(2)], FAR), queue.read([crop(width) for width in range(3, 9)], 0.35)
    )
    assert texts(patient) == ["ok", "ok"]
    assert texts(late) == ["ok", *[None] * 5]
    assert calls == [8, 1, 1, 1]
    await queue.close()


async def test_the_queue_tells_for_how_long_its_engine_has_been_at_it() -> None:
    now = [0.0]
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: now[0])
    assert queue.busy_s() == 0.0
    reading = asyncio.create_task(queue.read([crop(1)], FAR))
    await until(lambda: len(gate.batches) == 1)
    now[0] = 7.0
    assert queue.busy_s() == 7.0
    gate.open()
    await reading
    assert queue.busy_s() == 0.0
    await queue.close()


class Panic(BaseException):
    """As Rust extensions raise it: no Exception."""


async def test_a_panic_of_the_engine_is_a_fault_and_the_next_request_is_read() -> None:
    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        if crops[0].region.width_px == 13:
            raise Panic("unwrap on None")
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=8, clock=lambda: 0.0)
    with pytest.raises(EngineReadError, match="Panic: unwrap"):
        await queue.read([crop(13)], FAR)
    assert texts(await queue.read([crop(12)], FAR)) == ["ok"]
    await queue.close()


async def test_an_engine_that_fails_on_every_line_leaves_no_error_that_nobody_looks_at() -> None:
    def read(_: Sequence[Crop]) -> list[Hypothesis]:
        raise ZeroDivisionError

    forgotten: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: forgotten.append(context))
    queue = CropQueue(read, batch_size=2, clock=lambda: 0.0)
    with pytest.raises(EngineReadError):
        await queue.read([crop(width) for width in range(1, 6)], FAR)
    await queue.close()
    gc.collect()
    assert forgotten == []


@pytest.mark.parametrize("garbage", [[], [None], ["text"], None, [Hypothesis(), Hypothesis()]])
async def test_an_answer_that_is_not_one_hypothesis_per_crop_is_a_fault_of_the_engine(garbage: object) -> None:
    queue = CropQueue(lambda _: garbage, batch_size=4, clock=lambda: 0.0)  # type: ignore[arg-type, return-value]
    with pytest.raises(EngineReadError, match="expected"):
        await queue.read([crop(3)], FAR)
    await queue.close()


async def test_nothing_to_read_needs_no_engine() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=4, clock=lambda: 0.0)
    assert await queue.read([], FAR) == []
    assert gate.batches == []


class Timed:
    """An engine whose batches take a second each for a crop on the clock of a test."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        self.now += len(crops)
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    def timer(self) -> StepTimer:
        return StepTimer("engine", lambda: self.now)


def told(timer: StepTimer) -> dict[str, float]:
    return {end_step.name: end_step.seconds for end_step in timer.timings}


async def test_a_request_learns_how_long_it_waited_for_its_turn_between_its_batches_and_was_read() -> None:
    engine, loop = Timed(), asyncio.get_running_loop()
    page, line = engine.timer(), engine.timer()
    later: list[Future[list[Hypothesis | None]]] = []

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        if not later:  # the line comes while the page's first crop is read
            later.append(asyncio.run_coroutine_threadsafe(queue.read([crop(9)], FAR, line), loop))
            while len(queue) < 4:
                time.sleep(0.001)
        return engine.read(crops)

    queue = CropQueue(read, batch_size=1, clock=lambda: engine.now)
    await queue.read([crop(1), crop(2), crop(3), crop(4)], FAR, page)
    await asyncio.wrap_future(later[0])
    assert told(page) == {"queue": 0.0, "inference": 4.0, "batch wait": 1.0}
    assert told(line) == {"queue": 1.0, "inference": 1.0}
    await queue.close()


async def test_a_batch_is_one_time_for_all_that_are_in_it() -> None:
    engine = Timed()
    queue = CropQueue(engine.read, batch_size=8, clock=lambda: engine.now)
    page, line = engine.timer(), engine.timer()
    await asyncio.gather(queue.read([crop(1), crop(2)], FAR, page), queue.read([crop(9)], FAR, line))
    assert told(page) == told(line) == {"queue": 0.0, "inference": 3.0}
    await queue.close()


async def test_a_request_whose_deadline_passes_learns_what_it_waited_for_until_then() -> None:
    gate = Gate()
    now = [0.0]
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: now[0])
    read, unread = StepTimer("engine", lambda: now[0]), StepTimer("engine", lambda: now[0])
    reading = asyncio.create_task(queue.read([crop(1)], 0.05, read))
    await until(lambda: len(gate.batches) == 1)
    now[0] = 0.02
    assert texts(await queue.read([crop(2)], 0.03, unread)) == [None]
    assert list(told(unread)) == ["queue"]
    now[0] = 7.0
    assert texts(await reading) == [None]
    assert told(read) == {"queue": 0.0, "inference": 7.0}
    gate.open()
    await queue.close()


async def test_a_caller_who_has_to_leave_the_processors_to_others_waits_and_others_are_read() -> None:
    shares, gate = HeldShares(), Gate()
    gate.open()
    queue = CropQueue(gate.read, batch_size=4, clock=time.monotonic, shares=shares, threads=2.0)
    shares.may = {"page"}
    book = asyncio.create_task(queue.read([crop(10), crop(11)], FAR, asker=Asker("book")))
    await asyncio.sleep(0)
    assert texts(await queue.read([crop(20)], FAR, asker=Asker("page"))) == ["20"]
    assert not book.done()
    shares.may = {"book"}
    assert texts(await book) == ["10", "11"]
    assert gate.batches == [[20], [10, 11]]
    assert {"page": 2.0, "book": 2.0} in shares.wanted
    await until(lambda: shares.wanted[-1] == {})
    assert {caller for caller, _ in shares.charged} == {"page", "book"}
    await queue.close()


async def test_nobody_is_held_back_for_ever() -> None:
    now, gate = 0.0, Gate()
    gate.open()
    queue = CropQueue(gate.read, batch_size=1, clock=lambda: now, shares=HeldShares())
    book = asyncio.create_task(queue.read([crop(10), crop(11)], FAR, asker=Asker("book")))
    await asyncio.sleep(0.05)
    assert gate.batches == []
    now = 5.5
    await until(lambda: gate.batches == [[10]])
    await asyncio.sleep(0.05)
    assert gate.batches == [[10]]
    now = 11.0
    assert texts(await book) == ["10", "11"]
    await queue.close()


async def test_nobody_waits_for_a_crop_of_another_that_is_many_times_as_large() -> None:
    gate = Gate()
    queue = CropQueue(gate.read, batch_size=4, clock=time.monotonic)
    first = asyncio.create_task(queue.read([crop(1)], FAR, asker=Asker("first")))
    await until(lambda: gate.batches == [[1]])
    waiting = [
        asyncio.create_task(queue.read([crop(width)], FAR, asker=Asker(caller)))
        for width, caller in ((100, "a"), (120, "b"), (2000, "c"))
    ]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, *waiting)
    assert gate.batches[1:] == [[100, 120], [2000]]
    await queue.close()


async def test_a_character_is_not_read_in_a_batch_with_lines() -> None:
    gate = Gate()
    gate.open()
    queue = CropQueue(gate.read, batch_size=4, clock=lambda: 0.0)
    letter = Crop.whole(np.zeros((4, 5, 3), np.uint8), Scope.CHARACTER)
    await asyncio.gather(queue.read([crop(30), crop(31)], FAR), queue.read([letter], FAR))
    assert sorted(map(sorted, gate.batches)) == [[5], [30, 31]]
    await queue.close()


async def test_what_takes_longer_takes_more_of_its_callers_turn() -> None:
    """Characters that take four times as long as lines: each is followed by four lines of the other caller."""
    now, read_for = [0.0], []

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        for one in crops:
            now[0] += 0.4 if one.region.scope is Scope.CHARACTER else 0.1
            read_for.append(one.region.scope)
        return [Hypothesis.of_text("x", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=1, clock=lambda: now[0])
    letter = Crop.whole(np.zeros((4, 5, 3), np.uint8), Scope.CHARACTER)
    await queue.read([letter], FAR, asker=Asker("letters"))
    await queue.read([crop(30)], FAR, asker=Asker("page"))
    read_for.clear()
    await asyncio.gather(
        queue.read([letter] * 6, FAR, asker=Asker("letters")), queue.read([crop(30)] * 20, FAR, asker=Asker("page"))
    )
    first_lines = read_for[: 1 + max(i for i, scope in enumerate(read_for) if scope is Scope.LINE)]
    assert first_lines.count(Scope.LINE) == 20
    assert 4 <= first_lines.count(Scope.CHARACTER) <= 6
    await queue.close()


async def test_batches_are_small_while_another_caller_reads_with_other_engines_of_the_node() -> None:
    now, sizes, shares = [0.0], [], HeldShares()
    shares.may = {"book"}

    def read(crops: Sequence[Crop]) -> list[Hypothesis]:
        sizes.append(len(crops))
        now[0] += len(crops) / 32
        return [Hypothesis.of_text("ok", 0.9) for _ in crops]

    queue = CropQueue(read, batch_size=16, clock=lambda: now[0], shares=shares)
    await queue.read([crop(100) for _ in range(16)], FAR, asker=Asker("book"))
    shares.others = {"page"}
    await queue.read([crop(100) for _ in range(16)], FAR, asker=Asker("book"))
    assert sizes == [16, 9, 7]
    await queue.close()
