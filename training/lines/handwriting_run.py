"""One training run of the handwriting network: from letters and handwriting fonts to a model directory.

Of true pages only the lines that were written by hand are learnt from and measured
(evaluation/pages/handwritten_lines.py). Besides tune lines the run watches lines in families that are held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evaluation.pages.ground_truth import Split
from training.lines.hand_lines import Desk, unseen_hands
from training.lines.line_model import read_weights, write_model
from training.lines.line_training import Pace, Say, Trainer
from training.lines.lines_run import WATCHED, Origins, learn, watched_of
from training.lines.real_lines import RealLine, real_lines
from training.lines.synthetic_lines import LineStore, Order, Report, make_store
from training.lines.train_lines import CtcTask, HandRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters(Origins):
    """Where written lines come from; `fonts` is a folder that training/drawing/web_fonts.py filled."""

    fonts: Path

    def real(self, split: Split) -> list[RealLine]:
        """The useful lines of all folders in `split` that were written by hand."""
        return [line for folder in self.pages for line in real_lines(folder, split) if line.handwritten]

    def watched(self, height_px: int) -> list[RealLine]:
        return [*watched_of(self.real(Split.TUNE)), *unseen_hands(self.fonts, WATCHED, height_px)]

    def store(self, known: Sequence[RealLine], workers: int, report: Report) -> LineStore:
        order = Order(self.seed, self.synthetic, len(known))
        build = partial(Desk.installed, self.fonts, tuple(line.text for line in known))
        return make_store(order, build, self.cache / f"hands-{self.seed}-{self.synthetic}", workers, report)


def run(
    letters: Letters,
    recipe: HandRecipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    say: Say,
    report: Report,
    start_from: Path,
    pace: Pace | None = None,
) -> dict[str, float]:
    """Train, write the model directory, and give back the character error rate of each folder's written test lines.

    `start_from` is a directory that such a run or one of the network for print wrote: what both have is gone on from.
    """
    trainer = Trainer(CtcTask(recipe.shape, read_weights(start_from)), recipe, run_folder)
    pace = pace or Pace(evaluation_lines=4_000)
    about, figures = learn(letters, trainer, say=say, report=report, pace=pace)
    write_model(model_folder, version, recipe.shape, trainer.average.module.state_dict(), about)
    return figures
