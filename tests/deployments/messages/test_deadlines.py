"""Deadlines between nodes whose clocks agree, nearly agree, and do not."""

from __future__ import annotations

import pytest

from deployments.messages.deadlines import arrived, deadline_here, sent
from deployments.messages.request import SegmentationRequest

SENT, LEFT_S = 1000.0, 30.0
HOUR_S = 3600.0


@pytest.mark.parametrize("on_its_way_s", [-0.5, 0.0, 0.01, 5.0, LEFT_S, LEFT_S + 4.0])
def test_clocks_that_agree_leave_the_deadline_as_it_is(on_its_way_s: float) -> None:
    assert deadline_here(SENT + LEFT_S, SENT, SENT + on_its_way_s) == SENT + LEFT_S


@pytest.mark.parametrize("ahead_s", [-HOUR_S, -2.0, LEFT_S + 6.0, HOUR_S])
def test_where_they_do_not_agree_the_time_that_was_left_counts(ahead_s: float) -> None:
    now = SENT + ahead_s
    assert deadline_here(SENT + LEFT_S, SENT, now) == pytest.approx(now + LEFT_S)


def test_a_request_is_stated_by_the_clock_of_each_node_on_its_way() -> None:
    """From a node whose clock is right to one an hour behind, and on to one that is right."""
    request = SegmentationRequest("general", None, 1_000_000, SENT + LEFT_S)
    behind = arrived(sent(request, SENT), SENT - HOUR_S)
    assert behind.deadline == pytest.approx(SENT - HOUR_S + LEFT_S)
    right = arrived(sent(behind, SENT - HOUR_S + 10.0), SENT + 10.0)
    assert right.deadline == pytest.approx(SENT + LEFT_S)
