"""Training a network that reads lines: batches in, a checkpoint that goes on, curves and sample readings out.

A run folder holds `checkpoint.pt` (network, its running average, optimiser, how far the run is), `history.csv` and
`readings.txt`. The learning rate rises over the first lines and then falls along a cosine over `Schedule.lines`; a
resumed run may have another length, and its rate is that of the new length. Short lines come first. What is evaluated
and kept is a running average of the weights.

What the network is, what a batch costs and how it reads is a Task's. Knows nothing of where lines come from, nor of how
a model directory is laid out.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rapidfuzz.distance import Levenshtein

from training.lines.batches import Batch, Sources, pool, prefetched
from training.lines.degradation import INPUT_PX, Grey, resized
from training.lines.real_lines import RealLine
from training.lines.texts import MAX_CHARACTERS, folded

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.pt"

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a run is, how fast it learns when, on how much at once, and how high its lines are."""

    seed: int = 32
    lines: int = 400_000
    peak_rate: float = 2e-3
    warmup_lines: int = 6_000
    short_lines: int = 16_000
    weight_decay: float = 0.01
    averaging: float = 0.998
    columns_px: int = 6_400
    threads: int = 1
    height_px: int = INPUT_PX

    def __post_init__(self) -> None:
        for name in ("lines", "columns_px", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 <= self.averaging < 1.0:
            raise ValueError(f"averaging is {self.averaging}; expected 0 <= averaging < 1")

    def rate_at(self, lines: int) -> float:
        """The learning rate after so many lines."""
        rising = min(1.0, (lines + 1) / max(1, self.warmup_lines))
        falling = 0.5 * (1.0 + math.cos(math.pi * min(1.0, lines / self.lines)))
        return self.peak_rate * rising * max(0.004, falling)

    def longest_at(self, lines: int) -> int:
        """How many characters a line may have after so many lines: twelve at first, later all."""
        return MAX_CHARACTERS + 8 if lines >= self.short_lines else 12 + int(lines / self.short_lines * 50)


@dataclass(slots=True)
class Progress:
    """How far a run is: pools begun, lines and steps learnt from, seconds spent."""

    pools: int = 0
    lines: int = 0
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a run is checkpointed and evaluated."""

    checkpoint_s: float = 120.0
    evaluation_lines: int = 20_000


class Task(Protocol):
    """What is trained."""

    def build(self) -> torch.nn.Module:
        """The network that a run starts from."""

    def groups(self, network: torch.nn.Module) -> list[dict[str, Any]]:
        """Its parameters as the optimiser takes them, each group with its `share` of the learning rate."""

    def loss(self, network: torch.nn.Module, batch: Batch, lines: int) -> torch.Tensor:
        """The loss a character of a batch, after `lines` lines were learnt from."""

    def read(self, network: torch.nn.Module, pictures: Sequence[Grey]) -> list[str]:
        """What the network reads, greedily, of pictures as high as it reads."""


class Trainer:
    """A network, its running average and its optimiser, resumed from the run folder when that has a checkpoint."""

    def __init__(self, task: Task, recipe: Schedule, run_folder: Path) -> None:
        import torch

        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self.task, self.recipe, self.folder, self.progress = task, recipe, run_folder, Progress()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = task.build()
        self.network.to(self.device, memory_format=torch.channels_last)
        self.average = torch.optim.swa_utils.AveragedModel(self.network, avg_fn=self._averaged, use_buffers=True)
        self.optimiser = torch.optim.AdamW(task.groups(self.network), weight_decay=recipe.weight_decay)
        run_folder.mkdir(parents=True, exist_ok=True)
        if (run_folder / CHECKPOINT).is_file():
            self._resume()

    def _averaged(self, average: torch.Tensor, now: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        """The running average follows fast at first, when there is nothing worth keeping."""
        keep = min(self.recipe.averaging, (1 + int(steps)) / (10 + int(steps)))
        return now if not now.is_floating_point() else average * keep + now * (1.0 - keep)

    def _resume(self) -> None:
        import torch

        state = torch.load(self.folder / CHECKPOINT, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(**state["progress"])

    def save(self) -> None:
        """Write the checkpoint; a stop while it is written leaves the one before."""
        import torch

        unfinished = self.folder / (CHECKPOINT + ".part")
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": asdict(self.progress),
            "recipe": asdict(self.recipe),
        }
        torch.save(state, unfinished)
        unfinished.replace(self.folder / CHECKPOINT)

    def learn(self, batch: Batch) -> float:
        """One step; returns the loss a character."""
        import torch

        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.progress.lines) * group["share"]
        loss = self.task.loss(self.network, batch, self.progress.lines)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        self.progress.lines += len(batch.texts)
        self.progress.steps += 1
        return float(loss.detach())

    def read(self, pictures: Sequence[Grey]) -> list[str]:
        """What the averaged network reads, greedily, of pictures as high as it reads."""
        return self.task.read(self.average.module, pictures)


class Pace(Protocol):
    """What decides during a run how long it is."""

    def paced(self, recipe: Schedule, lines: int) -> Schedule:
        """The recipe with as many lines as the run shall have, after it has learnt from so many."""


def train(
    trainer: Trainer,
    sources: Sources,
    watched: Sequence[RealLine],
    intervals: Intervals,
    log: Log,
    pace: Pace | None = None,
) -> None:
    """Run until the schedule's lines are learnt from; `watched` lines are read now and then."""
    saved, evaluated, losses = time.monotonic(), trainer.progress.lines, []
    for batch in _batches(trainer, sources):
        began = time.monotonic()
        if pace is not None:
            trainer.recipe = pace.paced(trainer.recipe, trainer.progress.lines)
        losses.append(trainer.learn(batch))
        now = time.monotonic()
        trainer.progress.seconds += now - began
        done = trainer.progress.lines >= trainer.recipe.lines
        if done or trainer.progress.lines - evaluated >= intervals.evaluation_lines:
            evaluated = trainer.progress.lines
            log(_evaluated(trainer, watched, float(np.mean(losses))))
            losses = []
        if done or now - saved > intervals.checkpoint_s:
            trainer.save()
            saved = now
        if done:
            break


def _batches(trainer: Trainer, sources: Sources) -> Iterator[Batch]:
    recipe, progress = trainer.recipe, trainer.progress
    if progress.lines >= recipe.lines:
        return
    columns_px = recipe.columns_px * (8 if trainer.device == "cuda" else 1)

    def make(number: int) -> list[Batch]:
        return pool(sources, recipe.seed, number, columns_px, recipe.longest_at(progress.lines), recipe.height_px)

    for number, batches in prefetched(make, progress.pools):
        progress.pools = number + 1
        yield from batches


def _evaluated(trainer: Trainer, watched: Sequence[RealLine], loss: float) -> str:
    """A row of the history, and readings; returns what to tell."""
    height_px = trainer.recipe.height_px
    rates = error_rates(trainer.read([at_height(line, height_px) for line in watched]), watched) if watched else {}
    progress = trainer.progress
    row = {"lines": progress.lines, "steps": progress.steps, "seconds": round(progress.seconds), "loss": round(loss, 4)}
    row |= {origin: round(rate, 4) for origin, rate in rates.items()}
    path = trainer.folder / "history.csv"
    fresh = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    examples = watched[:: max(1, len(watched) // 8)]
    readings = trainer.read([at_height(line, height_px) for line in examples])
    with (trainer.folder / "readings.txt").open("a", encoding="utf-8") as file:
        file.write(f"\n{progress.lines} lines\n")
        file.writelines(f"  {line.text}\n  {text}\n" for line, text in zip(examples, readings, strict=True))
    return ", ".join(f"{name} {value}" for name, value in row.items())


def at_height(line: RealLine, height_px: int) -> Grey:
    """The line as it is served: nothing varied."""
    height, width = line.crop.shape
    return resized(line.crop, max(8, round(width * height_px / height)), height_px)


def error_rates(readings: Sequence[str], lines: Sequence[RealLine]) -> dict[str, float]:
    """Character error rate by origin: edits over true characters; in any case, and with quotes and dashes of any form,
    where that is all the truth tells.
    """
    rates = {}
    for origin in dict.fromkeys(line.source for line in lines):
        pairs = [(reading, line) for reading, line in zip(readings, lines, strict=True) if line.source == origin]
        edits = sum(Levenshtein.distance(_told(reading, line), _told(line.text, line)) for reading, line in pairs)
        rates[origin] = edits / max(1, sum(len(line.text) for _, line in pairs))
    return rates


def _told(text: str, line: RealLine) -> str:
    """`text` without what the truth of `line` does not tell."""
    text = folded(text) if line.any_marks else text
    return text.upper() if line.any_case else text
