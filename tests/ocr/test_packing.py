"""Values that travel between deployments arrive as they were sent."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from ocr import Alternative, Box, Character, ClaimedCharacter, Hypothesis, Span, Vote

CLAIMED = ClaimedCharacter("a", 0.9, Span(1.0, 2.0), (Alternative("b", 0.05),))
VOTE = Vote("trocr", "a", 0.9, 0.3)
CHARACTER = Character("a", 0.8, (VOTE,), None)
ONE_FIELD = Box(1, 2, 3, 4).polygon()
VALUES = [CLAIMED, Hypothesis((CLAIMED,)), Hypothesis.abstain("no"), VOTE, CHARACTER, ONE_FIELD]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_arrives_and_the_value_is_still_frozen(value: object) -> None:
    arrived = pickle.loads(pickle.dumps(value))
    assert arrived == value
    name = fields(arrived)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(arrived, name, "other")
