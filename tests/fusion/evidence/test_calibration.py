from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import IDENTITY, Calibration

scores = st.floats(0.0, 1.0)
knots = st.lists(st.tuples(scores, scores), min_size=1, max_size=6, unique_by=lambda knot: knot[0])
calibrations = knots.map(
    lambda drawn: Calibration(
        tuple(sorted(raw for raw, _ in drawn)), tuple(sorted(probability for _, probability in drawn))
    )
)


@given(scores)
def test_an_engine_is_taken_at_its_word_by_default(score: float) -> None:
    assert IDENTITY.of(score) == pytest.approx(score)
    assert IDENTITY.of_all([score]) == (score,)


@given(calibrations, scores, scores)
def test_a_surer_claim_never_becomes_a_less_probable_one(calibration: Calibration, one: float, other: float) -> None:
    low, high = calibration.of(min(one, other)), calibration.of(max(one, other))
    assert 0.0 <= low <= high + 1e-12
    assert high <= 1.0


@given(calibrations)
def test_knots_are_met(calibration: Calibration) -> None:
    assert calibration.of_all(calibration.raw) == pytest.approx(calibration.probability)


def test_between_knots_the_map_is_linear_and_outside_constant() -> None:
    calibration = Calibration((0.2, 0.6), (0.1, 0.5))
    assert [calibration.of(score) for score in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0.1, 0.1, 0.3, 0.5, 0.5])


@pytest.mark.parametrize(
    ("raw", "probability"),
    [((), ()), ((0.1,), ()), ((0.1, 0.1), (0.2, 0.3)), ((0.1, 0.2), (0.3, 0.2)), ((0.1,), (1.1,)), ((-0.1,), (0.1,))],
)
def test_a_map_that_is_none_is_refused(raw: tuple[float, ...], probability: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration(raw, probability)
