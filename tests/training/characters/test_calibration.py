"""Temperatures and class shifts, fitted to logits that were made to ask for them."""

from __future__ import annotations

import numpy as np
import pytest

from engines.common.temperature_scaling import ALPHABET, Temperatures, calibrated_probabilities
from training.characters.calibration import fitted_bias, fitted_temperatures


def logits_saying(text: str, sureness: float = 9.0) -> np.ndarray:
    logits = np.zeros((len(text), len(ALPHABET)), np.float32)
    for row, character in zip(logits, text, strict=True):
        row[ALPHABET.index(character)] = sureness
    return logits


def classes(text: str) -> np.ndarray:
    return np.array([ALPHABET.index(character) for character in text])


def test_the_fitted_temperatures_undo_two_known_overconfidences() -> None:
    rng = np.random.default_rng(5)
    honest = rng.normal(0.0, 1.0, (3000, len(ALPHABET))).astype(np.float32)
    labels = np.array(
        [rng.choice(len(ALPHABET), p=row) for row in calibrated_probabilities(honest, Temperatures(0.5, 2.0))]
    )
    found = fitted_temperatures(honest * 2.5, labels, np.ones(len(labels)))
    assert found.shape == pytest.approx(0.5 * 2.5, rel=0.05)
    assert found.within == pytest.approx(2.0, rel=0.1)


def test_the_fitted_bias_gives_bars_to_the_letter_that_is_seen_and_leaves_digits_among_themselves() -> None:
    bars = logits_saying("1" * 200, 0.8)
    bars[:, ALPHABET.index("I")] = 0.5
    bias = fitted_bias([(bars, classes("I" * 200))])
    assert (bars + bias).argmax(axis=1).tolist() == [ALPHABET.index("I")] * 200
    assert bias[:10] == pytest.approx(np.full(10, bias[0]))


def test_digits_alone_that_are_read_as_their_look_alikes_ask_for_less_than_those_read_as_other_letters() -> None:
    look_alike, other = (fitted_bias([(logits_saying(said, 2.0), classes("111000"))]) for said in ("Il1Oo0", "AB1CD0"))
    assert 0.0 < np.abs(look_alike).max() < 0.6 * np.abs(other).max()


def test_a_few_characters_shift_less_than_their_own_shares_ask_for() -> None:
    rings = logits_saying("O" * 8 + "0" * 2, 0.0)
    rings[:, [0, ALPHABET.index("O")]] = 12.0  # undecided between the two
    bias = fitted_bias([(rings, classes("O" * 8 + "0" * 2))])
    assert 0.0 < bias[ALPHABET.index("O")] - bias[0] < np.log(8 / 2)
