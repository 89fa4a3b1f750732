"""A job in parts: whatever is changed, the parts are the job again, and a page of a large job writes as much as one of
a small job.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.jobs.job import (
    Job,
    Lease,
    ended,
    file_opened,
    file_refused,
    given_back,
    lease_pages,
    page_read,
    renewed,
    without_content,
)
from deployments.jobs.job_parts import BLOCK_PAGES, changes, job_of, parts_of
from deployments.review.review import KeptDecision, Review, undone, with_decisions
from ocr.contract import Problem
from tests.deployments.jobs import test_job

PROBLEM = Problem(code="not_an_image", message="it is damaged")


class Kept:
    """A job, and its parts as a store has them; `written` is how many bytes each change wrote."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.parts = parts_of(job)
        self.written: list[int] = []

    def change(self, job: Job | None) -> None:
        if job is None:
            return
        changed = changes(job, self.job)
        self.written.append(sum(len(content) for content in changed.values() if content is not None))
        self.parts = {name: text for name, text in {**self.parts, **changed}.items() if text is not None}
        self.job = job
        assert job_of(self.parts) == job

    def lease(self, most: int, now: float) -> tuple[Lease, ...]:
        job, leases = lease_pages(self.job, "one", most, now, 30.0)
        self.change(job)
        return leases


@given(
    pages=st.lists(st.none() | st.integers(1, 2 * BLOCK_PAGES + 3), min_size=1, max_size=3),
    steps=st.lists(st.sampled_from(["read", "fail", "back", "renew", "late"]), max_size=30),
    end=st.booleans(),
)
def test_the_parts_are_the_job_after_whatever_was_changed(pages: list[int | None], steps: list[str], end: bool) -> None:
    kept, now = Kept(test_job.job_of(*pages, options={"lang": "de"})), 0.0
    for step in steps:
        now += 31.0 if step == "late" else 1.0
        for lease in kept.lease(3, now):
            if lease.index < 0:
                opened = file_opened(kept.job, lease, 70, range(1, 71), now)
                kept.change(opened if step == "read" else file_refused(kept.job, lease, PROBLEM, now))
            elif step in ("read", "fail"):
                kept.change(page_read(kept.job, lease, 5, PROBLEM if step == "fail" else None, now))
            elif step == "back":
                kept.change(given_back(kept.job, [lease.token], now + 1.0, counts=True))
            else:
                kept.change(renewed(kept.job, [lease.token], now + 30.0))
    if end:
        kept.change(ended(kept.job, "cancelled", now))
        kept.change(without_content(kept.job, now, 60.0))


def written_bytes(kept: Kept, problem: Problem | None = None) -> int:
    """What is written until all pages are read."""
    while leases := kept.lease(4, 0.0):
        for lease in leases:
            kept.change(page_read(kept.job, lease, 5, problem, 1.0))
    assert kept.job.has_ended
    return sum(kept.written)


@pytest.mark.parametrize("problem", [None, PROBLEM])
def test_what_is_written_grows_with_the_pages_and_not_with_their_square(problem: Problem | None) -> None:
    few = written_bytes(Kept(test_job.job_of(64)), problem)
    many = written_bytes(Kept(test_job.job_of(640)), problem)
    assert many < 11 * few


def test_what_is_written_grows_with_the_files_and_not_with_their_square() -> None:
    few, many = written_bytes(Kept(test_job.job_of(*[1] * 64))), written_bytes(Kept(test_job.job_of(*[1] * 640)))
    assert many < 11 * few


def decision(number: int) -> KeptDecision:
    who = {"by": "key 1", "reviewer": "", "session": "s"}
    place = {"number": number, "file": 0, "page": 0, "line": number, "word": 0}
    return KeptDecision(**place, **who, kind="typed", was="a", text="b", at=1.0, confidence=0.5, chance=1.0)


def test_what_people_say_of_words_is_kept_and_writes_as_much_for_the_last_word_as_for_the_first() -> None:
    review = Review(key="k", index="i", order="doubt", below=0.7, words=None, sure_share=0.1, seed=1, created_at=0.0)
    kept = Kept(test_job.job_of(1))
    kept.change(kept.job.changed(review=review))
    for number in range(640):
        kept.change(kept.job.changed(review=with_decisions(kept.job.review or review, [decision(number)])))
    assert sum(kept.written[-64:]) < 1.3 * sum(kept.written[1:65])
    taken_back = undone(kept.job.review or review, 3, "s", 2.0)
    kept.change(kept.job.changed(review=taken_back))
    kept.change(kept.job.changed(review=None))
