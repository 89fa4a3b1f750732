"""Clients that ask again as soon as they were answered, over questions that take a step of a hand-turned clock."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.harness.closed_loop import Answered, Clients, Run, measured


class Counter:
    """Takes a turn of the event loop for each question, and counts how many are asked at once."""

    def __init__(self, *, fails_on: int = 0) -> None:
        self.asked = self.now = self.most = 0
        self.fails_on = fails_on

    async def __call__(self) -> None:
        self.asked += 1
        number = self.asked
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        if number == self.fails_on:
            raise ConnectionError("cut")


async def test_each_client_has_one_question_open_at_a_time() -> None:
    asking = Counter()
    async with Clients(asking) as clients:
        await clients.resize(3)
        await asyncio.sleep(0.03)
    assert asking.most == 3
    assert asking.asked > 3
    assert len(clients.answers) == asking.asked, "who leaves gets the last answer first"


async def test_clients_come_and_go_while_the_loop_runs() -> None:
    asking = Counter()
    async with Clients(asking) as clients:
        await clients.resize(4)
        await asyncio.sleep(0.01)
        await clients.resize(1)
        asking.most = 0
        await asyncio.sleep(0.02)
        assert asking.most == 1
        await clients.resize(2)
        await asyncio.sleep(0.01)
        assert asking.most == 2


async def test_a_question_that_fails_is_counted_and_its_client_goes_on() -> None:
    asking = Counter(fails_on=2)
    async with Clients(asking) as clients:
        await clients.resize(1)
        while asking.asked < 4:
            await asyncio.sleep(0.001)
    assert [answer.problem for answer in clients.answers[:3]] == ["", "ConnectionError: cut", ""]


async def test_what_is_asked_while_it_warms_up_does_not_count() -> None:
    asking = Counter()
    run = await measured(asking, 2, seconds=0.02, warm_s=0.02)
    assert 0 < len(run.answers) < asking.asked
    assert run.per_second == pytest.approx(len(run.answers) / run.seconds)


def test_failed_questions_are_no_throughput() -> None:
    run = Run(1, 2.0, (Answered(0.0, 0.5), Answered(0.5, 1.0, "cut"), Answered(1.5, 0.3)))
    assert run.per_second == 1.0
    assert run.latency_s(50) == 0.5
