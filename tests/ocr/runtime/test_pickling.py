"""Values that travel between deployments arrive as they were sent."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from ocr import (
    Alternative,
    Box,
    Character,
    CharacterHypothesis,
    Hypothesis,
    Layout,
    Line,
    Page,
    Reading,
    Region,
    Span,
    Vote,
)
from ocr.runtime.pickling import Pickled

CLAIMED = CharacterHypothesis("a", 0.9, Span(1.0, 2.0), (Alternative("b", 0.05),))
VOTE = Vote("trocr", "a", 0.9, 0.3)
CHARACTER = Character("a", 0.8, (VOTE,), None)
ONE_FIELD = Box(1, 2, 3, 4).polygon()
REGION = Region(ONE_FIELD, 2, 2, character_boxes=(Box(0, 0, 1, 2),))
LAYOUT = Layout(20, 10, (REGION,), 90.0)
PAGE = Page(20, 10, (Line((CHARACTER,), (), 0.8, ONE_FIELD, 1, {"trocr": Reading("a", 0.8, 1)}),), (), "m", "p")
VALUES = [CLAIMED, Hypothesis((CLAIMED,)), Hypothesis.abstain("no"), VOTE, CHARACTER, ONE_FIELD, REGION, LAYOUT, PAGE]


def test_a_value_that_is_unpickled_by_its_holder_is_bytes_until_then() -> None:
    sent = pickle.loads(pickle.dumps(Pickled.of(PAGE)))
    assert isinstance(sent.content, bytes)
    assert sent.value() == PAGE


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_arrives_and_the_value_is_still_frozen(value: object) -> None:
    arrived = pickle.loads(pickle.dumps(value))
    assert arrived == value
    name = fields(arrived)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(arrived, name, "other")


def test_a_value_pickled_as_bytes_is_one_bytes_object_to_cloudpickle() -> None:
    rebuild, state = LAYOUT.__reduce__()
    assert [type(part) for part in state] == [bytes]
    assert rebuild(*state) == LAYOUT
