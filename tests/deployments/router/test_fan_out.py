"""Asking many engines at once: one that fails is a value in the result, and never costs the others their answer."""

from __future__ import annotations

import asyncio
import time

import pytest

from deployments.messages.answers import EngineAnswer
from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull, ReplicaLost
from deployments.router.fan_out import Budget, EngineCall, call_all
from deployments.router.starting_order import Stage
from ocr import Hypothesis, Status

RETRIES = 3
GOOD = EngineAnswer("good@1", (Hypothesis.of_text("a", 0.9),))


def answering(answer: EngineAnswer) -> EngineCall:
    async def call(_deadline: float) -> EngineAnswer:
        return answer

    return call


def failing(error: Exception, times: int = 10**6) -> tuple[EngineCall, list[float]]:
    calls: list[float] = []

    async def call(deadline: float) -> EngineAnswer:
        calls.append(deadline)
        if len(calls) <= times:
            raise error
        return GOOD

    return call, calls


def hanging() -> tuple[EngineCall, list[bool]]:
    cancelled: list[bool] = []

    async def call(_deadline: float) -> EngineAnswer:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return GOOD

    return call, cancelled


def budget(seconds: float = 30.0) -> Budget:
    return Budget.until(time.monotonic() + seconds, time.monotonic())


async def ask(calls: dict[str, EngineCall], seconds: float = 30.0) -> dict[str, Status]:
    outcomes = await call_all(calls, budget(seconds), time.monotonic, RETRIES)
    return {name: outcome.report.status for name, outcome in outcomes.items()}


async def test_every_engine_has_an_outcome_whatever_became_of_it() -> None:
    hang, cancelled = hanging()
    statuses = await ask(
        {
            "good": answering(GOOD),
            "slow": hang,
            "full": failing(QueueFull("full"))[0],
            "missing": failing(NotDeployed("gone"))[0],
            "broken": failing(ZeroDivisionError("x"))[0],
            "dying": failing(ReplicaLost("died"))[0],
        },
        seconds=0.2,
    )
    assert statuses == {
        "good": Status.OK,
        "slow": Status.TIMEOUT,
        "full": Status.SHED,
        "missing": Status.UNAVAILABLE,
        "broken": Status.ERROR,
        "dying": Status.ERROR,
    }
    assert cancelled == [True]


async def test_a_dead_replica_is_replaced_by_asking_again() -> None:
    call, calls = failing(ReplicaLost("died"), times=RETRIES)
    assert await ask({"reborn": call}) == {"reborn": Status.OK}
    assert len(calls) == RETRIES + 1


async def test_a_request_that_kills_every_replica_is_given_up() -> None:
    call, calls = failing(ReplicaLost("died"))
    assert await ask({"poisoned": call}) == {"poisoned": Status.ERROR}
    assert len(calls) == RETRIES + 1


async def test_an_ordinary_error_is_not_asked_again() -> None:
    call, calls = failing(ValueError("no"))
    outcomes = await call_all({"wrong": call}, budget(), time.monotonic)
    assert len(calls) == 1
    assert outcomes["wrong"].report.detail == "ValueError: no"


async def test_lost_pixels_are_for_the_caller_and_stop_the_others() -> None:
    hang, cancelled = hanging()
    with pytest.raises(CropsLost, match="node"):
        await call_all({"lost": failing(CropsLost("node is gone"))[0], "other": hang}, budget(), time.monotonic)
    assert cancelled == [True]


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        (EngineAnswer("m@1", (Hypothesis(), Hypothesis.abstain("joined"))), Status.OK, ""),
        (EngineAnswer("m@1", (Hypothesis.abstain("joined"),) * 2), Status.ABSTAINED, "joined"),
        (EngineAnswer("m@1", (Hypothesis.abstain("joined"), None)), Status.TIMEOUT, "1 of 2"),
        (EngineAnswer("m@1", (None, None)), Status.TIMEOUT, "0 of 2"),
    ],
)
async def test_the_report_tells_apart_answers_abstentions_and_half_read_pages(
    answer: EngineAnswer, status: Status, detail: str
) -> None:
    outcome = (await call_all({"engine": answering(answer)}, budget(), time.monotonic))["engine"]
    assert outcome.report.status is status
    assert detail in outcome.report.detail
    assert outcome.report.model == "m@1"
    assert outcome.hypotheses == answer.hypotheses


@pytest.mark.parametrize("left_s", [0.0, 0.05, 1.0, 30.0])
def test_engines_must_answer_before_the_router_stops_waiting_and_that_before_the_request_ends(left_s: float) -> None:
    shares = Budget.until(100.0 + left_s, 100.0)
    assert 100.0 <= shares.engines <= shares.router <= shares.request == 100.0 + left_s
    assert shares.request - shares.engines <= 0.25


async def test_engines_are_told_their_deadline() -> None:
    call, calls = failing(ValueError("no"))
    shares = budget()
    await call_all({"engine": call}, shares, time.monotonic)
    assert calls == [shares.engines]


async def test_a_stage_begins_when_the_one_before_is_done() -> None:
    begun: list[str] = []

    def noting(name: str, after_s: float) -> EngineCall:
        async def call(_deadline: float) -> EngineAnswer:
            begun.append(name)
            await asyncio.sleep(after_s)
            begun.append(f"{name} done")
            return GOOD

        return call

    calls = {"late": noting("late", 0.0), "a": noting("a", 0.01), "b": noting("b", 0.02)}
    stages = (Stage(("a", "b"), 10.0), Stage(("late",), 10.0))
    outcomes = await call_all(calls, budget(), time.monotonic, stages=stages)
    assert begun == ["a", "b", "a done", "b done", "late", "late done"]
    assert list(outcomes) == ["late", "a", "b"]
    assert all(outcome.report.status is Status.OK for outcome in outcomes.values())


async def test_an_engine_that_hangs_does_not_keep_the_next_stage_from_its_answer() -> None:
    hang, cancelled = hanging()
    stages = (Stage(("hangs",), 0.01), Stage(("good",), 1.0))
    outcomes = await call_all({"hangs": hang, "good": answering(GOOD)}, budget(0.2), time.monotonic, stages=stages)
    assert outcomes["good"].report.status is Status.OK
    assert outcomes["hangs"].report.status is Status.TIMEOUT
    assert cancelled == [True]


async def test_an_engine_whose_stage_comes_too_late_is_not_asked_and_says_so() -> None:
    hang, _ = hanging()
    asked, calls = failing(ValueError("no"))
    stages = (Stage(("hangs",), 10.0), Stage(("late",), 10.0), Stage(("last",), 10.0))
    outcomes = await call_all({"hangs": hang, "late": asked, "last": asked}, budget(0.1), time.monotonic, stages=stages)
    assert calls == []
    for name in ("late", "last"):
        assert outcomes[name].report.status is Status.TIMEOUT
        assert "not asked" in outcomes[name].report.detail
        assert outcomes[name].failed(patience_s=0.05) is None
    assert outcomes["hangs"].failed(patience_s=0.05) is True
