"""The slots of a Gateway, and what a request is told for which none is free."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from deployments.gateway.access.admission import AdmissionControl
from ocr.errors import Overloaded


def told(admission: AdmissionControl) -> float:
    with pytest.raises(Overloaded) as refused, admission.slot():
        pass
    assert refused.value.retry_after_s is not None
    return refused.value.retry_after_s


def test_a_slot_is_free_again_after_it_was_held_whatever_happened() -> None:
    admission = AdmissionControl(lambda: 1)
    for error in (ValueError, KeyError):
        with pytest.raises(error), admission.slot():
            raise error
    with admission.slot():
        told(admission)
    with admission.slot():
        pass


def test_a_crowd_is_told_to_come_back_one_after_the_other_and_never_after_more_than_half_a_minute() -> None:
    now = [10.0]
    admission = AdmissionControl(lambda: 4, lambda: now[0])
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(admission.slot())
        assert [told(admission) for _ in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]
        assert [told(admission) for _ in range(100)][-1] == 30
        now[0] += 10.0
        assert told(admission) == 1


def test_how_many_slots_there_are_can_change() -> None:
    most = [1]
    admission = AdmissionControl(lambda: most[0])
    with admission.slot():
        told(admission)
        most[0] = 2
        with admission.slot():
            told(admission)


def test_one_caller_has_its_share_and_the_rest_is_for_others() -> None:
    admission = AdmissionControl(lambda: 4, share=lambda: 0.75)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(admission.slot("greedy"))
        with pytest.raises(Overloaded, match="of yours"), admission.slot("greedy"):
            raise AssertionError("a fourth slot for one caller")
        with admission.slot("other"), pytest.raises(Overloaded, match="as this gateway takes"), admission.slot("third"):
            raise AssertionError("a fifth slot of four")
        with admission.slot():  # a program on the cluster
            pass
    with admission.slot("greedy"):
        pass


def test_bodies_together_take_no_more_than_there_is_room_for() -> None:
    admission = AdmissionControl(lambda: 100, share=lambda: 0.75, max_body_bytes=lambda: 100.0)
    with ExitStack() as held:
        held.enter_context(admission.slot("a", 60))
        with pytest.raises(Overloaded, match="of yours of 60 bytes"), admission.slot("a", 20):
            raise AssertionError("more than the share of one caller")
        with pytest.raises(Overloaded, match="bodies of 60 bytes are being read, and there is room for 100"):
            held.enter_context(admission.slot("b", 50))
        held.enter_context(admission.slot("b", 40))
        held.enter_context(admission.slot("b", 0))
    with admission.slot("a", 70):
        pass


def test_a_body_larger_than_the_room_is_read_when_there_is_no_other() -> None:
    admission = AdmissionControl(lambda: 100, share=lambda: 0.75, max_body_bytes=lambda: 100.0)
    with admission.slot("a", 500), pytest.raises(Overloaded), admission.slot("b", 1):
        raise AssertionError("room beside a body that fills it")
