"""Make a review of a job, hand out words, keep what people say. A review is a part of its job: it is kept in the store
of jobs, and deleted with the job, which stays while people work on it.

The owner of the job takes part by its own key, others by the review's. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from deployments.gateway.jobs.corrected_pages import kept_answer
from deployments.gateway.jobs.job_results import require_content
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.reviews.recent import Recent
from deployments.gateway.reviews.review_answer import review_answer
from deployments.gateway.reviews.review_words import kept_decision, review_word
from deployments.jobs.job import Job, reviewed
from deployments.jobs.job_queue import Place, places
from deployments.jobs.job_store import change
from deployments.review.asking import Asking, Queue, queue_of
from deployments.review.review import LEASE_S, KeptDecision, Review, lease_words, undone, why_refused, with_decisions
from deployments.review.word_index import WordIndex, index_of, numbers_within
from ocr.contract import PageAnswer
from ocr.errors import NotFinished, NotFound, OutOfRange
from ocr.review_contract import (
    DecisionBody,
    DecisionsAnswer,
    DecisionsBody,
    NextWordsAnswer,
    NextWordsBody,
    RefusedDecision,
    ReviewAnswer,
    ReviewOptions,
)

MAX_WORDS = 500_000
# Of pages, as JSON: in memory they take five to ten times as much. Of indexes, whose words take some hundred bytes.
_KEPT_PAGES_BYTES, _KEPT_WORDS = 4_000_000, MAX_WORDS

Changed: TypeAlias = "Review | None"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the caller's name, and the key of the review where it has one."""

    name: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A job with its review and what belongs to that."""

    job: Job
    review: Review
    index: WordIndex
    queue: Queue
    is_owner: bool


class ReviewsApi:
    """All of it, on one Gateway. `review_threshold` is below which confidence a word is doubted."""

    def __init__(self, jobs: JobsApi, review_threshold: Callable[[], float]) -> None:
        self._jobs = jobs
        self._threshold = review_threshold
        self._indexes: Recent[str, tuple[WordIndex, Queue]] = Recent(_KEPT_WORDS)
        self._pages: Recent[tuple[str, Place], PageAnswer] = Recent(_KEPT_PAGES_BYTES)

    @property
    def now(self) -> float:
        return self._jobs.queue.now

    async def make(self, caller: Caller, job_id: str, options: ReviewOptions) -> tuple[ReviewAnswer, bool]:
        """A review of one's own job, and whether it is new: the same request finds the one that there is. Raises
        NotFinished while pages are read, OutOfRange where there is another review already.
        """
        job = await self._jobs.results.of(caller.name, job_id)
        if not job.has_ended:
            raise NotFinished(f"the job is {job.state}", "make a review when it has ended")
        if job.task != "text":
            raise OutOfRange("a job of single characters has no words", "review a job of the task 'text'")
        below = self._threshold() if options.below is None else options.below
        if job.review is None:
            index = await self._indexed(job)
            review = Review(
                key=secrets.token_urlsafe(24),
                index=f"{job.folder}/review/{secrets.token_hex(8)}.json.gz",
                order=options.order,
                below=below,
                words=options.words,
                sure_share=options.sure_share,
                seed=options.seed,
                created_at=self.now,
            )
            await self._jobs.queue.files.write(review.index, index.packed())
            made = await self._changed(job_id, lambda now: review if now is None else now)
            if made is review:
                return await self._answer(await self.opened(caller, job_id)), True
            await self._jobs.queue.files.remove(review.index)
        opened = await self.opened(caller, job_id)
        if opened.review.asking != Asking(options.order, below, options.words, options.sure_share, options.seed):
            raise OutOfRange(
                "this job has a review that asks otherwise", "go on with that one, or DELETE it and what was said in it"
            )
        return await self._answer(opened), False

    async def get(self, caller: Caller, job_id: str, words: int | None = None) -> ReviewAnswer:
        """How the review is."""
        return await self._answer(await self.opened(caller, job_id), words)

    async def remove(self, caller: Caller, job_id: str) -> ReviewAnswer:
        """Delete the review of one's own job and all that was said in it; returns how it was."""
        opened = await self.opened(Caller(caller.name), job_id)
        answer = await self._answer(opened)
        await change(self._jobs.queue.store, job_id, lambda job: job.changed(review=None))
        await self._jobs.queue.files.remove(opened.review.index)
        return answer

    async def next_words(self, caller: Caller, job_id: str, body: NextWordsBody) -> NextWordsAnswer:
        """Words for a session, which nobody else is asked meanwhile."""
        opened = await self.opened(caller, job_id)
        wanted = numbers_within(opened.index, opened.queue.numbers, body.file)
        numbers: tuple[int, ...] = ()

        def lease(review: Changed) -> Changed:
            nonlocal numbers
            if review is None:
                return None
            leased, numbers = lease_words(review, wanted, body.session, body.count, self.now)
            return leased

        review = await self._changed(job_id, lease)
        opened = _as_now(opened, review)
        decided = opened.review.decided
        words = []
        for number in numbers:
            place = opened.index.places[number]
            answer = await self.page(opened.job, Place(place.file, place.page))
            name = opened.job.files[place.file].name
            words.append(review_word(number, place, name, answer, decided.get(number)))
        return NextWordsAnswer(words=words, lease_s=LEASE_S, review=await self._answer(opened))

    async def decide(self, caller: Caller, job_id: str, body: DecisionsBody) -> DecisionsAnswer:
        """Keep what a person said, in the order in which it was said, as far as nobody else holds the words."""
        return await self.keep(caller, job_id, body.session, body.reviewer, body.decisions)

    async def keep(
        self, caller: Caller, job_id: str, session: str, reviewer: str, decisions: Sequence[DecisionBody]
    ) -> DecisionsAnswer:
        """The same of any number of decisions."""
        opened = await self.opened(caller, job_id)
        who = {"by": caller.name, "reviewer": reviewer, "session": session}
        prepared = [await self._prepared(opened, who, said) for said in decisions]
        refused: list[RefusedDecision] = []
        kept: list[int] = []

        def apply(review: Changed) -> Changed:
            refused.clear()
            kept.clear()
            if review is None:
                return None
            numbers = [said.number for said in decisions]
            review, reasons = _with(review, list(zip(numbers, prepared, strict=True)), session, self.now)
            for number, reason in zip(numbers, reasons, strict=True):
                if reason:
                    refused.append(RefusedDecision(number=number, reason=reason))
                else:
                    kept.append(number)
            return review

        opened = _as_now(opened, await self._changed(job_id, apply))
        return DecisionsAnswer(kept=list(kept), refused=list(refused), review=await self._answer(opened))

    async def opened(self, caller: Caller, job_id: str) -> Open:
        """The job and its review. Raises NotFound where there is none, or none that this caller may see, and Expired
        when what the job held is deleted.
        """
        job = await self._jobs.queue.store.get(job_id)
        is_owner = job is not None and job.owner == caller.name
        review = None if job is None else job.review
        has_key = review is not None and hmac.compare_digest(review.key.encode(), (caller.key or "").encode())
        if job is None or not (is_owner or has_key):
            raise NotFound(f"there is no review {job_id[:40]!r} for you", "send the key of the review as X-Review-Key")
        require_content(job)
        if review is None:
            raise NotFound("nobody reviews this job", "POST /jobs/{job}/review makes a review")
        index, queue = await self._index(review)
        return Open(job, review, index, queue, is_owner)

    async def page(self, job: Job, place: Place) -> PageAnswer:
        """A page as it was read."""
        known = self._pages.get((job.folder, place))
        if known is None:
            kept = await self._jobs.queue.page(job, place)
            known = await asyncio.to_thread(PageAnswer.model_validate_json, kept.answer)
            self._pages.put((job.folder, place), known, len(kept.answer))
        return known

    async def _prepared(self, opened: Open, who: Mapping[str, str], said: DecisionBody) -> KeptDecision | str | None:
        """What is kept of one thing that was said: why not, where it cannot be; None for taking back."""
        if said.number >= len(opened.index):
            return f"the review has the words 0 to {len(opened.index) - 1}"
        if said.kind == "undo":
            return None
        place = opened.index.places[said.number]
        answer = await self.page(opened.job, Place(place.file, place.page))
        return kept_decision(said, place, answer, opened.queue.chance_asked(said.number), who, self.now)

    async def _index(self, review: Review) -> tuple[WordIndex, Queue]:
        known = self._indexes.get(review.index)
        if known is None:
            index = WordIndex.unpacked(await self._jobs.queue.files.read(review.index))
            known = index, await asyncio.to_thread(queue_of, index.confidences, review.asking)
            self._indexes.put(review.index, known, len(index))
        return known

    async def _indexed(self, job: Job) -> WordIndex:
        """The index of all words of a job."""
        pages: list[tuple[int, int, PageAnswer]] = []
        for place in places(job):
            if job.files[place.file].problem is None:
                kept = await asyncio.to_thread(kept_answer, await self._jobs.queue.page(job, place))
                if isinstance(kept, PageAnswer):
                    pages.append((place.file, place.index, kept))
        index = await asyncio.to_thread(index_of, pages)
        if not len(index):
            raise OutOfRange("nothing was read that people could review", "review a job with words")
        if len(index) > MAX_WORDS:
            raise OutOfRange(f"the job has {len(index)} words; a review has at most {MAX_WORDS}", "submit it in parts")
        return index

    async def _changed(self, job_id: str, apply: Callable[[Changed], Changed]) -> Changed:
        """The review after a change, which is on the disk then."""
        until = self.now + self._jobs.queue.config.reviewed_expires_s

        def of_job(job: Job) -> Job:
            following = apply(job.review)
            if following is job.review:
                return job
            said = None if following is None else following.decisions
            before = () if job.review is None else job.review.decisions
            # Only who says something keeps the job: to look at words does not.
            return reviewed(job, following, until if said and said is not before else 0.0)

        job = await change(self._jobs.queue.store, job_id, of_job)
        return None if job is None else job.review

    async def _answer(self, opened: Open, words: int | None = None) -> ReviewAnswer:
        return await asyncio.to_thread(
            review_answer,
            opened.job.id,
            opened.review,
            opened.index,
            opened.queue,
            self.now,
            is_owner=opened.is_owner,
            words=words,
        )


def _as_now(opened: Open, review: Changed) -> Open:
    if review is None:
        raise NotFound("the review was deleted in this moment", "make another one")
    return replace(opened, review=review)


def _with(
    review: Review, said: Sequence[tuple[int, KeptDecision | str | None]], session: str, now: float
) -> tuple[Review, list[str]]:
    """The review with what was said of words by their numbers, in order; and why each is refused, "" where it is not.
    Decisions are kept together up to the next word that is taken back: a review may have many, and going through all of
    them for each one would hold up the event loop.
    """
    reasons: list[str] = []
    for takes_back, run in groupby(said, key=lambda one: one[1] is None):
        if takes_back:
            for number, _ in run:
                without = undone(review, number, session, now)
                reasons.append("you said nothing of this word" if without is None else "")
                review = without or review
            continue
        prepared = [decision for _, decision in run]
        whole = [decision for decision in prepared if isinstance(decision, KeptDecision)]
        found = why_refused(review, whole)
        review = with_decisions(review, [decision for decision, why in zip(whole, found, strict=True) if not why])
        of_whole = iter(found)
        reasons += [decision if isinstance(decision, str) else next(of_whole) for decision in prepared]
    return review, reasons
