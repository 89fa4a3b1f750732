"""The pace of one address beside others, on a clock of the test's own."""

from __future__ import annotations

import pytest

from deployments.gateway.access.serve_proxy.request_pace import RequestPace
from tests.fakes.hand_clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_an_address_alone_never_waits(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    assert [pace.wait_s("a") for _ in range(1000)] == [0.0] * 1000


def test_beside_another_one_its_requests_are_spaced_out_after_a_burst(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    pace.wait_s("b")
    waits = [pace.wait_s("a") for _ in range(15)]
    assert waits[:11] == pytest.approx([0.0] * 11)
    assert waits[11:] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_one_that_asks_seldom_waits_for_nobody(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    waits = []
    for _ in range(50):
        clock.now += 0.2
        for _ in range(20):
            pace.wait_s("flood")
        waits.append(pace.wait_s("b"))
    assert waits == [0.0] * 50


def test_what_would_wait_for_long_is_refused_and_not_counted(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    pace.wait_s("b")
    waits = [pace.wait_s("a") for _ in range(200)]
    assert waits.count(None) == 200 - 61
    clock.now += 1.0
    pace.wait_s("b")
    assert pace.wait_s("a") == pytest.approx(4.1)


def test_the_bytes_of_a_body_count_like_requests(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    pace.charge("a", 10_000_000)
    pace.wait_s("b")
    assert pace.wait_s("a") == 0.0
    pace.charge("a", 10_000_000)
    assert pace.wait_s("a") == pytest.approx(1.1)


def test_when_the_others_have_gone_nobody_waits_and_nothing_is_kept(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    pace.wait_s("b")
    for _ in range(60):
        pace.wait_s("a")
    clock.now += 10.0
    assert pace.wait_s("a") == 0.0
    assert list(pace._asking) == ["a"]


def test_the_addresses_of_a_whole_network_take_bounded_memory(clock: HandClock) -> None:
    pace = RequestPace(10.0, clock)
    for number in range(12_000):
        pace.wait_s(str(number))
    assert len(pace._asking) == 10_000
