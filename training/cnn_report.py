"""Measuring a saved model on test sets, and drawing what was found.

`quorum evaluate cnn`, the report in benchmarks/results/ and the plots all come from `tested`: one way to the figures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training import plots_cnn
from training.cnn_run import logits_of
from training.collections import Characters
from training.evaluate_cnn import Figures, figures, probabilities

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A test set, the model's calibrated probabilities (N, 62) on it, and the figures."""

    characters: Characters
    chances: NDArray[np.float64]
    figures: Figures


def read_model(folder: Path) -> tuple[keras.Model, float]:
    """The network in a model directory, and its temperature."""
    import keras

    if not (folder / "model.keras").is_file():
        raise FileNotFoundError(f"{folder} holds no model.keras; train one with 'quorum train cnn'")
    about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    return keras.models.load_model(folder / "model.keras", compile=False), float(about["doubt"]["temperature"])


def tested(model: keras.Model, temperature: float, tests: Mapping[str, Characters]) -> dict[str, Tested]:
    """The model on every set."""
    found: dict[str, Tested] = {}
    for name, characters in tests.items():
        logits = logits_of(model, characters)
        found[name] = Tested(
            characters, probabilities(logits, temperature), figures(logits, characters.labels, temperature)
        )
    return found


def write_plots(measured: Mapping[str, Tested], folder: Path) -> None:
    """`reliability.png`, and `confusion-SET.png` and `errors-SET.png` for every set."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in measured.items():
        plots_cnn.confusion(found.chances, found.characters.labels, folder / f"confusion-{name}.png")
        plots_cnn.worst_errors(found.characters, found.chances, folder / f"errors-{name}.png")
    pairs = {name: (found.chances, found.characters.labels) for name, found in measured.items()}
    plots_cnn.reliability(pairs, folder / "reliability.png")
