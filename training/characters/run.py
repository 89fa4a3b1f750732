"""One training run from data to a model directory that the engine can load, with its metadata and its plots.

A run folder holds what a run needs to go on (`resume/`, `history.csv`, `best.keras`); the model folder holds
`model.keras` and `metadata.json`: what it was trained on with hashes, the recipe, the temperatures, the thresholds at
which the engine abstains, and the figures on test characters that training never saw.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.common.temperature_scaling import ALPHABET, Logits, Temperatures, calibrated_probabilities, entropies
from evaluation.characters.accuracy import Figures, figures
from evaluation.characters.collections import Collection, Part, sha256_of
from evaluation.characters.network import logits_of
from training.characters.calibration import fitted_bias, fitted_temperatures
from training.characters.history_plot import draw_history
from training.characters.synthetic import JUNK_LABEL
from training.characters.trainer import Recipe, Source, read_history, share_of, train

if TYPE_CHECKING:
    import keras

MODEL_NAME = "emnist_cnn"
SYNTHETIC_SHARES = (0.28, 0.15)  # of all training samples, first and last; the real collections share the rest
SYNTHETIC_VARIATION = 0.4  # rendering has varied them already
DIGITS = 10  # the first classes
LOST_CHARACTERS = 0.001  # of the validation characters may be more undecided than the threshold for junk


@dataclass(frozen=True, slots=True)
class RunFigures:
    """A model's temperatures, thresholds and figures by test set."""

    temperatures: Temperatures
    most_entropy: float
    junk_found: float | None
    figures: Mapping[str, Figures]


def sources_of(collections: Sequence[Collection]) -> dict[str, Source]:
    """The training parts with their shares.

    Real ones begin by size and classes and end all alike, but for digits alone, which end with half as much: a bar or a
    ring of theirs is as right as a letter. The synthetic set has fixed shares of the whole.
    """
    real = {c.name: c.parts[Part.TRAIN] for c in collections if c.name != "synthetic" and len(c.parts[Part.TRAIN])}
    total = sum(share_of(characters) for characters in real.values())
    weights = {name: 1.0 if characters.labels.max() >= DIGITS else 0.5 for name, characters in real.items()}
    sources = {
        name: Source(characters, share_of(characters) / total, weights[name] / sum(weights.values()))
        for name, characters in real.items()
    }
    for collection in collections:
        if collection.name == "synthetic":
            first, last = (share / (1.0 - share) for share in SYNTHETIC_SHARES)  # beside 1 for all real ones
            sources["synthetic"] = Source(collection.parts[Part.TRAIN], first, last, SYNTHETIC_VARIATION)
    return sources


def train_model(
    collections: Sequence[Collection],
    recipe: Recipe,
    run_folder: Path,
    model_folder: Path,
    *,
    version: str,
    start_from: Path | None = None,
    start_share: float = 0.0,
) -> RunFigures:
    """Train on the collections, draw the history, measure, and write the model directory.

    With a `start_share` the model is that much of the one it started from.
    """
    validation = {c.name: c.parts[Part.VALIDATION] for c in collections if len(c.parts[Part.VALIDATION])}
    model = train(sources_of(collections), validation, recipe, run_folder, start_from=start_from)
    draw_history(read_history(run_folder), run_folder / "history.png")
    if start_from and start_share:
        interpolate_weights(model, start_from, start_share)
    shifts = shift_classes(model, collections)
    measured = measure(model, collections)
    about = metadata(collections, recipe, measured, run_folder)
    begun = {"started_from": sha256_of(start_from), "start_share": start_share} if start_from else {}
    write_model(model, model_folder, version, {**about, **begun, "classes_shifted_by": shifts})
    return measured


def interpolate_weights(model: keras.Model, start: Path, share: float) -> None:
    """Bring the weights back towards those of the start: the mean of two such networks reads better than either.

    After Wortsman et al. 2022, arXiv:2109.01903. `share` in [0, 1] is the start's.
    """
    import keras

    before = keras.models.load_model(start, compile=False).get_weights()
    model.set_weights([share * old + (1.0 - share) * new for old, new in zip(before, model.get_weights(), strict=True)])


