"""One loaded engine behind a queue: loading, warm-up, reading with a deadline, and what it says of itself.

Everything an engine's replica does apart from being a replica, so that it can be tested without Ray. An engine that
cannot be loaded because something is missing stays as a host that says so: the ensemble runs without it and its
reports name the remedy. An engine that fails to load for any other reason is *broken*: the replica is replaced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from deployments.engine.batching import CropQueue, ReadBatch
from deployments.messages.answers import EngineAnswer
from deployments.messages.call_errors import NotDeployed
from deployments.messages.request import RecognitionOptions
from deployments.messages.states import EngineState
from deployments.observability.metrics import BATCH_CROPS, MODEL_LOAD_SECONDS, QUEUE_CROPS, RecordMetric, ignore_metric
from deployments.observability.tracing import BatchSpans
from deployments.replica.processor_shares import Shares
from deployments.replica.processors import processor_s
from engines.devices.gpu import is_out_of_memory
from ocr import CardMemory, Crop, Engine, EngineSpec, Hypothesis, LoadOptions, NoCard, Scope, SegmentedPage, StepTimer
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime
from ocr.runtime.process_memory import own_memory_mb
from ocr.runtime.timing import OTHER

log = logging.getLogger("quorum.engine")


@dataclass(frozen=True, slots=True)
class ReplicaResources:
    """The resources that Ray assigned to this replica, and the node that they are of."""

    cpus: float = 0.0
    gpu_fraction: float = 0.0
    memory_mb: float = 0.0
    """Of the node's memory; 0: nothing was said."""
    node: str = ""
    cores: float = 0.0
    """Of the node; 0: nothing was said."""

    def memory_limit_mb(self, warm_mb: float) -> float | None:
        """From where on a replica that takes `warm_mb` when it is warm has grown too large; None: never.

        That is its share. One whose share was too small from the beginning has leaked nothing, and the next one would
        be the same: it may grow by a quarter.
        """
        return max(self.memory_mb, 1.25 * warm_mb) if self.memory_mb > 0.0 else None

    def within(self, limit_mb: float, total_mb: float) -> ReplicaResources:
        """With no more of a GPU of `total_mb` than `limit_mb`."""
        return replace(self, gpu_fraction=min(self.gpu_fraction, limit_mb / total_mb))


