"""For whom a request is read, and how much that counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployments.config.schema import LimitsConfig
from tests.fakes.plain_ensemble import read_request


@pytest.mark.parametrize(("at_once", "counts"), [(1, 0.5), (3, 1.5), (400, 2.0)])
def test_a_second_counts_more_for_one_who_asks_for_much_at_once_and_less_for_one_with_a_larger_share(
    at_once: int, counts: float
) -> None:
    request = replace(read_request(), at_once=at_once, limits=LimitsConfig(shares={"key 1": 2.0}))
    asker = request.asked_by("key 1").recognition.asker
    assert (asker.caller, asker.counts) == ("key 1", pytest.approx(counts))
    assert request.asked_by("key 2").recognition.asker.counts == pytest.approx(2.0 * counts)
    assert request.asked_by("key 1", "batch").recognition.asker.counts == pytest.approx(8.0 * counts)
