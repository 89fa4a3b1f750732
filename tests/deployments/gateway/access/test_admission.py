"""The places of a Gateway, and what those are told for whom there is none."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from deployments.gateway.access.admission import Places
from ocr.errors import Overloaded


def told(places: Places) -> float:
    with pytest.raises(Overloaded) as refused, places.one():
        pass
    assert refused.value.retry_after_s is not None
    return refused.value.retry_after_s


def test_a_place_is_free_again_after_it_was_held_whatever_happened() -> None:
    places = Places(lambda: 1)
    for error in (ValueError, KeyError):
        with pytest.raises(error), places.one():
            raise error
    with places.one():
        told(places)
    with places.one():
        pass


def test_a_crowd_is_told_to_come_back_one_after_the_other_and_never_after_more_than_half_a_minute() -> None:
    now = [10.0]
    places = Places(lambda: 4, lambda: now[0])
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(places.one())
        assert [told(places) for _ in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]
        assert [told(places) for _ in range(100)][-1] == 30
        now[0] += 10.0
        assert told(places) == 1


def test_how_many_places_there_are_can_change() -> None:
    most = [1]
    places = Places(lambda: most[0])
    with places.one():
        told(places)
        most[0] = 2
        with places.one():
            told(places)


def test_one_caller_has_its_share_and_the_rest_is_for_others() -> None:
    places = Places(lambda: 4, share=lambda: 0.75)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(places.one("greedy"))
        with pytest.raises(Overloaded, match="of yours"), places.one("greedy"):
            raise AssertionError("a fourth place for one caller")
        with places.one("other"), pytest.raises(Overloaded, match="as this gateway takes"), places.one("third"):
            raise AssertionError("a fifth place of four")
        with places.one():  # a program on the cluster
            pass
    with places.one("greedy"):
        pass
