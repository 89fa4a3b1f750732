"""What all engines read alike, counted at once, is what each character says by itself."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from fusion import Profile
from fusion.evidence.claim_evidence import Kind, log_odds
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.unanimous_slots import UnanimousSlots
from fusion.votes.weighted_hypotheses import weighted_hypotheses
from ocr import Hypothesis
from tests.fusion.strategies import hypotheses_by_engine


@given(hypotheses_by_engine)
def test_each_character_that_all_read_is_there_with_the_log_odds_of_each_engine(
    hypotheses: dict[str, Hypothesis],
) -> None:
    aligned = AlignedHypotheses.of(weighted_hypotheses(hypotheses, Profile("even", dict.fromkeys(hypotheses, 1.0))))
    assume(aligned.network.slots)
    found = UnanimousSlots.of(aligned)
    assert found.log_odds.shape == (len(aligned.hypotheses), len(found.slots))
    for number, slot in enumerate(found.slots):
        votes = list(aligned.slot(slot))
        assert {text for _, text, _ in votes} == {found.texts[number]}
        expected = [log_odds(probability) for _, _, probability in votes]
        assert found.log_odds[:, number].tolist() == pytest.approx(expected, abs=1e-6)


def test_each_text_has_its_kind() -> None:
    hypotheses = {name: Hypothesis.of_text("aB 7”", 0.9) for name in ("ada", "bob")}
    aligned = AlignedHypotheses.of(weighted_hypotheses(hypotheses, Profile("even", {"ada": 1.0, "bob": 1.0})))
    kinds = [list(Kind)[number] for number in UnanimousSlots.of(aligned).kinds]
    assert kinds == [Kind.LOWER, Kind.UPPER, Kind.SPACE, Kind.DIGIT, Kind.MARK]
