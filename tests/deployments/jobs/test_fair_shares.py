"""Whose pages are read next."""

from __future__ import annotations

from typing import Any

from deployments.jobs.fair_shares import BATCH_EVERY, FairShares
from deployments.jobs.job import JobSummary


def waiting(job_id: str, owner: str, **fields: Any) -> JobSummary:
    usual = {"priority": "batch", "created_at": 0.0, "is_open": True, "pages_left": 100, "waiting": 100, "leased": 0}
    none = {"next_lease_end": None, "paused_until": 0.0, "size": 0, "due_at": None}
    return JobSummary(**{"id": job_id, "owner": owner, **usual, **none, **fields})


def turns(shares: FairShares, jobs: list[JobSummary], count: int) -> list[str]:
    """Whose turn it is, so many times, with one page each time that is read at once."""
    taken = []
    for _ in range(count):
        job = shares.in_order(jobs, 0.0)[0]
        shares.served(job, 1)
        taken.append(job.owner)
    return taken


def test_callers_take_turns_however_many_jobs_one_has() -> None:
    jobs = [waiting(f"{number}", "many", created_at=number) for number in range(20)] + [waiting("one", "few")]
    assert sorted(turns(FairShares(), jobs, 10)) == ["few"] * 5 + ["many"] * 5


def test_a_larger_share_is_more_turns() -> None:
    shares = FairShares(lambda owner: 3.0 if owner == "large" else 1.0)
    taken = turns(shares, [waiting("a", "large"), waiting("b", "small")], 40)
    assert taken.count("large") == 30


def test_who_has_pages_under_way_elsewhere_waits_for_those_who_have_none() -> None:
    jobs = [waiting("a", "busy", leased=4, created_at=0.0), waiting("b", "idle", created_at=1.0)]
    assert FairShares().in_order(jobs, 0.0)[0].owner == "idle"


def test_interactive_jobs_go_first_and_batches_are_not_starved() -> None:
    jobs = [waiting("a", "batch"), waiting("b", "person", priority="interactive")]
    taken = turns(FairShares(), jobs, 5 * BATCH_EVERY)
    assert taken[0] == "person"
    assert taken.count("batch") == 5


def test_who_comes_later_gets_its_share_from_then_on_and_no_more() -> None:
    shares = FairShares()
    turns(shares, [waiting("a", "first")], 50)
    taken = turns(shares, [waiting("a", "first"), waiting("b", "later")], 10)
    assert taken.count("later") in (5, 6)


def test_a_job_without_a_free_page_or_in_a_pause_has_no_turn() -> None:
    jobs = [
        waiting("held", "a", waiting=0, leased=3, next_lease_end=50.0),
        waiting("paused", "b", paused_until=50.0),
    ]
    assert FairShares().in_order(jobs, 49.0) == []
    assert {job.id for job in FairShares().in_order(jobs, 50.0)} == {"held", "paused"}
