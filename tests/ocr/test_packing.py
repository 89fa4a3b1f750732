"""Values that travel between deployments arrive as they were sent."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from ocr import Alternative, Character, ClaimedCharacter, Hypothesis, Span, Vote
from ocr.packing import packed

CLAIMED = ClaimedCharacter("a", 0.9, Span(1.0, 2.0), (Alternative("b", 0.05),))
VOTE = Vote("trocr", "a", 0.9, 0.3)
CHARACTER = Character("a", 0.8, (VOTE,), None)
VALUES = [CLAIMED, Hypothesis((CLAIMED,)), Hypothesis.abstain("no"), VOTE, CHARACTER]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_arrives_and_the_value_is_still_frozen(value: object) -> None:
    arrived = pickle.loads(pickle.dumps(value))
    assert arrived == value
    name = fields(arrived)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(arrived, name, "other")


def test_a_value_with_one_field_is_refused() -> None:
    with pytest.raises(TypeError, match="1 fields"):

        @packed
        @dataclass(frozen=True, slots=True)
        class Lonely:
            field: int
