"""One training run of the line network: from folders of pages and system fonts to a model directory with its report.

The pages are split by page (evaluation/pages/ground_truth.py): the run learns from those to train on, watches some
lines of those to tune on, and reports on those to test. Synthetic lines are set once into a store under the cache
folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from evaluation.pages.ground_truth import Split
from ocr.errors import InvalidRequest
from training.lines.batches import Shares, Sources
from training.lines.ctc.model import start_weights, write_model
from training.lines.ctc.task import CtcTask, Recipe
from training.lines.real_lines import RealLine, real_lines
from training.lines.synthetic import LineGenerator, LineStore, Report, StoreSpec, make_store, unseen_print
from training.lines.trainer import Intervals, Log, Pace, Trainer, at_height, error_rates, train

VALIDATION_LINES = 60
"""Lines of each folder that are read now and then during a run."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where lines come from: folders of pages, and so many synthetic lines, set from a seed into a cache.

    `hands` is a folder of handwriting fonts for synthetic lines, if there is one.
    """

    pages: tuple[Path, ...]
    synthetic: int
    seed: int
    cache: Path
    shares: Shares = field(default_factory=Shares)
    hands: Path | None = None

    def real(self, split: Split) -> list[RealLine]:
        """The useful lines of all folders in `split`."""
        return [line for folder in self.pages for line in real_lines(folder, split)]

    def known(self) -> list[RealLine]:
        """The lines to learn from. Raises InvalidRequest, naming it, when a folder has none."""
        known = self.real(Split.TRAIN)
        for folder in self.pages:
            if all(line.source != folder.name for line in known):
                raise InvalidRequest(
                    f"{folder}: no line to learn from", "expected images with truth.jsonl, or lines in pairs"
                )
        return known

    def validation(self, height_px: int) -> list[RealLine]:
        """The lines that a run of a network for lines of this height reads now and then."""
        unseen = unseen_print(2 * VALIDATION_LINES, height_px) if self.synthetic else []
        return [*validation_lines(self.real(Split.TUNE)), *unseen]

    def store(self, known: Sequence[RealLine], workers: int, report: Report) -> LineStore:
        """The synthetic lines, made when they are not there yet; `known` lends them its texts."""
        spec = StoreSpec(self.seed, self.synthetic, len(known))
        build = partial(LineGenerator.installed, tuple(line.text for line in known), self.hands)
        return make_store(spec, build, self.cache / f"lines-{self.seed}-{self.synthetic}", workers, report)


def train_model(
    origins: Origins,
    recipe: Recipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    log: Log,
    report: Report,
    start_from: Path | None = None,
    intervals: Intervals | None = None,
) -> dict[str, float]:
    """Train, write the model directory, and give back the character error rate of each folder's test lines.

    With `start_from`, a directory that such a run wrote, the network goes on reading lines of every length at once.
    """
    recipe = replace(recipe, short_lines=0) if start_from else recipe
    task = CtcTask(recipe.shape, start_weights(start_from, recipe.shape) if start_from else None)
    trainer = Trainer(task, recipe, run_folder)
    about, figures = learn(origins, trainer, log=log, report=report, intervals=intervals)
    write_model(model_folder, version, recipe.shape, trainer.average.module.state_dict(), about)
    return figures


def learn(
    origins: Origins,
    trainer: Trainer,
    *,
    log: Log,
    report: Report,
    intervals: Intervals | None,
    pace: Pace | None = None,
) -> tuple[dict[str, object], dict[str, float]]:
    """Train to the end of the recipe; what its card says of the run, and the error rate of each folder's test lines."""
    known = origins.known()
    sources = Sources.of(origins.store(known, trainer.recipe.threads, report), known, origins.shares)
    train(trainer, sources, origins.validation(trainer.recipe.height_px), intervals or Intervals(), log, pace)
    figures = measured(trainer, origins)
    about: dict[str, object] = {
        "trained_on": training_data(origins, known),
        "run": run_card(trainer),
        "test_error_rates": figures,
    }
    return about, figures


def validation_lines(lines: Sequence[RealLine]) -> list[RealLine]:
    """Some lines of each origin, evenly spread."""
    chosen = []
    for origin in dict.fromkeys(line.source for line in lines):
        group = [line for line in lines if line.source == origin]
        chosen += group[:: max(1, len(group) // VALIDATION_LINES)][:VALIDATION_LINES]
    return chosen


def measured(trainer: Trainer, origins: Origins) -> dict[str, float]:
    """Character error rates on the test lines, as the averaged network reads them."""
    tests = origins.real(Split.TEST)
    readings = trainer.read([at_height(line, trainer.recipe.height_px) for line in tests])
    return {origin: round(rate, 5) for origin, rate in error_rates(readings, tests).items()}


def training_data(origins: Origins, known: Sequence[RealLine]) -> Mapping[str, object]:
    """What the run learnt from, for the card."""
    folders = {
        folder.name: {
            "lines": sum(line.source == folder.name for line in known),
            "texts_sha256": _digest(line.text for line in known if line.source == folder.name),
        }
        for folder in origins.pages
    }
    return {
        "pages": folders,
        "split": str(Split.TRAIN),
        "shares": asdict(origins.shares),
        "synthetic": {"lines": origins.synthetic, "seed": origins.seed},
    }


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def run_card(trainer: Trainer) -> Mapping[str, object]:
    """How and for how long it learnt."""
    return {"recipe": asdict(trainer.recipe), "progress": asdict(trainer.progress)}
