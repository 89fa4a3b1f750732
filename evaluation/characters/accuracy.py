"""How well the character network reads: accuracy in several senses, top-3, by kind and class, calibration.

Four senses of "right", because a lone character holds no context: *plain* is all 62 classes; *case-merged* lets o stand
for O; *look-alike-merged* merges no cases but the groups 0/O/o, 1/l/I/i, 5/S/s, 2/Z/z and 9/g/q; *digits* is the answer
when only digits may be answered. Calibration is the expected calibration error with 15 equal bins (Guo et al. 2017,
arXiv:1706.04599), after the temperatures that were fitted on validation characters.

Works on logits and labels; knows no network. Shares are in [0, 1].
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engines.common.temperature_scaling import (
    ALPHABET,
    LOOK_ALIKE,
    Logits,
    Temperatures,
    calibrated_probabilities,
    group_numbers,
)

CALIBRATION_BINS = 15
KINDS = {"digits": slice(0, 10), "upper": slice(10, 36), "lower": slice(36, 62)}

Labels = NDArray[np.int64]

# For each of the 62 classes the number of the group it is counted in: (62,).
CASE_MERGED = group_numbers([character.lower() for character in ALPHABET])
LOOK_ALIKE_MERGED = group_numbers(
    [next((group for group in LOOK_ALIKE if character in group), character) for character in ALPHABET]
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured on one set of `n` characters. `digits` is None for a set without digits."""

    n: int
    plain: float
    top3: float
    case_merged: float
    look_alike_merged: float
    digits: float | None
    calibration_error: float
    by_kind: dict[str, float]
    by_class: dict[str, float]

    def as_json(self) -> dict[str, object]:
        """The figures as a JSON object, rounded to a hundredth of a percent."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return {key: _rounded(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def figures(logits: Logits, labels: Labels, temperatures: Temperatures) -> Figures:
    """Measure one set. Raises ValueError when it is empty or has labels outside the 62 classes."""
    if not len(labels) or labels.min() < 0 or labels.max() >= len(ALPHABET):
        raise ValueError(f"{len(labels)} labels; expected at least one, all of them classes 0 to 61")
    chance = calibrated_probabilities(logits, temperatures)
    said = chance.argmax(axis=1)
    right = said == labels
    top3 = (np.argsort(-chance, axis=1)[:, :3] == labels[:, None]).any(axis=1)
    is_digit = labels < 10
    return Figures(
        n=len(labels),
        plain=float(right.mean()),
        top3=float(top3.mean()),
        case_merged=float((CASE_MERGED[said] == CASE_MERGED[labels]).mean()),
        look_alike_merged=float((LOOK_ALIKE_MERGED[said] == LOOK_ALIKE_MERGED[labels]).mean()),
        digits=float((logits[is_digit, :10].argmax(axis=1) == labels[is_digit]).mean()) if is_digit.any() else None,
        calibration_error=calibration_error(chance.max(axis=1), right),
        by_kind=_by_kind(right, labels),
        by_class={ALPHABET[label]: float(right[labels == label].mean()) for label in np.unique(labels)},
    )


def _by_kind(right: NDArray[np.bool_], labels: Labels) -> dict[str, float]:
    members = {kind: (labels >= part.start) & (labels < part.stop) for kind, part in KINDS.items()}
    return {kind: float(right[chosen].mean()) for kind, chosen in members.items() if chosen.any()}


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over equal bins, weighted by size."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = [
        (bins == index).sum() * abs(float(confidence[bins == index].mean()) - float(right[bins == index].mean()))
        for index in np.unique(bins)
    ]
    return float(sum(gaps) / len(right))
