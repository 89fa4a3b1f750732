"""One training run of the handwriting network: from letters and handwriting fonts to a model directory.

Of true pages only the lines that were written by hand are learnt from and measured
(evaluation/pages/handwritten_lines.py). Besides tune lines the run watches lines in families that are held out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engines.common.model_card import CARD_FILE
from engines.easyocr_networks.handwriting_reader import LANGUAGES
from evaluation.pages.ground_truth import Split
from training.lines.ctc.model import start_weights, write_model
from training.lines.ctc.run import VALIDATION_LINES, Origins, learn, validation_lines
from training.lines.ctc.task import CtcTask, HandRecipe
from training.lines.handwriting_lines import HandwritingGenerator, unseen_hands
from training.lines.real_lines import RealLine, real_lines
from training.lines.synthetic import LineStore, Report, StoreSpec, make_store
from training.lines.trainer import Intervals, Log, Pace, Trainer

ATTRIBUTION = {
    "hooker": "JosephHookerHTR by jschaefer738b, CC BY-SA 4.0; images by permission of the Royal Botanic Gardens, Kew",
    "stanford": "HN2021-Memorials_Jane_Lathrop_Stanford by PSL-Chartes-HTR-Students, CC BY 4.0",
}
"""Who is to be named for what was learnt from, by the folder's name."""
SHARE_ALIKE = {"hooker": "CC-BY-SA-4.0"}
"""The folders whose terms hold for the weights as well, and the terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters(Origins):
    """Where written lines come from; `fonts` is a folder that training/drawing/web_fonts.py filled."""

    fonts: Path

    def real(self, split: Split) -> list[RealLine]:
        """The useful lines of all folders in `split` that were written by hand."""
        return [line for folder in self.pages for line in real_lines(folder, split) if line.handwritten]

    def validation(self, height_px: int) -> list[RealLine]:
        return [*validation_lines(self.real(Split.TUNE)), *unseen_hands(self.fonts, VALIDATION_LINES, height_px)]

    def store(self, known: Sequence[RealLine], workers: int, report: Report) -> LineStore:
        spec = StoreSpec(self.seed, self.synthetic, len(known))
        build = partial(HandwritingGenerator.installed, self.fonts, tuple(line.text for line in known))
        return make_store(spec, build, self.cache / f"hands-{self.seed}-{self.synthetic}", workers, report)


def train_model(
    letters: Letters,
    recipe: HandRecipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    log: Log,
    report: Report,
    start_from: Path,
    intervals: Intervals | None = None,
    pace: Pace | None = None,
) -> dict[str, float]:
    """Train, write the model directory, and give back the character error rate of each folder's written test lines.

    `start_from` is a directory that such a run or one of the network for print wrote: what both have is gone on from,
    and its n-grams of languages are kept.
    With a `pace` the run is as long as that says, whatever the recipe's lines.
    """
    trainer = Trainer(CtcTask(recipe.shape, start_weights(start_from, recipe.shape)), recipe, run_folder)
    intervals = intervals or Intervals(evaluation_lines=4_000)
    about, figures = learn(letters, trainer, log=log, report=report, intervals=intervals, pace=pace)
    about |= terms_of([folder.name for folder in letters.pages], start_from)
    write_model(model_folder, version, recipe.shape, trainer.average.module.state_dict(), about)
    if (start_from / LANGUAGES).is_dir():  # what is likely in a language does not depend on the weights
        shutil.copytree(start_from / LANGUAGES, model_folder / LANGUAGES, dirs_exist_ok=True)
    return figures


def terms_of(folders: Sequence[str], start_from: Path) -> dict[str, object]:
    """For the card: whom the weights name, and the terms under which they are passed on if not under the project's own.

    What holds for the model that they went on from holds for them as well.
    """
    before = json.loads((start_from / CARD_FILE).read_text(encoding="utf-8"))
    named = before.get("attribution", {}) | {name: ATTRIBUTION[name] for name in folders if name in ATTRIBUTION}
    licences = [before.get("licence"), *(SHARE_ALIKE.get(name) for name in folders)]
    licence = next(filter(None, licences), None)
    return {"attribution": named} | ({"licence": licence} if licence else {})
