"""Pictures of a run: its history, the confusion matrix, the reliability diagram, the worst errors.

Each function draws one picture and writes one PNG. Knows arrays and folders, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.common.temperature_scaling import ALPHABET
from evaluation.characters.accuracy import CALIBRATION_BINS
from evaluation.characters.collections import Characters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Probabilities = NDArray[np.float64]


def blank_figure(width_in: float, height_in: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def confusion(probabilities: Probabilities, labels: NDArray[np.int64], path: Path) -> None:
    """How often each class (row) was read as each class (column), as shares of the row."""
    counts = np.zeros((len(ALPHABET), len(ALPHABET)))  # (62, 62)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    figure = blank_figure(11.0, 10.4)
    axes = figure.subplots()
    image = axes.imshow(np.sqrt(shares), cmap="viridis", vmin=0.0, vmax=1.0)  # the root lets rare confusions show
    axes.set_xticks(range(len(ALPHABET)), list(ALPHABET), fontsize=7)
    axes.set_yticks(range(len(ALPHABET)), list(ALPHABET), fontsize=7)
    axes.set_xlabel("read as")
    axes.set_ylabel("is")
    figure.colorbar(image, label="square root of the share", shrink=0.8)
    figure.savefig(path, dpi=100)


def reliability(by_set: Mapping[str, tuple[Probabilities, NDArray[np.int64]]], path: Path) -> None:
    """Accuracy against confidence for each test set, with the share of characters in each bin below."""
    figure = blank_figure(6.0, 7.0)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    upper.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, (probabilities, labels) in by_set.items():
        confidence = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == labels
        bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        filled = [index for index in range(CALIBRATION_BINS) if (bins == index).sum() >= 5]
        upper.plot(
            [confidence[bins == index].mean() for index in filled],
            [right[bins == index].mean() for index in filled],
            marker="o",
            markersize=4,
            label=f"{name} (n = {len(labels)})",
        )
        lower.plot(
            (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS,
            np.bincount(bins, minlength=CALIBRATION_BINS) / len(labels),
        )
    upper.set_ylabel("accuracy")
    upper.legend()
    lower.set_ylabel("share")
    lower.set_yscale("log")
    lower.set_xlabel("confidence")
    figure.savefig(path, dpi=110)


def worst_errors(characters: Characters, probabilities: Probabilities, path: Path, most: int = 96) -> None:
    """The characters that were read wrong with the greatest confidence: truth, answer and its probability."""
    said, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.nonzero(said != characters.labels)[0]
    shown = wrong[np.argsort(-confidence[wrong])][:most]
    columns = 12
    rows = max(1, -(-len(shown) // columns))
    figure = blank_figure(12.0, 1.25 * rows)
    for axes in (all_axes := figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set_axis_off()
    for axes, index in zip(all_axes, shown, strict=False):
        axes.imshow(characters.images[index], cmap="gray_r", vmin=0, vmax=255)
        truth, answer = ALPHABET[characters.labels[index]], ALPHABET[said[index]]
        axes.set_title(f"{truth} read {answer} {confidence[index]:.2f}", fontsize=7)
    figure.savefig(path, dpi=100)
