"""The support of a text: at least 0, never less where the engine is surer or more reliable on the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.evidence.claim_evidence import (
    MAX_LOG_ODDS,
    MIN_LOG_ODDS,
    ClaimEvidence,
    Coefficients,
    Kind,
    kind_of,
    log_odds,
    support_of,
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


@given(probabilities, probabilities, bases, st.floats(0.0, 3.0), st.floats(-8.0, 8.0), st.floats(-4.0, 4.0))
def test_a_surer_engine_never_counts_less_and_nothing_counts_below_zero(
    one: float, other: float, base: float, slope: float, agreement: float, certainty: float
) -> None:
    evidence = ClaimEvidence({Kind.LOWER: Coefficients(base, slope)}, agreement=0.3, certainty=0.2)
    for odds in (evidence.odds, evidence.alternative_odds):
        less, more = (support_of(odds(Kind.LOWER, own, 0.0, agreement, certainty)) for own in sorted((one, other)))
        assert 0.0 <= less <= more


def test_who_seldom_stands_alone_on_the_page_counts_for_more() -> None:
    evidence = ClaimEvidence({Kind.LOWER: Coefficients(0.0, 1.0, reliability=0.5)})
    assert evidence.odds(Kind.LOWER, 0.9, 1.0, 0.0, 0.0) < evidence.odds(Kind.LOWER, 0.9, 3.0, 0.0, 0.0)


def test_a_lead_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="lead"):
        ClaimEvidence(lead=-1.0)


def test_log_odds_stay_within_their_bounds() -> None:
    assert log_odds(0.5) == 0.0
    assert (log_odds(0.0), log_odds(1.0), log_odds(1.0 - 1e-12)) == (MIN_LOG_ODDS, MAX_LOG_ODDS, MAX_LOG_ODDS)


def test_a_slope_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="slope"):
        Coefficients(0.0, -0.1)
