"""Probabilities from logits: two temperatures, and restricted classes."""

from __future__ import annotations

import numpy as np
import pytest

from engines.common.temperature_scaling import ALPHABET, SHAPES, Temperatures, calibrated_probabilities, entropies
from ocr import Classes


def logits(count: int = 200) -> np.ndarray:
    return np.random.default_rng(3).normal(0.0, 4.0, (count, len(ALPHABET))).astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def of_shapes(probabilities: np.ndarray) -> np.ndarray:
    return np.stack([probabilities[:, shape == SHAPES].sum(axis=1) for shape in np.unique(SHAPES)], axis=1)


@pytest.mark.parametrize("classes", list(Classes))
@pytest.mark.parametrize("within", [0.5, 1.0, 3.0])
def test_rows_are_probabilities_of_the_allowed_classes(classes: Classes, within: float) -> None:
    found = calibrated_probabilities(logits(), Temperatures(0.7, within), classes)
    assert found.shape == (200, len(classes.alphabet))
    assert found.min() >= 0.0
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_without_a_temperature_of_its_own_inside_a_shape_it_is_the_plain_softmax() -> None:
    np.testing.assert_allclose(
        calibrated_probabilities(logits(), Temperatures(2.0)), softmax(logits() / 2.0), atol=1e-6
    )


def test_the_temperature_within_a_shape_moves_no_probability_between_shapes_and_keeps_the_order_within() -> None:
    plain, unsure = (
        calibrated_probabilities(logits(), Temperatures(1.0)),
        calibrated_probabilities(logits(), Temperatures(1.0, 2.0)),
    )
    np.testing.assert_allclose(of_shapes(unsure), of_shapes(plain), atol=1e-9)
    for shape in np.unique(SHAPES):
        members = np.flatnonzero(shape == SHAPES)
        np.testing.assert_array_equal(unsure[:, members].argmax(axis=1), logits()[:, members].argmax(axis=1))
    assert entropies(unsure).mean() > entropies(plain).mean()


def test_digits_are_of_ten_shapes_and_know_no_doubt_within() -> None:
    np.testing.assert_allclose(
        calibrated_probabilities(logits(), Temperatures(1.0, 5.0), Classes.DIGITS), softmax(logits()[:, :10]), atol=1e-6
    )


def test_a_shape_that_lost_by_far_has_no_probability_and_no_nan() -> None:
    far = np.zeros((1, len(ALPHABET)), np.float32)
    far[0, ALPHABET.index("A")] = 5000.0
    found = calibrated_probabilities(far, Temperatures(1.0, 2.0))
    assert np.isfinite(found).all()
    assert found[0, ALPHABET.index("A")] + found[0, ALPHABET.index("a")] == pytest.approx(1.0)


def test_entropy_is_nothing_for_a_sure_row_and_the_logarithm_for_an_even_one() -> None:
    rows = np.stack([np.eye(62)[4], np.full(62, 1 / 62)])
    assert entropies(rows).tolist() == pytest.approx([0.0, np.log(62)], abs=1e-9)


@pytest.mark.parametrize("wrong", [{"shape": 0.0}, {"within": -1.0}])
def test_temperatures_are_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*not positive"):
        Temperatures(**wrong)
