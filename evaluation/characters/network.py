"""What a saved character network says of prepared characters, and how right that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.common.temperature_scaling import Logits, Temperatures, calibrated_probabilities
from evaluation.characters.accuracy import Figures, figures
from evaluation.characters.collections import Characters

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, eq=False)
class NetworkResult:
    """A test set, the model's calibrated probabilities (N, 62) on it, and the figures."""

    characters: Characters
    probabilities: NDArray[np.float64]
    figures: Figures


def read_model(folder: Path) -> tuple[keras.Model, Temperatures, dict[str, object]]:
    """The network in a model directory, its temperatures, and all its metadata."""
    import keras

    if not (folder / "model.keras").is_file():
        raise FileNotFoundError(f"{folder} holds no model.keras; train one with 'quorum train cnn'")
    about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    model = keras.models.load_model(folder / "model.keras", compile=False)
    doubt = about["doubt"]
    return model, Temperatures(float(doubt["temperature"]), float(doubt.get("within_shape", 1.0))), about


def evaluate_network(
    model: keras.Model, temperatures: Temperatures, tests: Mapping[str, Characters]
) -> dict[str, NetworkResult]:
    """The model on every set."""
    found: dict[str, NetworkResult] = {}
    for name, characters in tests.items():
        logits = logits_of(model, characters)
        found[name] = NetworkResult(
            characters, calibrated_probabilities(logits, temperatures), figures(logits, characters.labels, temperatures)
        )
    return found


def logits_of(model: keras.Model, characters: Characters) -> Logits:
    """The model's logits for prepared characters: (N, 62)."""
    return np.asarray(model.predict(as_input(characters.images), batch_size=256, verbose=0), dtype=np.float32)


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (N, 28, 28) -> float32 (N, 28, 28, 1) in [0, 1], as the network takes it."""
    return images[..., None].astype(np.float32) / np.float32(255.0)
