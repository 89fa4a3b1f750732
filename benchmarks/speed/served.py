"""The served ensemble as its users meet it, over HTTP on this machine: one page, batches of characters, characters,
many pages by one client and by several, a crowd; and what it takes of the machine. Of this build or another one.

An answer counts only when no engine that was asked failed and, for the sample page, its 40 lines are there. Times are
seconds, memory is in MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness.closed_loop import answer_all
from benchmarks.harness.constant_load import FAILED
from benchmarks.harness.memory import core_seconds, proportional_memory
from benchmarks.harness.serving import PAGE, QUICK, SEVEN, URL, served
from benchmarks.harness.timing import Times, timed
from benchmarks.speed.peers import errors_of
from evaluation.metrics.text_comparison import EditCount
from evaluation.pages.ground_truth import GroundTruthPage
from ocr.contract import BatchAnswer, CharacterAnswer, TextAnswer
from quorum.client import AsyncClient, Client, Retries

BATCH = 32
LINES = 40
CNN, ALL = "emnist_cnn", "every engine"
PAIR, CASCADE = "tesseract + paddleocr", "cascade"
CHARACTERS, BATCHES, PAGES = 60, 9, 5
"""How often each is asked."""
FIRST_PAGES = 10
"""So many pages are read by every engine as soon as the service is ready; none of them is left out."""
ROUNDS, SEVERAL, CROWD = 4, 4, 50
"""How often several clients read each page, how many they are, and how many a crowd is that reads a small one once."""

_UNCOUNTED = 10
_PATIENCE_S = 600.0
"""A crowd's last page waits for all the others."""

Options = Mapping[str, object]
_CHARACTERS: Mapping[str, Options] = {
    name: {} if name == ALL else {"engines": (name,)} for name in (CNN, "tesseract", "paddleocr", ALL)
}
_PAGES: Mapping[str, Options] = {PAIR: {"engines": ("tesseract", "paddleocr")}, CASCADE: {"policy": "cascade"}}


@dataclass(frozen=True, slots=True)
class Flow:
    """So many clients over so many files. `failures` are what failed answers said; `core_s` is the processor time of
    each part of the cluster for one file, `error_rate` that of characters where the truth is known.
    """

    clients: int
    files: int
    per_s: float
    times: Times
    core_s: Mapping[str, float]
    failures: tuple[str, ...]
    error_rate: float | None = None


@dataclass(frozen=True, slots=True)
class PageReadings:
    """One page, read again and again: the seconds of each reading in their order, and the core-seconds that the whole
    cluster took for each.
    """

    seconds: tuple[float, ...]
    core_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """Everything that was measured. `ready_s` is from a start to every engine being warm, `first_start_s` that of the
    start before, where files of the system were read for the first time and models converted, if at all. Memory at
    rest is that of the whole cluster after everything was asked once.
    """

    first_start_s: float
    ready_s: float
    characters: Mapping[str, Times]
    batches: Mapping[str, Times]
    pages: Mapping[str, PageReadings]
    flows: Mapping[str, Flow]
    memory_mb: Mapping[str, float]


def measure_served(
    checkout: Path, pages: Sequence[GroundTruthPage], tell: Callable[[str], None], *, crowd: bool
) -> Served:
    """Start the application of a checkout twice, and ask the second one for all of it, one after the other. Without a
    `crowd`, of many pages only what several clients get.
    """
    with served(checkout) as first_start_s:
        tell(f"started after {first_start_s:.1f} s")
    with served(checkout) as ready_s:
        tell(f"started again after {ready_s:.1f} s")
        with Client(URL, timeout_s=_PATIENCE_S) as client:
            alone = {ALL: _page(client, {}, FIRST_PAGES, 0)}
            alone |= {name: _page(client, options, PAGES, 1) for name, options in _PAGES.items()}
            tell(f"pages {alone}")
            batches = {name: _batch(client, _CHARACTERS[name]) for name in (CNN, ALL)}
            tell(f"batches {batches}")
            characters = {name: _character(client, options) for name, options in _CHARACTERS.items()}
            tell(f"characters {characters}")
        memory = proportional_memory()
        flows = asyncio.run(_flows(pages, tell, crowd=crowd))
    return Served(first_start_s, ready_s, characters, batches, alone, flows, memory)


