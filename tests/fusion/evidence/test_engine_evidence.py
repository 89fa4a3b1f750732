"""The support of a text: at least 0, never less where the engine is surer, less for what is often confused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.evidence.engine_evidence import (
    MAX_LOG_ODDS,
    MIN_LOG_ODDS,
    Coefficients,
    EngineEvidence,
    Kind,
    kind_of,
    log_odds,
)

probabilities = st.floats(0.0, 1.0)
bases = st.floats(-5.0, 5.0)


@pytest.mark.parametrize(
    ("text", "others", "neighbours", "kind"),
    [
        ("a", {"o"}, "", Kind.LOWER),
        ("É", {"E"}, "", Kind.UPPER),
        ("7", {"1"}, "", Kind.DIGIT),
        ("%", {"6"}, "", Kind.MARK),
        ("rn", {"m"}, "", Kind.SEVERAL),
        ("", {"x"}, "", Kind.NOTHING),
        ("", {" "}, "ab", Kind.NO_SPACE),
        ("", {" "}, "a1", Kind.NO_SPACE_AT_DIGIT),
        ("", {" "}, "1:", Kind.NO_SPACE_AT_MARK),
        (" ", {""}, "ab", Kind.SPACE),
        (" ", {"."}, "a9", Kind.SPACE_AT_DIGIT),
    ],
)
def test_every_text_has_its_kind(text: str, others: set[str], neighbours: str, kind: Kind) -> None:
    assert kind_of(text, tuple(others), neighbours) is kind


@given(probabilities, probabilities, bases, st.floats(0.0, 3.0), st.floats(-8.0, 8.0))
def test_a_surer_engine_never_counts_less_and_nothing_counts_below_zero(
    one: float, other: float, base: float, slope: float, agreement: float
) -> None:
    evidence = EngineEvidence({Kind.LOWER: Coefficients(base, slope)}, agreement=0.3)
    less, more = (
        evidence.support(Kind.LOWER, "a", ("o",), probability, 0.0, agreement) for probability in sorted((one, other))
    )
    assert 0.0 <= less <= more


def test_a_pair_that_is_often_confused_says_less() -> None:
    evidence = EngineEvidence(confusions={("l", "1"): -2.0})
    against_one = evidence.support(Kind.LOWER, "l", ("1",), 0.9, 0.0, 0.0)
    against_other = evidence.support(Kind.LOWER, "l", ("t",), 0.9, 0.0, 0.0)
    assert against_one < evidence.support(Kind.LOWER, "l", ("1", "t"), 0.9, 0.0, 0.0) < against_other


def test_log_odds_stay_within_their_bounds() -> None:
    assert log_odds(0.5) == 0.0
    assert (log_odds(0.0), log_odds(1.0), log_odds(1.0 - 1e-12)) == (MIN_LOG_ODDS, MAX_LOG_ODDS, MAX_LOG_ODDS)


def test_a_slope_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="slope"):
        Coefficients(0.0, -0.1)
