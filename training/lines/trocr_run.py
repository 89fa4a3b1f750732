"""One training run of the line writer: from a trained CTC network, pages and system fonts to a model directory.

Where lines come from and how they are split is what the run of the CTC network does (training/lines/lines_run.py).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.lines import line_model, line_writer
from training.lines.line_training import Pace, Say, Trainer
from training.lines.lines_run import Origins, learn
from training.lines.synthetic_lines import Report
from training.lines.train_trocr import Recipe, WriterTask


def run(
    origins: Origins,
    recipe: Recipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    ctc_from: Path,
    say: Say,
    report: Report,
    start_from: Path | None = None,
    pace: Pace | None = None,
) -> dict[str, float]:
    """Train, write the model directory, and give back the character error rate of each folder's test lines.

    `ctc_from` holds the CTC network in EasyOCR's format; with `start_from`, a line writer's directory, the run goes on
    from that one over this CTC network, with lines of every length at once.
    """
    ctc = line_model.read_shape(ctc_from)
    recipe = replace(recipe, shape=replace(recipe.shape, neck=ctc.neck, channels=ctc.channels, hidden=ctc.hidden))
    recipe = replace(recipe, short_lines=0) if start_from else recipe
    start = line_writer.read_weights(start_from) if start_from else None
    trainer = Trainer(WriterTask(recipe, line_model.read_weights(ctc_from), start), recipe, run_folder)
    about, figures = learn(origins, trainer, say=say, report=report, pace=pace)
    line_writer.save(trainer.average.module, model_folder, version, about)
    return figures