def _character(client: Client, options: Options) -> Times:
    image = SEVEN.read_bytes()

    def ask() -> None:
        require_whole(client.read_character(image, classes="digits", **options))  # type: ignore[arg-type]

    return Times.of(timed(ask, CHARACTERS, _UNCOUNTED))


def _batch(client: Client, options: Options) -> Times:
    images = [SEVEN.read_bytes()] * BATCH

    def ask() -> None:
        require_batch(client.read_batch(images, "character", **options))  # type: ignore[arg-type]

    return Times.of(timed(ask, BATCHES))


def _page(client: Client, options: Options, times: int, uncounted: int) -> PageReadings:
    page = PAGE.read_bytes()

    def ask() -> None:
        answer = client.read(page, **options)  # type: ignore[arg-type]
        require_whole(answer)
        if len(answer.lines) < LINES:
            raise RuntimeError(f"this run does not count: {len(answer.lines)} lines")

    timed(ask, uncounted, 0)
    before = sum(core_seconds().values())
    seconds = timed(ask, times, 0)
    return PageReadings(tuple(seconds), (sum(core_seconds().values()) - before) / times)


def require_whole(answer: CharacterAnswer | TextAnswer) -> None:
    """Raises unless every engine that was asked answered, and one at least."""
    said = {name: prediction.status for name, prediction in answer.engine_predictions.items()}
    if any(status in FAILED for status in said.values()) or "ok" not in said.values():
        raise RuntimeError(f"this answer does not count: {said}")


def require_batch(answer: BatchAnswer) -> None:
    """Raises unless every item counts."""
    for item in answer.results:
        if not isinstance(item, CharacterAnswer):
            raise RuntimeError(f"this batch does not count: {item}")
        require_whole(item)


async def _flows(pages: Sequence[GroundTruthPage], tell: Callable[[str], None], *, crowd: bool) -> dict[str, Flow]:
    truth = {page.image: page for page in pages}
    plan = {"several clients": ([*truth] * ROUNDS, SEVERAL)}
    if crowd:
        plan |= {
            "one client": ([*truth], 1),
            f"one client, {QUICK.name}": ([QUICK] * max(5, CROWD // 10), 1),
            f"{CROWD} clients, {QUICK.name}": ([QUICK] * CROWD, CROWD),
        }
    flows = {}
    for name, (files, clients) in plan.items():
        flows[name] = await flow(files, clients, truth)
        tell(f"{name}: {flows[name]}")
    return flows


async def flow(files: Sequence[Path], clients: int, truth: Mapping[Path, GroundTruthPage]) -> Flow:
    """All files, read by so many clients, each file once for each time that it is named."""
    answers: list[tuple[Path, TextAnswer]] = []
    before = core_seconds()
    async with AsyncClient(URL, timeout_s=_PATIENCE_S, retries=Retries(times=20, longest_pause_s=30.0)) as client:

        async def read(file: Path) -> None:
            answer = await client.read(file, timeout_s=_PATIENCE_S)
            require_whole(answer)
            answers.append((file, answer))

        run = await answer_all([partial(read, file) for file in files], clients)
        spent = core_seconds()
    errors = [
        errors_of(truth[file], [(line.polygon, line.text) for line in answer.lines])
        for file, answer in answers
        if file in truth
    ]
    times = Times.of([answer.seconds for answer in run.answers])
    core_s = {part: (used - before.get(part, 0.0)) / len(files) for part, used in spent.items()}
    failures = tuple(answer.problem for answer in run.failed)
    rate = sum(errors, EditCount()).rate if errors else None
    return Flow(clients, len(files), run.per_second, times, core_s, failures, rate)
