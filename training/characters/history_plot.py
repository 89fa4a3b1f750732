"""The history of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.characters.plots import blank_figure


def draw_history(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Loss and accuracy by epoch, of training (with augmentation, smoothing and junk) and validation."""
    figure = blank_figure(9.0, 3.6)
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = [int(row["epoch"]) + 1 for row in rows]
        axes.plot(epochs, [float(row[what]) for row in rows], label="training, varied")
        axes.plot(epochs, [float(row[f"val_{what}"]) for row in rows], label="validation")
        axes.set_xlabel("epoch")
        axes.set_title(what)
        axes.legend()
    figure.savefig(path, dpi=110)
