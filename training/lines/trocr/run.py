"""One training run of the line writer: from a trained CTC network, pages and system fonts to a model directory.

Where lines come from and how they are split is what the run of the CTC network does (training/lines/ctc/run.py).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.lines.ctc import model as ctc_model
from training.lines.ctc.run import Origins, learn
from training.lines.synthetic import Report
from training.lines.trainer import Intervals, Log, Trainer
from training.lines.trocr import model
from training.lines.trocr.task import Recipe, WriterTask


def train_model(
    origins: Origins,
    recipe: Recipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    ctc_from: Path,
    log: Log,
    report: Report,
    start_from: Path | None = None,
    intervals: Intervals | None = None,
) -> dict[str, float]:
    """Train, write the model directory, and give back the character error rate of each folder's test lines.

    `ctc_from` holds the CTC network in EasyOCR's format; with `start_from`, a line writer's directory, the run goes on
    from that one over this CTC network, with lines of every length at once.
    """
    ctc = ctc_model.read_shape(ctc_from)
    shape = replace(
        recipe.shape,
        neck=ctc.neck,
        channels=ctc.channels,
        hidden=ctc.hidden,
        characters=ctc_model.read_characters(ctc_from),
    )
    recipe = replace(recipe, shape=shape)
    recipe = replace(recipe, short_lines=0) if start_from else recipe
    start = None
    if start_from:
        start = model.with_characters(model.read_weights(start_from), model.read_characters(start_from), shape)
    trainer = Trainer(WriterTask(recipe, ctc_model.read_weights(ctc_from), start), recipe, run_folder)
    about, figures = learn(origins, trainer, log=log, report=report, intervals=intervals)
    model.save(trainer.average.module, shape.characters, model_folder, version, about)
    return figures