def shift_classes(model: keras.Model, collections: Sequence[Collection]) -> dict[str, float]:
    """Shift the network's classes as the validation parts ask for; returns the shift of each by its character."""
    parts = [c.parts[Part.VALIDATION] for c in collections]
    real = [part.at(part.labels != JUNK_LABEL) for part in parts]
    shifts = fitted_bias([(logits_of(model, part), part.labels) for part in real if len(part)])
    layer = model.get_layer("logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + shifts.astype(np.float32)])
    return {character: round(float(shift), 3) for character, shift in zip(ALPHABET, shifts, strict=True)}


def measure(model: keras.Model, collections: Sequence[Collection]) -> RunFigures:
    """Fit temperatures and threshold on the validation parts, then measure every test part."""
    logits, labels, weights, synthetic = _validation_logits(model, collections)
    real = labels != JUNK_LABEL
    temperatures = fitted_temperatures(logits[real], labels[real], weights[real])
    undecided = entropies(calibrated_probabilities(logits, temperatures))
    written = real & ~synthetic  # rendered characters are made worse on purpose than those that people send
    most = float(np.quantile(undecided[written if written.any() else real], 1.0 - LOST_CHARACTERS))
    tests = {c.name: c.parts[Part.TEST] for c in collections if len(c.parts[Part.TEST])}
    return RunFigures(
        temperatures,
        most,
        float((undecided[~real] > most).mean()) if (~real).any() else None,
        {name: figures(logits_of(model, test), test.labels, temperatures) for name, test in sorted(tests.items())},
    )


def _validation_logits(
    model: keras.Model, collections: Sequence[Collection]
) -> tuple[Logits, NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Logits, labels, weights (each collection weighs the same) and whether synthetic, of all validation characters."""
    chosen = [c for c in collections if len(c.parts[Part.VALIDATION])]
    parts = [c.parts[Part.VALIDATION] for c in chosen]
    logits = np.concatenate([logits_of(model, part) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    weights = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in parts])
    synthetic = np.concatenate(
        [np.full(len(part), c.name == "synthetic") for c, part in zip(chosen, parts, strict=True)]
    )
    return logits, labels, weights, synthetic


def metadata(
    collections: Sequence[Collection], recipe: Recipe, measured: RunFigures, run_folder: Path
) -> dict[str, object]:
    """Everything about the model but its name, version and file: a JSON object."""
    return {
        "doubt": {
            "temperature": round(measured.temperatures.shape, 4),
            "within_shape": round(measured.temperatures.within, 4),
            "most_entropy": round(measured.most_entropy, 4),
        },
        "junk_found": measured.junk_found,
        "trained_on": [_described(collection) for collection in collections],
        "recipe": asdict(recipe),
        "epochs_done": len((run_folder / "history.csv").read_text().splitlines()) - 1,
        "versions": versions(),
        "figures": {name: found.as_json() for name, found in measured.figures.items()},
    }


def _described(collection: Collection) -> dict[str, object]:
    return {
        "name": collection.name,
        "sha256": collection.sha256,
        **{part.value: len(collection.parts[part]) for part in Part},
        "unreadable": collection.unreadable,
        "near_duplicates": collection.duplicates,
    }


def versions() -> dict[str, str]:
    """What trains and measures, by version."""
    import cv2
    import keras
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "tensorflow": str(tf.__version__),
        "keras": str(keras.__version__),
        "opencv": str(cv2.__version__),
        "numpy": np.__version__,
    }


def write_model(model: keras.Model, folder: Path, version: str, about: Mapping[str, object]) -> None:
    """`model.keras` without optimiser state, and `metadata.json` with its sha256."""
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    bare = keras.models.clone_model(model)
    bare.set_weights(model.get_weights())
    bare.save(folder / "model.keras")
    card = {
        "name": MODEL_NAME,
        "version": version,
        "files": {"model.keras": sha256_of(folder / "model.keras")},
        "architecture": model.name,
        "parameters": int(model.count_params()),
        **about,
    }
    (folder / "metadata.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
