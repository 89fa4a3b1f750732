"""The served ensemble as its users meet it, over HTTP on this machine: characters, batches of them, one page, many
pages by one client and by several, a crowd; and what it takes of the machine.

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
from benchmarks.harness.serving import PAGE, QUICK, SEVEN, URL
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

Options = Mapping[str, object]
_CHARACTERS: Mapping[str, Options] = {
    **{name: {"engines": (name,)} for name in (CNN, "tesseract", "paddleocr")},
    ALL: {},
}
_PAGES: Mapping[str, Options] = {PAIR: {"engines": ("tesseract", "paddleocr")}, CASCADE: {"policy": "cascade"}, ALL: {}}
_UNCOUNTED = 10
_PATIENCE_S = 600.0
"""A crowd's last page waits for all the others."""

Answer = CharacterAnswer | TextAnswer


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
class Served:
    """Everything that was measured. Memory at rest is that of the whole cluster after everything was asked once."""

    ready_s: float
    characters: Mapping[str, Times]
    batches: Mapping[str, Times]
    pages: Mapping[str, Times]
    flows: Mapping[str, Flow]
    memory_mb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Amount:
    """How often each thing is asked. A crowd of so many clients reads `crowd_file`, `crowd_rounds` times each."""

    characters: int = 300
    batches: int = 15
    pages: int = 5
    rounds: int = 4
    several: int = 4
    crowd: int = 50
    crowd_rounds: int = 1
    crowd_file: Path = QUICK


def everything(ready_s: float, pages: Sequence[GroundTruthPage], amount: Amount, tell: Callable[[str], None]) -> Served:
    """Ask for all of it, one after the other; what takes milliseconds last, when nothing of the start is left."""
    with Client(URL, timeout_s=_PATIENCE_S) as client:
        alone = {name: Times.of(_pages(client, chosen, amount)) for name, chosen in _PAGES.items()}
        tell(f"pages {alone}")
        batches = {name: Times.of(_batches(client, _CHARACTERS[name], amount)) for name in (CNN, ALL)}
        tell(f"batches {batches}")
        characters = {name: Times.of(_characters(client, chosen, amount)) for name, chosen in _CHARACTERS.items()}
        tell(f"characters {characters}")
    memory = proportional_memory()
    flows = asyncio.run(_flows(pages, amount, tell))
    return Served(ready_s, characters, batches, alone, flows, memory)


def _characters(client: Client, options: Options, amount: Amount) -> list[float]:
    image = SEVEN.read_bytes()

    def ask() -> None:
        require_whole(client.read_character(image, classes="digits", **options))  # type: ignore[arg-type]

    return timed(ask, amount.characters, _UNCOUNTED)


def _batches(client: Client, options: Options, amount: Amount) -> list[float]:
    images = [SEVEN.read_bytes()] * BATCH

    def ask() -> None:
        require_batch(client.read_batch(images, "character", **options))  # type: ignore[arg-type]

    return timed(ask, amount.batches, 1)


def _pages(client: Client, options: Options, amount: Amount) -> list[float]:
    page = PAGE.read_bytes()

    def ask() -> None:
        answer = client.read(page, **options)  # type: ignore[arg-type]
        require_whole(answer)
        if len(answer.lines) < LINES:
            raise RuntimeError(f"this run does not count: {len(answer.lines)} lines")

    return timed(ask, amount.pages, 1)


def require_whole(answer: Answer) -> None:
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


async def _flows(pages: Sequence[GroundTruthPage], amount: Amount, tell: Callable[[str], None]) -> dict[str, Flow]:
    known = [page.image for page in pages]
    truth = {page.image: page for page in pages}
    crowd = [amount.crowd_file] * (amount.crowd * amount.crowd_rounds)
    few = [amount.crowd_file] * max(5, len(crowd) // 10)
    plan = {
        "one client": (known, 1),
        "several clients": (known * amount.rounds, amount.several),
        f"one client, {amount.crowd_file.name}": (few, 1),
        f"{amount.crowd} clients, {amount.crowd_file.name}": (crowd, amount.crowd),
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
    return Flow(
        clients,
        len(files),
        run.per_second,
        Times.of([answer.seconds for answer in run.answers]),
        {part: (core_s - before.get(part, 0.0)) / len(files) for part, core_s in spent.items()},
        tuple(answer.problem for answer in run.failed),
        sum(errors, EditCount()).rate if errors else None,
    )
