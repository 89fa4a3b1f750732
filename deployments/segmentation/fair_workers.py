"""Turns at the workers of one replica: callers share the processor, whatever one page costs.

One worker computes at a time, as it uses all the processors that the segmentation has. The page of the caller that has
had least of late goes on; a page of another caller is paused in the middle for it, with its process (SIGSTOP), and goes
on when it is its caller's turn again. So a page that takes ten seconds delays the pages of others by a tenth of one.
This is the fair share of operating systems (Kay and Lauder 1988, doi 10.1145/35043.35047) with a caller in the place of
a user. A caller has one worker at most, and so has all that was asked as a batch, so that nobody can take them all;
what a batch has had counts eight times. The page of one that has had more than others of the node's cores, which the
engines use too, is paused as well while those want them all (see deployments/replica/processor_shares.py). Plain
asyncio; knows no Serve.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from deployments.messages.request import Asker
from deployments.replica.processor_shares import NotShared, Shares, Turns
from deployments.replica.recent_use import RecentUse
from deployments.segmentation.worker_tasks import Task

Result = TypeVar("Result")

# What was used counts half as much after so long.
_HALF_LIFE_S = 3.0
# A caller goes on while it has had no more than so much above another one: stopping and going on has its price.
_SLICE_S = 0.1


class Worker(Protocol):
    """A worker's process; see worker_process.py."""

    @property
    def is_ready(self) -> bool:
        """Whether it is warm."""

    def start(self) -> None:
        """Start it, and wait until it is warm."""

    def run(self, task: Task[Result]) -> Result:
        """What the task comes to. Blocks."""

    def pause(self) -> None:
        """Stop computing, in the middle."""

    def go_on(self) -> None:
        """Compute again."""

    def abandon(self) -> None:
        """Nobody waits for what it computes."""


@dataclass(eq=False, slots=True)
class _Page:
    """A page that waits for a worker or has one."""

    asker: Asker
    task: Task[Any]
    on_begin: Callable[[], None]
    done: asyncio.Future[Any]
    lane: _Lane | None = None

    @property
    def line(self) -> str:
        return self.asker.line

    @property
    def holds(self) -> str:
        """Of what one worker at most is taken: of one caller, and of all batches together."""
        return _ALL_BATCHES if self.asker.is_batch else self.asker.caller


_ALL_BATCHES = "\0batches"


class _Lane:
    """A worker, and the thread that waits for it; it lives as long as the worker."""

    def __init__(self, worker: Worker, number: int) -> None:
        self.worker = worker
        self.page: _Page | None = None
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"segmentation-{number}")


