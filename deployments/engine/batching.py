"""Dynamic batching of crops across requests, in plain asyncio.

One `CropQueue` stands in front of one engine. Requests put crops in; a single loop takes batches out and hands them
to the engine in a worker thread, one batch at a time, so that the replica's event loop (and with it the health check)
stays free.

Three rules make it fair, cheap and honest:

- *Fair*: callers take turns, each batch going to the one for whom the engine was busy least, so that who sends a
  thousand pages does not hold up who sends one. The requests of one caller are read in the order in which they would be
  done if all that wait were read at the same pace. Read crop by crop none would be done later than so, and most are
  done sooner: a single line that arrives behind a page of forty is read after the page's current batch, and pages that
  arrive together leave one after the other instead of all at the end (fair sojourn protocol, Friedman and Henderson
  2003, doi 10.1145/781027.781056). What was asked as a batch gives way to everything else at the next batch of the
  engine, but one batch in eight is its own.
- *Cheap*: a batch is padded to its widest crop, so the crops that join the first one are those of its request that are
  closest to it in width; what is left of a batch is filled up from the next request. While other callers read too, or
  the work gives way, a batch is only as large as is read in 0.3 s: so long one that comes has to wait.
- *Together*: the engines of a node share its cores, so a caller that has had more of them than another one waits while
  that one needs them all, in whichever engine it is read (see deployments/replica/processor_shares.py).
- *Honest*: a crop whose deadline has passed or whose request was cancelled is dropped when a batch is formed; after
  a burst that timed out, the next request does not queue behind dead work.

An engine that fails on a batch is asked again crop by crop, so that one bad crop spoils no neighbour's request. One
that hangs in native code cannot be stopped from within: the queue knows for how long it has been reading, and its host
has the replica replaced. Ray Serve's own `@serve.batch` batches whole requests and can do none of the three; see
docs/decisions/.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from deployments.messages.request import NOBODY, Asker
from deployments.replica.processor_shares import LOOKS_AGAIN_S, NotShared, Shares, Turns
from deployments.replica.processors import processor_s
from ocr import Crop, Hypothesis, Scope, StepTimer

# See the second rule. A caller reads as long as its last crop came no longer ago than this.
_SLICE_S = 0.3
_READS_S = 2.0
_SAVED_CROPS = 50.0
# What somebody may send as a line or a character can be a whole page; nobody else is to wait for it.
_LARGER = 4
# While both wait, one batch in so many is of work that gives way.
_BATCH_EVERY = 8
# How much the newest batch counts in what one crop takes.
_NEWEST = 0.3
# The same for the crop that is the unit of turns: it is to stay as it is while callers with other crops take turns.
_NEWEST_OF_USUAL = 0.05

ReadBatch = Callable[[Sequence[Crop]], list[Hypothesis]]


class EngineReadError(Exception):
    """The engine raised, or returned something that is not one hypothesis per crop."""


class BatchTracing(Protocol):
    """Traces the batches that are read, and for whom."""

    def caller(self) -> object:
        """Whoever puts crops in at this moment."""

    def batch(self, callers: Sequence[object]) -> AbstractContextManager[None]:
        """Entered while a batch is read; one caller for each crop."""


class NoTracing:
    """Traces nothing."""

    def caller(self) -> object:
        return None

    def batch(self, callers: Sequence[object]) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(eq=False, slots=True)
class _QueuedRequest:
    """One request in the queue, and where its time goes: until its first crop is read it is in the `queue`, afterwards
    it waits for batches of others between its own.
    """

    span: object
    asker: Asker
    deadline: float
    timer: StepTimer
    waiting_step: str = "queue"
    is_read: bool = False

    def begin(self) -> None:
        """Some of its crops are read from now on."""
        self.timer.add_to_step(self.waiting_step)
        self.is_read = True

    def end(self) -> None:
        """They are read."""
        self.timer.add_to_step("inference")
        self.waiting_step, self.is_read = "batch wait", False

    def leave(self) -> None:
        """It waits no longer for those that were not read."""
        self.timer.add_to_step("inference" if self.is_read else self.waiting_step)


@dataclass(eq=False, slots=True)
class _QueuedCrop:
    crop: Crop
    request: _QueuedRequest
    done_at: float  # in virtual time, at an equal pace: the same for all crops of a request
    # A fault is a result, not an exception: asyncio logs every exception that nobody retrieves.
    answer: asyncio.Future[Hypothesis | EngineReadError] = field(repr=False)

    @property
    def scope(self) -> Scope:
        return self.crop.region.scope

    def may_join(self, first: _QueuedCrop) -> bool:
        """Whether it may be read with another one: not where one is a line and the other a character, nor where it is
        another caller's and many times as large.
        """
        is_own = self.request.asker.line == first.request.asker.line
        return self.scope is first.scope and (is_own or self._pixels <= _LARGER * first._pixels)

    @property
    def _pixels(self) -> int:
        return self.crop.region.width_px * self.crop.region.height_px

    def is_live(self, now: float) -> bool:
        """Whether somebody still waits for it, and there is time left."""
        return self.request.deadline > now and not self.answer.done()


class CropQueue:
    """Crops waiting for one engine. `clock` gives the time in which deadlines are stated. `on_change` is called at
    each batch, and at each change of the queue with a batch of 0: how many crops are in the batch, and how many wait.
    `shares` are those of the processors, of which the engine uses `threads` at a time.
    """

    def __init__(
        self,
        read_batch: ReadBatch,
        *,
        batch_size: int,
        clock: Callable[[], float],
        on_change: Callable[[int, int], None] = lambda _batch, _waiting: None,
        spans: BatchTracing | None = None,
        shares: Shares | None = None,
        threads: float = 1.0,
    ) -> None:
        self._spans = spans or NoTracing()
        self._shares = shares or NotShared()
        self._allowed = Turns(self._shares, clock)
        self._threads = threads
        self._read_batch = read_batch
        self._batch_size = batch_size
        self._clock = clock
        self._on_change = on_change
        self._queue: list[_QueuedCrop] = []
        self._virtual_time = 0.0  # crops that each waiting request would have had read at an equal pace
        self._turns: dict[str, float] = {}  # of each line that reads: what was read for it, by its share
        self._last_asked: dict[str, float] = {}  # of each line that read of late
        self._since_batch_work = 0  # batches read while work waited that gives way
        self._crop_s: dict[Scope, float] = {}  # what reading one takes
        self._usual_crop_s = 0.0  # the unit of turns
        self.line_s = 0.0
        """Processor time that reading a line took of late, in seconds; 0 before the first."""
        self._reading_since: float | None = None
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._loop_task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many crops wait."""
        return len(self._queue)

    def busy_s(self) -> float:
        """For how long the engine has been reading what it was last given; 0 when it reads nothing."""
        since = self._reading_since  # the worker thread sets it
        return 0.0 if since is None else self._clock() - since

    async def read(
        self, crops: Sequence[Crop], deadline: float, timer: StepTimer | None = None, asker: Asker = NOBODY
    ) -> list[Hypothesis | None]:
        """One hypothesis per crop, in order; None for those that were not read before the deadline. `timer` gets the
        steps `queue`, `inference` and `batch wait`. `asker` is whose turn is taken.

        Raises EngineReadError when the engine cannot read one of the crops. When the caller is cancelled, its crops
        leave the queue.
        """
        if not crops:
            return []
        request = _QueuedRequest(self._spans.caller(), asker, deadline, timer or StepTimer("engine"))
        answers = [queued.answer for queued in self._enqueue(crops, request)]
        try:
            await asyncio.wait(answers, timeout=max(0.0, deadline - self._clock()))
        finally:
            for answer in answers:
                answer.cancel()
        outcomes = [None if answer.cancelled() else answer.result() for answer in answers]
        if None in outcomes:
            request.leave()
        for outcome in outcomes:
            if isinstance(outcome, EngineReadError):
                raise outcome
        return [outcome for outcome in outcomes if not isinstance(outcome, EngineReadError)]

    async def close(self) -> None:
        """Stop the loop; the batch that is being read is finished by its thread and thrown away."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, crops: Sequence[Crop], request: _QueuedRequest) -> list[_QueuedCrop]:
        loop = asyncio.get_running_loop()
        done_at = self._virtual_time + len(crops)
        queued_crops = [_QueuedCrop(crop, request, done_at, loop.create_future()) for crop in crops]
        self._queue.extend(queued_crops)
        self._on_change(0, len(self))
        self._arrived.set()
        if self._loop_task is None:
            self._loop_task = loop.create_task(self._serve())
        return queued_crops

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._form_batch()
            self._on_change(len(batch), len(self))
            if not batch and self._queue:
                await asyncio.sleep(LOOKS_AGAIN_S)
                continue
            if not batch:
                self._arrived.clear()
                continue
            requests = dict.fromkeys(queued.request for queued in batch)
            for request in requests:
                request.begin()
            began, computed = self._clock(), processor_s()
            parts = _parts(batch)
            self._shares.computes(
                {asker.line: part * self._threads for asker, part in parts.items()},
                {asker.line: asker.counts for asker in parts},
            )
            with self._spans.batch([queued.request.span for queued in batch]):
                outcomes = await loop.run_in_executor(self._thread, self._outcomes, batch)
            self._shares.computes({}, {})
            self._note_turns(batch, parts, self._clock() - began)
            self._note_computed(batch, parts, processor_s() - computed)
            for request in requests:
                request.end()
            for queued, outcome in zip(batch, outcomes, strict=True):
                if outcome is not None and not queued.answer.done():
                    queued.answer.set_result(outcome)

    def _form_batch(self) -> list[_QueuedCrop]:
        """Take the next batch out of the queue; empty when nothing that is still wanted waits, or only for callers who
        leave the processors to others now.
        """
        now = self._clock()
        live = [queued for queued in self._queue if queued.is_live(now)]
        lines = {queued.request.asker.line for queued in live}
        self._note_lines(lines, now)
        self._turns = self._turns_of(lines)
        batch_first = self._since_batch_work >= _BATCH_EVERY - 1

        def place(queued: _QueuedCrop) -> tuple[bool, float, float]:
            asker = queued.request.asker
            return asker.is_batch != batch_first, self._turns[asker.line], queued.done_at

        self._queue = live
        may = self._allowed.of({queued.request.asker for queued in live}, self._threads)
        # Sorting is stable: of requests that would be done at the same time, the one that came first is read first.
        ready = sorted((queued for queued in live if queued.request.asker.line in may), key=place)
        if not ready:
            return []
        batch = self._taken_with(ready)
        self._virtual_time += len(batch) / len({queued.request for queued in live})
        taken = set(map(id, batch))
        self._queue = [queued for queued in live if id(queued) not in taken]
        self._note_kind(batch[0].request.asker)
        return batch

    def _taken_with(self, ready: Sequence[_QueuedCrop]) -> list[_QueuedCrop]:
        """The batch that begins with the first of these crops. What gives way is in batches of its own."""
        first = ready[0]
        is_batch = first.request.asker.is_batch
        others = [queued for queued in ready[1:] if queued.request.asker.is_batch == is_batch]
        size = self._size(first.scope, gives_way=is_batch)
        own = sum(queued.request is first.request for queued in others)
        candidates = [queued for queued in others[: max(own, size - 1)] if queued.may_join(first)]
        candidates.sort(key=lambda queued: abs(queued.crop.region.width_px - first.crop.region.width_px))
        return [first, *candidates[: size - 1]]

    def _note_kind(self, asker: Asker) -> None:
        waits = any(queued.request.asker.is_batch for queued in self._queue)
        self._since_batch_work = self._since_batch_work + 1 if waits and not asker.is_batch else 0

    def _note_lines(self, waiting: set[str], now: float) -> None:
        recent = {line: then for line, then in self._last_asked.items() if then > now - _READS_S}
        self._last_asked = recent | dict.fromkeys(waiting, now)

    def _size(self, scope: Scope, *, gives_way: bool) -> int:
        """How many crops the next batch may have."""
        beside_others = len(self._last_asked) > 1 or self._shares.are_wanted_by_others(self._last_asked)
        crop_s = self._crop_s.get(scope, 0.0)
        if crop_s == 0.0 or not (beside_others or gives_way):
            return self._batch_size
        return max(1, min(self._batch_size, int(_SLICE_S / crop_s)))

    def _note_turns(self, batch: Sequence[_QueuedCrop], parts: Mapping[Asker, float], seconds: float) -> None:
        """What this batch took of its callers' turns: the time, with that of a usual crop as the unit."""
        scope, crop_s = batch[0].scope, seconds / len(batch)
        self._crop_s[scope] = _moved(self._crop_s.get(scope, 0.0), crop_s)
        self._usual_crop_s = self._usual_crop_s or crop_s
        crops = seconds / self._usual_crop_s if self._usual_crop_s else len(batch)
        self._usual_crop_s = _moved(self._usual_crop_s, crop_s, _NEWEST_OF_USUAL)
        for asker, part in parts.items():
            weight = max(1.0 / asker.share, self._shares.asked(asker.line))
            self._turns[asker.line] = self._turns.get(asker.line, 0.0) + part * crops * weight

    def _note_computed(self, batch: Sequence[_QueuedCrop], parts: Mapping[Asker, float], computed_s: float) -> None:
        if batch[0].scope is Scope.LINE:
            self.line_s = _moved(self.line_s, computed_s / len(batch))
        for asker, part in parts.items():
            self._shares.had(asker.line, computed_s * part, asker.counts)

    def _turns_of(self, lines: set[str]) -> dict[str, float]:
        """What was read for each caller that reads. A new one starts with the least of those that wait: it has saved up
        nothing, and owes nothing. One that reads little by little has saved up a few lines, so that its next page does
        not wait for every other line of somebody's book.
        """
        known = [self._turns[line] for line in lines if line in self._turns]
        least, most = min(known, default=0.0), max(known, default=0.0)
        waiting = {line: max(self._turns.get(line, least), most - _SAVED_CROPS) for line in lines}
        return {line: read for line, read in self._turns.items() if line in self._last_asked} | waiting

    def _outcomes(self, batch: list[_QueuedCrop]) -> list[Hypothesis | EngineReadError | None]:
        """Read a batch in the worker thread; when it fails, read its crops one by one to find the bad one. None for
        those that nobody wanted any more when their turn came.
        """
        try:
            return list(self._read_checked([queued.crop for queued in batch]))
        except EngineReadError as failure:
            if len(batch) == 1:
                return [failure]
        return [self._outcomes([queued])[0] if queued.is_live(self._clock()) else None for queued in batch]

    def _read_checked(self, crops: list[Crop]) -> list[Hypothesis]:
        self._reading_since = self._clock()
        try:
            hypotheses = self._read_batch(crops)
        except BaseException as error:  # a panic in Rust code and sys.exit are no Exception; they would end the loop
            raise EngineReadError(f"{type(error).__name__}: {error}") from error
        finally:
            self._reading_since = None
        if not isinstance(hypotheses, list) or len(hypotheses) != len(crops):
            raise EngineReadError(f"expected {len(crops)} hypotheses, got {_summary(hypotheses)}")
        for hypothesis in hypotheses:
            if not isinstance(hypothesis, Hypothesis):
                raise EngineReadError(f"expected hypotheses, got {type(hypothesis).__name__}")
        return hypotheses


def _parts(batch: Sequence[_QueuedCrop]) -> Mapping[Asker, float]:
    """Whose crops took which part of the time: engines scale crops to one height, and what takes time is the width."""
    parts: Counter[Asker] = Counter()
    for queued in batch:
        region = queued.crop.region
        parts[queued.request.asker] += max(1.0, region.width_px / max(1, region.height_px))  # type: ignore[assignment]
    whole = sum(parts.values())
    return {asker: part / whole for asker, part in parts.items()}


def _moved(mean: float, newest: float, counts: float = _NEWEST) -> float:
    """A moving mean with its newest value; 0 stands for one that has none yet."""
    return newest if mean == 0.0 else counts * newest + (1.0 - counts) * mean


def _summary(answer: object) -> str:
    return f"{len(answer)} of them" if isinstance(answer, list) else type(answer).__name__
