"""How well the character network reads: accuracy in several senses, top-3, by kind and class, calibration.

Four senses of "right", because a lone character holds no context: *plain* is all 62 classes; *case-merged* lets o stand
for O; *look-alike-merged* merges no cases but the groups 0/O/o, 1/l/I/i, 5/S/s, 2/Z/z and 9/g/q; *digits* is the answer
when only digits may be answered. Calibration is the expected calibration error with 15 equal bins (Guo et al. 2017,
arXiv:1706.04599), after the temperatures that were fitted on validation characters.

Works on logits and labels; knows no network. Shares are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engines.common.character_probabilities import ALPHABET, LOOK_ALIKE, Logits, Temperatures, chances, numbered

CALIBRATION_BINS = 15
PLAIN_SHARE = 0.2  # of the surprise at the very class, beside that at its group
BIAS_COST = 0.0005  # of a squared shift of one logit, beside the mean surprise in nats
KINDS = {"digits": slice(0, 10), "upper": slice(10, 36), "lower": slice(36, 62)}

Labels = NDArray[np.int64]

# For each of the 62 classes the number of the group it is counted in: (62,).
CASE_MERGED = numbered([character.lower() for character in ALPHABET])
LOOK_ALIKE_MERGED = numbered(
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
        raise ValueError(f"{len(labels)} labels; want at least one, all of them classes 0 to 61")
    chance = chances(logits, temperatures)
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


def fitted_temperatures(logits: Logits, labels: Labels, weights: NDArray[np.float64]) -> Temperatures:
    """The temperatures, each in [0.2, 5], that make the labels most likely, weighing each character by `weights`."""
    from scipy.optimize import minimize

    rows = np.arange(len(labels))

    def surprise(logarithms: NDArray[np.float64]) -> float:
        chance = chances(logits, Temperatures(*np.exp(logarithms).tolist()))[rows, labels]
        return float(-(weights * np.log(np.maximum(chance, 1e-12))).sum() / weights.sum())

    bounds = [(np.log(0.2), np.log(5.0))] * 2
    found = minimize(surprise, np.zeros(2), method="L-BFGS-B", bounds=bounds, options={"eps": 1e-4})
    return Temperatures(*np.exp(found.x).tolist())


def fitted_bias(sets: Sequence[tuple[Logits, Labels]]) -> NDArray[np.float64]:
    """What to add to the logit of each class so that lone characters are read best: (62,), one shift for all digits.

    A bar is 1, l, I and i, a ring is 0, o and O: which of them is answered is a matter of how often each was seen, and
    a run sees them in other shares than people send them. Every set weighs the same, and is to be right in the sense
    in which a lone character can be: letters with cases merged, digits alone with look-alikes merged; and, by
    `PLAIN_SHARE`, plainly, so that sets that ask for opposite shifts can all be calibrated. Shifts are paid for
    (`BIAS_COST`), in logits at the temperature that fits best, so that few characters move little; what is answered
    among digits alone stays as it was.
    """
    from scipy.optimize import minimize

    plainly = np.arange(len(ALPHABET))
    senses = [(1.0, _sense_of(labels), logits, labels) for logits, labels in sets]
    aims = senses + [(PLAIN_SHARE, plainly, logits, labels) for logits, labels in sets]
    classes = np.eye(len(ALPHABET))[KINDS["digits"].stop - 1 :]  # (53, 62): one row for the digits, one for each letter
    classes[0, KINDS["digits"]] = 1.0

    def surprise(coldness_and_shifts: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coldness, bias = np.exp(coldness_and_shifts[0]), coldness_and_shifts[1:] @ classes
        value, slope = BIAS_COST * (bias**2).sum(), 2.0 * BIAS_COST * bias
        slope_of_coldness = 0.0
        for share, groups, logits, labels in aims:
            surprises, pulls = _surprises(coldness * logits + bias, labels, groups)
            value += share * surprises.mean() / len(sets)
            slope = slope + share * pulls.mean(axis=0) / len(sets)
            slope_of_coldness += share * (pulls * coldness * logits).sum(axis=1).mean() / len(sets)
        return float(value), np.concatenate([[slope_of_coldness], classes @ slope])

    bounds = [(np.log(0.2), np.log(5.0)), *[(None, None)] * len(classes)]
    found = minimize(surprise, np.zeros(1 + len(classes)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[1:] @ classes / np.exp(found[0]))


def _sense_of(labels: Labels) -> Labels:
    """The groups in which a set is to be right: (62,)."""
    return LOOK_ALIKE_MERGED if labels.max() < KINDS["digits"].stop else CASE_MERGED


def _surprises(logits: Logits, labels: Labels, groups: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The surprise of each character at the group of its label (N,), and its slope by each logit (N, 62)."""
    chance = chances(logits, Temperatures())
    inside = np.where(groups[None, :] == groups[labels][:, None], chance, 0.0)  # (N, 62)
    mass = np.maximum(inside.sum(axis=1, keepdims=True), 1e-12)
    return -np.log(mass[:, 0]), chance - inside / mass
