"""Fits what makes the network's logits probabilities: two temperatures, and a shift for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.common.temperature_scaling import ALPHABET, Logits, Temperatures, calibrated_probabilities
from evaluation.characters.accuracy import CASE_MERGED, KINDS, LOOK_ALIKE_MERGED, Labels

PLAIN_SHARE = 0.2  # of the surprise at the very class, beside that at its group


BIAS_COST = 0.0005  # of a squared shift of one logit, beside the mean surprise in nats


def fitted_temperatures(logits: Logits, labels: Labels, weights: NDArray[np.float64]) -> Temperatures:
    """The temperatures, each in [0.2, 5], that make the labels most likely, weighing each character by `weights`."""
    from scipy.optimize import minimize

    rows = np.arange(len(labels))

    def surprise(logarithms: NDArray[np.float64]) -> float:
        chance = calibrated_probabilities(logits, Temperatures(*np.exp(logarithms).tolist()))[rows, labels]
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
    chance = calibrated_probabilities(logits, Temperatures())
    inside = np.where(groups[None, :] == groups[labels][:, None], chance, 0.0)  # (N, 62)
    mass = np.maximum(inside.sum(axis=1, keepdims=True), 1e-12)
    return -np.log(mass[:, 0]), chance - inside / mass