class EngineHost:
    """One engine, loaded and warm, or the reason why not. Create it where an event loop runs or will run."""

    def __init__(
        self,
        spec: EngineSpec,
        options: Callable[[], LoadOptions],
        resources: ReplicaResources,
        *,
        batch_size: int | None = None,
        memory_limit_mb: float | None = None,
        hung_after_s: float = 180.0,
        clock: Callable[[], float] = time.time,
        record: RecordMetric = ignore_metric,
        shares: Shares | None = None,
    ) -> None:
        self._clock = clock
        self._memory_limit_mb = memory_limit_mb
        self._hung_after_s = hung_after_s
        self._state = EngineState(
            spec.name,
            tuple(sorted(spec.scopes)),
            cpus=resources.cpus,
            gpu_fraction=resources.gpu_fraction,
            node=resources.node,
            cores=resources.cores,
        )
        self._broken = ""
        self._card_full = ""
        self._card = spec.card
        self._queue: CropQueue | None = None
        started = time.perf_counter()
        engine = self._load(spec, options)
        if engine is not None:
            self._queue = CropQueue(
                self._noting_full_card(engine.read),
                batch_size=batch_size or spec.batch_size,
                clock=clock,
                on_change=_on_change(spec.name, record),
                spans=BatchSpans(),
                shares=shares if resources.gpu_fraction == 0.0 else None,
                threads=self._state.threads,
            )
            if memory_limit_mb is None:
                self._memory_limit_mb = self._limit_by(resources)
            self._state = replace(
                self._state,
                model=engine.model,
                load_seconds=time.perf_counter() - started,
                languages=spec.languages(engine),
                by_language=spec.by_language(engine),
            )
            record(MODEL_LOAD_SECONDS, self._state.load_seconds, engine=spec.name, model=engine.model)
            log.info("%s: %s loaded and warm after %.1f s", spec.name, engine.model, self._state.load_seconds)

    def _limit_by(self, resources: ReplicaResources) -> float | None:
        warm_mb = own_memory_mb()
        if 0.0 < resources.memory_mb < warm_mb:
            log.warning(
                "%s takes %.0f MB when warm, but its memory limit is %.0f MB: raise `memory` in its ray_actor_options",
                self._state.name,
                warm_mb,
                resources.memory_mb,
            )
        return resources.memory_limit_mb(warm_mb)

    def _load(self, spec: EngineSpec, options: Callable[[], LoadOptions]) -> Engine | None:
        try:
            chosen = options()
            self._state = replace(self._state, threads=chosen.threads, gpu_fraction=chosen.gpu_fraction)
            _require_card_support(spec, chosen)
            _require_runtime(spec, chosen)
            _require_handwriting(spec, chosen)
            engine = spec.load(chosen)
            crops = [crop for crop in warm_up_crops() if crop.region.scope in spec.scopes]
            engine.read(crops)
            if Scope.LINE in spec.scopes:
                began = processor_s()
                engine.read(crops[:1])
                self._state = replace(self._state, line_s=processor_s() - began)
        except EngineUnavailable as error:
            # A card that is paid for and not used is worse than an engine that is known to be missing.
            level = logging.ERROR if self._state.gpu_fraction > 0.0 else logging.WARNING
            log.log(level, "%s is unavailable: %s", spec.name, error)
            self._state = replace(self._state, problem=str(error))
            return None
        except Exception as error:
            log.exception("%s: loading failed", spec.name)
            self._broken = f"loading failed with {type(error).__name__}: {error}"
            self._state = replace(self._state, problem=self._broken)
            return None
        return engine

    async def read(
        self, page: SegmentedPage, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        """Read the crops at `indices`; those that the deadline cuts off come back as None."""
        if self._queue is None:
            raise NotDeployed(self._state.problem)
        timer = StepTimer(self._state.name)
        crops = page.crops(indices, languages=options.languages, classes=options.classes)
        began = time.perf_counter()
        hypotheses = await self._queue.read(crops, deadline, timer, options.asker)
        log.info(
            "read %d of %d crops",
            sum(hypothesis is not None for hypothesis in hypotheses),
            len(crops),
            extra={"model": self._state.model, "seconds": round(time.perf_counter() - began, 4)},
        )
        timer.end_step(OTHER)
        return EngineAnswer(self._state.model, tuple(hypotheses), timer.timings)

    def state(self) -> EngineState:
        measured = 0.0 if self._queue is None else self._queue.line_s
        return replace(
            self._state,
            line_s=measured or self._state.line_s,
            memory_mb=own_memory_mb(),
            memory_limit_mb=self._memory_limit_mb,
            card=self._held_of_card() or self._no_card(),
        )

    def _held_of_card(self) -> CardMemory | None:
        """What the engine holds of its card; None when it reads on none."""
        if self._queue is None or self._state.gpu_fraction == 0.0 or isinstance(self._card, NoCard):
            return None
        return self._card.memory(self._state.gpu_fraction)

    def _no_card(self) -> NoCard:
        if self._state.gpu_fraction > 0.0:
            return NoCard("the engine is unavailable")
        return self._card if isinstance(self._card, NoCard) else NoCard("none was given to it: its gpu is 0")

    def _noting_full_card(self, read: ReadBatch) -> ReadBatch:
        """`read`, noting when not even one crop fits into the share of the card any more.

        A batch that does not fit is no reason: the queue asks again crop by crop.
        """

        def reading(crops: Sequence[Crop]) -> list[Hypothesis]:
            try:
                return read(crops)
            except Exception as error:
                if len(crops) == 1 and is_out_of_memory(error):
                    self._card_full = f"its share of the card is full: {error}"
                raise

        return reading

    def check_health(self) -> None:
        """Raise when the replica ought to be replaced: it is broken, its engine hangs, or it has grown over its limit
        or its share of a card. Its neighbours on the card are not touched.

        An engine that hangs and keeps Python's global lock cannot even be asked: that Serve finds out by itself, from
        the checks that are not answered (`health_check_timeout_s`).
        """
        if self._broken:
            raise RuntimeError(self._broken)
        busy_s = 0.0 if self._queue is None else self._queue.busy_s()
        if busy_s > self._hung_after_s:
            raise RuntimeError(f"{self._state.name} hangs: it has been reading one batch for {busy_s:.0f} s")
        held = self._held_of_card()
        over = self._card_full or (held.excess if held else "")
        if over:
            raise RuntimeError(f"{self._state.name}: {over}")
        used_mb = own_memory_mb()
        if self._memory_limit_mb is not None and used_mb > self._memory_limit_mb:
            raise RuntimeError(
                f"{self._state.name} uses {used_mb:.0f} MB, over its limit of {self._memory_limit_mb:.0f} MB"
            )

    async def close(self) -> None:
        if self._queue is not None:
            await self._queue.close()


def _require_card_support(spec: EngineSpec, options: LoadOptions) -> None:
    """Raises EngineUnavailable for an engine that was given a fraction of a card and cannot use one."""
    if options.gpu_fraction > 0.0 and isinstance(spec.card, NoCard):
        raise EngineUnavailable(
            f"{spec.name} has {options.gpu_fraction:g} of a card but uses no card: {spec.card.reason}",
            "set its gpu and num_gpus to 0",
        )


def _require_runtime(spec: EngineSpec, options: LoadOptions) -> None:
    """Raises EngineUnavailable for an engine that was given a runtime that cannot read it."""
    if options.runtime not in {Runtime.AUTO, *spec.runtimes}:
        raise EngineUnavailable(
            f"{spec.name} is not read by {options.runtime}", "set its runtime to auto or " + " or ".join(spec.runtimes)
        )


def wanted_handwriting(spec: EngineSpec, wanted: str) -> str:
    """What the setting `handwriting` means for an engine: "auto" is none for one that takes no second model, whatever
    lies beside its first.
    """
    return "none" if wanted == "auto" and not spec.handwriting else wanted


def _require_handwriting(spec: EngineSpec, options: LoadOptions) -> None:
    """Raises EngineUnavailable for an engine that was given a second model and takes none."""
    if options.handwriting is not None and not spec.handwriting:
        raise EngineUnavailable(
            f"{spec.name} takes no second model, and {options.handwriting} was given to it for handwriting",
            "set its handwriting to none",
        )


def _on_change(engine: str, record: RecordMetric) -> Callable[[int, int], None]:
    def on_change(batch: int, waiting: int) -> None:
        if batch:
            record(BATCH_CROPS, batch, engine=engine)
        record(QUEUE_CROPS, waiting, engine=engine)

    return on_change


def warm_up_crops() -> list[Crop]:
    """A printed line and a printed character: what makes frameworks compile and allocate before the first request. What
    reading the line takes once more is what to expect until real lines were read.
    """
    line = _sample_image("Quorum 0123456789", width_px=480)
    character = _sample_image("Q", width_px=40)
    return [Crop.whole(line), Crop.whole(character, Scope.CHARACTER)]


def _sample_image(text: str, width_px: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = PIL.Image.new("RGB", (width_px, 48), "white")
    font = PIL.ImageFont.load_default(32)
    PIL.ImageDraw.Draw(picture).text((6, 4), text, fill="black", font=font)
    return np.array(picture)  # (48, width_px, 3) uint8
