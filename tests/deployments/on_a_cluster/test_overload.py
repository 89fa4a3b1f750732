"""500 clients on a Gateway with 16 places, over real HTTP, with a stub engine: minutes of two cores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.scaling.overload import overload

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = {
    "engines": [{"name": "benchmarks.stubs.trocr"}],
    "ready_engines": 1,
    "limits": {"max_requests": 16, "timeout_s": 20.0},
}


def test_500_clients_are_answered_or_sent_away_with_a_time_and_leave_nothing_behind(
    serving: Callable[[dict[str, Any]], str],
) -> None:
    result = asyncio.run(overload(serving(CONFIG), seconds=15.0, sizes=(500,)))
    many, afterwards = result.phases["500 clients"], result.phases["alone, at once after 500"]
    assert set(many.codes) == {200, 503}, many.codes
    assert all(answer.is_ours and answer.retry_after_s for answer in many.answers if answer.code == 503)
    assert many.of(200)[-1] < 60.0  # most of it in the queue of the proxy, which passes fifty a second on two cores
    assert set(afterwards.codes) == {200}
    assert set(result.phases["alone, beside 500 idle connections"].codes) == {200}
    grown = {part: many.peak_mb[part] - result.before_mb[part] for part in result.before_mb}
    assert all(more < 100.0 for more in grown.values()), grown
