"""How a review is, as the contract says it. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from deployments.review.asking import Queue
from deployments.review.estimate import estimate, sure_words
from deployments.review.review import Review
from deployments.review.word_index import WordIndex
from ocr.review_contract import ReviewAnswer


def review_answer(
    job_id: str, review: Review, index: WordIndex, queue: Queue, now: float, *, is_owner: bool, words: int | None = None
) -> ReviewAnswer:
    """The answer of `GET /jobs/{job}/review`; `words` is of how many more words the estimate tells."""
    decided = review.decided
    left = [number for number in queue.numbers if number not in decided]
    leased = {lease.number for lease in review.leases if lease.until > now}
    changed_at = review.changed_at
    return ReviewAnswer(
        job=job_id,
        key=review.key if is_owner else None,
        order=review.order,
        below=review.below,
        sure_share=review.sure_share,
        seed=review.seed,
        words=len(index),
        asked=len(queue.numbers),
        decided=len(decided),
        changed=sum(decision.is_change for decision in decided.values()),
        illegible=sum(decision.kind == "illegible" for decision in decided.values()),
        left=len(left),
        leased=sum(number in leased for number in left),
        reviewers=dict(Counter(decision.who for decision in decided.values())),
        estimate=estimate(index.confidences, queue, decided, review.seconds_a_word, words),
        sure_words=sure_words(queue, decided),
        created_at=datetime.fromtimestamp(review.created_at, UTC),
        changed_at=None if changed_at is None else datetime.fromtimestamp(changed_at, UTC),
    )
