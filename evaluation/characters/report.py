"""Measuring a saved model on test sets, and drawing what was found.

`quorum evaluate cnn`, the report in benchmarks/results/ and the plots all come from `tested`: one way to the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.characters.accuracy import Figures
from evaluation.characters.network import NetworkResult
from evaluation.characters.plots import confusion, reliability, worst_errors
from evaluation.markdown import document, table

if TYPE_CHECKING:
    pass


def report(measured: Mapping[str, NetworkResult], about: Mapping[str, object], setting: str, command: str) -> str:
    """The figures as Markdown, with what they were measured on and how to measure them again.

    `about` is the model's metadata; `setting` describes commit, machine and versions.
    """
    heads = ("set", "n", "62 classes", "top-3", "case-merged", "look-alikes merged", "digits only", "ECE")
    return document(
        f"Character network: {about['name']}@{about['version']}",
        f"Architecture {about['architecture']}, {about['parameters']} parameters, {about['epochs_done']} epochs.",
        f"Measured with `{command}`.",
        setting,
        "No test character was used in training. The files name no writer, so they are split by the hash of the "
        "picture, after near-duplicates were removed. ECE is the expected calibration error over 62 classes, in 15 "
        "bins.",
        table(heads, [_row(name, found.figures) for name, found in measured.items()]),
        "## By kind, 62 classes",
        table(
            ("set", "digits", "upper", "lower"),
            [
                (name, *(_percent(found.figures.by_kind.get(kind)) for kind in ("digits", "upper", "lower")))
                for name, found in measured.items()
            ],
        ),
        "## Trained on",
        table(
            ("set", "train", "validation", "test", "near-duplicates removed", "unreadable", "sha256"),
            [_origin(origin) for origin in _objects(about["trained_on"])],
        ),
        f"The model was trained on EMNIST only if the table has a set of that name. Recipe: `{about['recipe']}`.",
    )


def _row(name: str, found: Figures) -> tuple[str, ...]:
    shares = (found.plain, found.top3, found.case_merged, found.look_alike_merged, found.digits)
    return (name, f"{found.n:,}", *(_percent(share) for share in shares), f"{found.calibration_error:.4f}")


def _origin(origin: Mapping[str, object]) -> tuple[str, ...]:
    names = ("name", "train", "validation", "test", "near_duplicates", "unreadable")
    return (*(str(origin[name]) for name in names), str(origin["sha256"])[:16])


def _objects(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise ValueError(f"metadata: trained_on is {type(value).__name__}, expected a list")
    return value


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100.0 * share:.2f} %"


def write_plots(measured: Mapping[str, NetworkResult], folder: Path) -> None:
    """`reliability.png`, and `confusion-SET.png` and `errors-SET.png` for every set."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in measured.items():
        confusion(found.probabilities, found.characters.labels, folder / f"confusion-{name}.png")
        worst_errors(found.characters, found.probabilities, folder / f"errors-{name}.png")
    pairs = {name: (found.probabilities, found.characters.labels) for name, found in measured.items()}
    reliability(pairs, folder / "reliability.png")