class FairWorkers:
    """Some workers, of which one computes at a time, with `threads`. `shares` are those of the node's processors."""

    def __init__(
        self,
        workers: Sequence[Worker],
        clock: Callable[[], float] = time.monotonic,
        deadline_clock: Callable[[], float] = time.time,
        shares: Shares | None = None,
        threads: float = 1.0,
    ) -> None:
        self._lanes = [_Lane(worker, number) for number, worker in enumerate(workers)]
        self._waiting: dict[str, deque[_Page]] = {}
        self._computing: _Page | None = None
        self._since = 0.0
        self._clock = clock
        self._deadline_clock = deadline_clock
        self._had = RecentUse(clock, _HALF_LIFE_S)
        self._shares = shares or NotShared()
        self._allowed = Turns(self._shares, clock)
        self._threads = threads
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a page would be segmented now."""
        return any(lane.worker.is_ready for lane in self._lanes)

    def start_first(self) -> None:
        """Start the first worker and wait until it is warm. Raises as `start` does."""
        self._lanes[0].thread.submit(self._lanes[0].worker.start).result()

    def start_missing(self) -> None:
        """Have every worker started that is not alive. It waits for none."""
        for lane in self._lanes:
            if lane.page is None and not lane.worker.is_ready:
                lane.thread.submit(lane.worker.start)

    async def run(self, task: Task[Result], asker: Asker, on_begin: Callable[[], None] = lambda: None) -> Result:
        """What the task comes to, when it is this asker's turn. `on_begin` is called when it is given to a worker, in
        another thread. Raises as the worker's `run` does.
        """
        page = _Page(asker, task, on_begin, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(page.line, deque()).append(page)
        self._take_turns()
        try:
            result: Result = await page.done
            return result
        finally:
            self._leave(page)

    def _leave(self, page: _Page) -> None:
        """Its caller waits no longer. What a worker has of it stops at its next step, also one that is paused."""
        if page.lane is not None and page.lane.page is page:
            page.lane.worker.abandon()
            if page is not self._computing:
                page.lane.worker.go_on()
        elif page.lane is None and page in self._waiting.get(page.line, ()):
            self._waiting[page.line].remove(page)
            if not self._waiting[page.line]:
                del self._waiting[page.line]

    def _take_turns(self) -> None:
        """Have the page compute whose turn it is."""
        self._count()
        waiting = [page for pages in self._waiting.values() for page in pages]
        may = self._allowed.of({page.asker for page in (*waiting, *self._begun())}, self._threads)
        if self._computing is not None and self._computing.line not in may:
            self._pause()
        candidates = (page for page in self._candidates() if page.line in may)
        best = min(candidates, key=lambda page: self._had.of(page.line), default=None)
        if best is not None and self._goes_before(best):
            self._pause()
            self._give_turn(best)
        self._release()
        self._look_again()

    def _candidates(self) -> Iterator[_Page]:
        """Pages that could compute now, besides the one that does: the paused ones, and where a worker is free, the
        first of each caller that has none.
        """
        begun = self._begun()
        yield from (page for page in begun if page is not self._computing)
        if self._free_lane() is not None:
            having = {page.holds for page in begun}
            yield from (pages[0] for pages in self._waiting.values() if pages[0].holds not in having)

    def _begun(self) -> list[_Page]:
        return [lane.page for lane in self._lanes if lane.page is not None]

    def _free_lane(self) -> _Lane | None:
        """One whose worker is warm. Only where no page is begun, one whose worker is not: nobody else waits for it."""
        free = [lane for lane in self._lanes if lane.page is None]
        warm = next((lane for lane in free if lane.worker.is_ready), None)
        return warm or (free[0] if len(free) == len(self._lanes) else None)

    def _goes_before(self, page: _Page) -> bool:
        return self._computing is None or self._had.of(self._computing.line) > self._had.of(page.line) + _SLICE_S

    def _count(self) -> None:
        """What the page that computes has had until now is its caller's."""
        now = self._clock()
        if self._computing is not None:
            asker = self._computing.asker
            self._had.add(asker.line, self._shares.had(asker.line, now - self._since, asker.counts))
        self._since = now

    def _set_computing(self, page: _Page | None) -> None:
        self._computing = page
        if page is None:
            self._shares.computes({}, {})
        else:
            self._shares.computes({page.line: self._threads}, {page.line: page.asker.counts})

    def _pause(self) -> None:
        if self._computing is not None and self._computing.lane is not None:
            self._computing.lane.worker.pause()
        self._set_computing(None)

    def _give_turn(self, page: _Page) -> None:
        self._set_computing(page)
        if page.lane is not None:
            page.lane.worker.go_on()
            return
        self._leave(page)
        lane = self._free_lane()
        assert lane is not None  # it would be no candidate
        page.lane, lane.page = lane, page

        def begin() -> Any:  # noqa: ANN401 - whatever the task comes to
            page.on_begin()
            return lane.worker.run(page.task)

        ended = asyncio.get_running_loop().run_in_executor(lane.thread, begin)
        ended.add_done_callback(lambda result: self._end(page, lane, result))

    def _end(self, page: _Page, lane: _Lane, result: asyncio.Future[Any]) -> None:
        lane.worker.go_on()  # it may have been paused in this moment
        self._count()
        if self._computing is page:
            self._set_computing(None)
        lane.page = None
        error = result.exception()
        if not page.done.done():
            if error is None:
                page.done.set_result(result.result())
            else:
                page.done.set_exception(error)
        self.start_missing()
        self._take_turns()

    def _release(self) -> None:
        """Have paused pages that are past their deadline go on: they stop by themselves, and no worker is lost."""
        for page in self._begun():
            is_late = page.task.request.deadline < self._deadline_clock()
            if is_late and page is not self._computing and page.lane is not None:
                page.lane.worker.go_on()

    def _look_again(self) -> None:
        """While anybody else waits, see soon whether it is his turn."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting or any(page is not self._computing for page in self._begun()):
            self._timer = asyncio.get_running_loop().call_later(_SLICE_S, self._take_turns)
