"""A job as a value: leases, fences, what its state is. Two readers against each other, by example and by property."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from deployments.jobs.job import (
    OPENING,
    UNREAD,
    Callback,
    CallbackCall,
    Job,
    JobFile,
    Lease,
    called,
    ended,
    file_opened,
    file_refused,
    given_back,
    lease_pages,
    page_read,
    renewed,
    reviewed,
    without_content,
)
from deployments.review.review import Review
from ocr.contract import Problem

LEASE_S = 30.0
PROBLEM = Problem(code="not_an_image", message="it is damaged")


def job_of(*pages: int | None, **fields: Any) -> Job:
    """A job with a file of so many pages each; one of None is not opened yet."""
    files = tuple(
        JobFile(name=f"{number}.pdf", path=f"{number}", size=10)
        if count is None
        else JobFile(
            name=f"{number}.pdf",
            path=f"{number}",
            size=10,
            page_numbers=tuple(range(1, count + 1)),
            page_count=count,
            tokens=(UNREAD,) * count,
        )
        for number, count in enumerate(pages)
    )
    made = {"id": "a", "owner": "key 1", "folder": "f", "digest": "d", "options": {}, "priority": "batch"}
    times = {"created_at": 0.0, "expires_at": 1000.0, "forget_at": 2000.0}
    return Job(**{**made, **times, "formats": ("json",), "files": files, **fields})


def leased(job: Job, reader: str, most: int, now: float) -> tuple[Job, tuple[Lease, ...]]:
    return lease_pages(job, reader, most, now, LEASE_S)


def test_a_file_is_opened_before_its_pages_are_read_and_the_job_ends_with_its_last_page() -> None:
    job = job_of(None)
    assert (job.state, job.pages_total) == ("queued", None)
    job, [opening] = leased(job, "one", 4, 1.0)
    assert (opening.index, job.state) == (OPENING, "running")
    opened = file_opened(job, opening, 9, [3, 4], 2.0)
    assert opened is not None
    assert (opened.pages_total, opened.pages_done) == (2, 0)
    job, leases = leased(opened, "one", 4, 3.0)
    for lease in leases:
        read = page_read(job, lease, 5, None, 4.0)
        assert read is not None
        job = read
    assert (job.state, job.pages_done, job.finished_at, job.result_size) == ("succeeded", 2, 4.0, 10)


def test_pages_are_leased_in_order_and_none_twice() -> None:
    job = job_of(3, 2)
    job, first = leased(job, "one", 2, 0.0)
    job, second = leased(job, "two", 2, 0.0)
    job, third = leased(job, "two", 9, 0.0)
    assert [(lease.file, lease.index) for lease in (*first, *second, *third)] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
    ]
    assert leased(job, "three", 9, 0.0) == (job, ())


def test_who_reads_too_slowly_loses_the_page_to_the_next_and_what_comes_late_is_refused() -> None:
    job, [slow] = leased(job_of(1), "slow", 1, 0.0)
    assert leased(job, "other", 1, LEASE_S - 1.0) == (job, ())
    taken, [later] = leased(job, "other", 1, LEASE_S)
    assert later.token > slow.token
    assert later.attempt == 2
    assert page_read(taken, slow, 5, None, LEASE_S + 1.0) is None
    assert renewed(taken, [slow.token], 99.0) is None
    read = page_read(taken, later, 5, None, LEASE_S + 2.0)
    assert read is not None
    assert read.files[0].tokens == (later.token,)


def test_a_lease_that_ran_out_counts_until_somebody_takes_the_page() -> None:
    job, [lease] = leased(job_of(1), "one", 1, 0.0)
    read = page_read(job, lease, 5, None, 10 * LEASE_S)
    assert read is not None
    assert read.state == "succeeded"


def test_a_lease_that_is_renewed_is_nobody_elses() -> None:
    job, [lease] = leased(job_of(1), "one", 1, 0.0)
    longer = renewed(job, [lease.token], 50.0)
    assert longer is not None
    assert leased(longer, "two", 1, 45.0)[1] == ()


@pytest.mark.parametrize(
    ("problems", "state"), [((None, None), "succeeded"), ((None, PROBLEM), "partly"), ((PROBLEM, PROBLEM), "failed")]
)
def test_the_state_at_the_end_says_how_much_failed(problems: tuple[Problem | None, ...], state: str) -> None:
    job, leases = leased(job_of(2), "one", 2, 0.0)
    for lease, problem in zip(leases, problems, strict=True):
        read = page_read(job, lease, 5, problem, 1.0)
        assert read is not None
        job = read
    assert job.state == state
    assert len(job.failures) == job.pages_failed == sum(problem is not None for problem in problems)


def test_a_file_that_cannot_be_opened_costs_the_others_nothing() -> None:
    job, [opening] = leased(job_of(None, 1), "one", 1, 0.0)
    refused = file_refused(job, opening, PROBLEM, 1.0)
    assert refused is not None
    job, [lease] = leased(refused, "one", 1, 1.0)
    read = page_read(job, lease, 5, None, 2.0)
    assert read is not None
    assert (read.state, read.files[0].problem) == ("partly", PROBLEM)


def test_pages_that_are_given_back_wait_until_the_pause_is_over() -> None:
    job, leases = leased(job_of(2), "one", 2, 0.0)
    back = given_back(job, [lease.token for lease in leases], 20.0, counts=True)
    assert back is not None
    assert leased(back, "one", 2, 19.0)[1] == ()
    _, again = leased(back, "one", 2, 20.0)
    assert [lease.attempt for lease in again] == [2, 2]


def test_whoever_reads_a_page_of_a_job_that_is_cancelled_loses_it() -> None:
    job, [lease] = leased(job_of(1), "one", 1, 0.0)
    cancelled = ended(job, "cancelled", 1.0)
    assert page_read(cancelled, lease, 5, None, 2.0) is None
    assert leased(cancelled, "one", 1, 99.0)[1] == ()
    assert cancelled.due_at == 0.0  # what it held is deleted at once


def test_nothing_of_what_was_sent_is_left_when_the_content_is_deleted() -> None:
    job = ended(job_of(1, options={"lang": "de"}), "expired", 5.0)
    bare = without_content(job, 10.0, 60.0)
    assert "0.pdf" not in bare.model_dump_json()
    assert (bare.options, bare.state, bare.due_at, bare.summary().size) == ({}, "expired", 70.0, 0)


def test_the_callback_of_a_job_is_due_when_the_job_has_ended() -> None:
    callback = Callback(url="https://example.com", secret="s")
    job = job_of(1, callback=callback)
    assert job.due_at == 1000.0
    assert ended(job, "failed", 7.0).due_at == 7.0


def test_a_callback_is_delivered_when_its_last_call_was_and_nothing_is_signed_any_more() -> None:
    job = ended(job_of(1, callback=Callback(url="https://example.com", secret="s")), "succeeded", 7.0)
    tried = called(job, CallbackCall(at=7.0, status=500, problem="answered 500"), 12.0)
    assert tried is not None
    assert tried.callback is not None
    assert (tried.callback.is_delivered, tried.callback.next_at, tried.callback.secret) == (False, 12.0, "s")
    told = called(tried, CallbackCall(at=12.0, status=204), None)
    assert told is not None
    assert told.callback is not None
    assert (told.callback.is_delivered, told.callback.next_at, told.callback.secret) == (True, None, "")


def test_the_pace_of_the_last_pages_says_when_the_job_is_done() -> None:
    job, leases = leased(job_of(3), "one", 3, 100.0)
    assert job.seconds_left is None
    for lease, now in zip(leases, (102.0, 104.0), strict=False):
        read = page_read(job, lease, 5, None, now)
        assert read is not None
        job = read
    assert job.seconds_left == pytest.approx(2.0)


class TwoReaders(RuleBasedStateMachine):
    """Readers lease pages of one job, are slow, come late, give back: whatever the order, each page is kept once."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.job = job_of(3, 2)
        self.now = 0.0
        self.kept: dict[tuple[int, int], int] = {}
        self.newest: dict[tuple[int, int], int] = {}

    @rule(target=leases, reader=st.sampled_from(["one", "two"]), most=st.integers(1, 4))
    def lease(self, reader: str, most: int) -> Any:
        self.job, leases = leased(self.job, reader, most, self.now)
        for lease in leases:
            assert lease.token > self.newest.get((lease.file, lease.index), 0)
            self.newest[lease.file, lease.index] = lease.token
        return multiple(*leases)

    @rule(seconds=st.sampled_from([1.0, LEASE_S / 2, LEASE_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(lease=consumes(leases), fails=st.booleans())
    def finish(self, lease: Lease, fails: bool) -> None:
        place = lease.file, lease.index
        read = page_read(self.job, lease, 1, PROBLEM if fails else None, self.now)
        if read is None:
            assert place in self.kept or self.newest[place] != lease.token or self.job.has_ended or self._is_free(lease)
            return
        assert place not in self.kept
        assert self.newest[place] == lease.token
        self.kept[place] = lease.token
        self.job = read

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        self.job = renewed(self.job, [lease.token], self.now + LEASE_S) or self.job

    @rule(lease=leases)
    def give_back(self, lease: Lease) -> None:
        self.job = given_back(self.job, [lease.token]) or self.job

    def _is_free(self, lease: Lease) -> bool:
        return all(held.token != lease.token for held in self.job.leases)

    @invariant()
    def every_page_is_kept_once_under_the_lease_that_was_the_newest(self) -> None:
        tokens = {
            (number, index): token
            for number, file in enumerate(self.job.files)
            for index, token in enumerate(file.tokens)
            if token != UNREAD
        }
        assert tokens == self.kept
        assert len({lease.token for lease in self.job.leases}) == len(self.job.leases)
        assert self.job.pages_done == len(self.kept)
        assert self.job.has_ended == (len(self.kept) == 5)


TestTwoReaders = TwoReaders.TestCase


def test_a_review_keeps_its_job_and_goes_with_its_content() -> None:
    job = job_of(1)
    review = Review(key="k", index="i", order="doubt", below=0.7, words=None, sure_share=0.0, seed=0, created_at=0.0)
    kept = reviewed(job, review, job.expires_at + 100.0)
    assert (kept.review, kept.expires_at, kept.forget_at) == (review, job.expires_at + 100.0, job.forget_at + 100.0)
    assert reviewed(kept, review, 0.0).expires_at == kept.expires_at  # never earlier than it was to be
    assert reviewed(kept, None, 0.0).review is None
    assert without_content(ended(kept, "expired", 5.0), 5.0, 60.0).review is None
