"""A review as a frozen value, and every change that can be made of it.

A word is leased to one session for a while, so that several people never look at the same one. A decision is kept where
nobody else holds the word. One that was taken back stays, with when. Times are epoch seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict

from deployments.review.asking import Asking
from ocr.review_contract import AskingOrder, DecisionKind

LEASE_S = 300.0
"""A word that a session holds for so long without a sign of life is free for others."""

MOST_DECISIONS, MOST_LEASES = 50_000, 10_000
"""What one review holds of what was said, with what was taken back, and of words that people look at."""
MOST_OF_A_WORD, MOST_CHARACTERS = 100, 5_000_000
"""What it holds of what was said of one word, and of texts together."""

_PAUSE_S = 60.0  # between two decisions: whoever took longer did something else
_USUAL_S = 4.5  # a word, until it was measured


class _Record(BaseModel):
    # What a newer version has added is left out, not refused: while a cluster is upgraded both read the same store.
    model_config = ConfigDict(extra="ignore", frozen=True)


class KeptDecision(_Record):
    """What one person said of a word: `text` in place of `was`. `chance` is that with which it was asked."""

    number: int
    file: int
    page: int
    line: int
    word: int
    kind: DecisionKind
    was: str
    text: str
    engines: tuple[str, ...] = ()
    by: str
    reviewer: str
    session: str
    at: float
    confidence: float
    chance: float
    undone_at: float | None = None

    @property
    def is_change(self) -> bool:
        return self.kind != "illegible" and self.text != self.was

    @property
    def who(self) -> str:
        """The name of the person, else of the caller."""
        return self.reviewer or self.by


class WordLease(_Record):
    """One word that a session looks at until a moment."""

    number: int
    session: str
    until: float


class Review(_Record):
    """One review. `key` lets others than the owner of the job take part, `index` is the file with its words' places."""

    key: str
    index: str
    order: AskingOrder
    below: float
    words: int | None
    sure_share: float
    seed: int
    created_at: float
    decisions: tuple[KeptDecision, ...] = ()
    leases: tuple[WordLease, ...] = ()

    @property
    def asking(self) -> Asking:
        return Asking(self.order, self.below, self.words, self.sure_share, self.seed)

    @property
    def decided(self) -> dict[int, KeptDecision]:
        """What holds of each word: what was said last and not taken back."""
        return {decision.number: decision for decision in self.decisions if decision.undone_at is None}

    @property
    def changed_at(self) -> float | None:
        """When something was last decided or taken back."""
        moments = [decision.undone_at or decision.at for decision in self.decisions]
        return max(moments, default=None)

    @property
    def seconds_a_word(self) -> float:
        """From one decision of a session to its next, in the middle; a usual time until there are some."""
        last: dict[str, float] = {}
        pauses: list[float] = []
        for decision in self.decisions:
            if decision.session in last:
                pauses.append(decision.at - last[decision.session])
            last[decision.session] = decision.at
        short = [pause for pause in pauses if 0.0 < pause <= _PAUSE_S]
        return median(short) if len(short) >= 5 else _USUAL_S

    def held_by_others(self, session: str, now: float) -> set[int]:
        """The words that other sessions look at."""
        return {lease.number for lease in self.leases if lease.session != session and lease.until > now}


def lease_words(
    review: Review, queue: Iterable[int], session: str, count: int, now: float
) -> tuple[Review, tuple[int, ...]]:
    """The review with the next words of the queue leased to a session, and those: the same ones as long as the session
    has not decided them.
    """
    others = review.held_by_others(session, now)
    taken = review.decided.keys() | others
    count = min(count, MOST_LEASES - len(others))
    numbers: list[int] = []
    for number in queue:
        if len(numbers) >= count:
            break
        if number not in taken:
            numbers.append(number)
    held = [
        lease
        for lease in review.leases
        if lease.until > now and (lease.session != session or lease.number not in numbers)
    ]
    mine = [WordLease(number=number, session=session, until=now + LEASE_S) for number in numbers]
    return review.model_copy(update={"leases": (*held, *mine)}), tuple(numbers)


def why_refused(review: Review, decisions: Sequence[KeptDecision]) -> list[str]:
    """Why each decision is not kept, "" where it is."""
    decided, room = review.decided, _Room(review)
    # Once for each session, not for each decision: many words may be leased.
    held: dict[str, set[int]] = {}
    reasons = []
    for decision in decisions:
        if decision.session not in held:
            held[decision.session] = review.held_by_others(decision.session, decision.at)
        reasons.append(
            _why_refused(decision, decided.get(decision.number), held[decision.session]) or room.taken(decision)
        )
    return reasons


class _Room:
    """What a review still has room for."""

    def __init__(self, review: Review) -> None:
        self._decisions = len(review.decisions)
        self._characters = sum(len(decision.text) for decision in review.decisions)
        self._of_word = Counter(decision.number for decision in review.decisions)

    def taken(self, decision: KeptDecision) -> str:
        """Why there is no room for one more decision; "" where there was."""
        if self._decisions >= MOST_DECISIONS or self._characters + len(decision.text) > MOST_CHARACTERS:
            return (
                f"the review holds {self._decisions} decisions with {self._characters} characters, as many as it may; "
                "submit the document again"
            )
        if self._of_word[decision.number] >= MOST_OF_A_WORD:
            return f"this word was decided {MOST_OF_A_WORD} times, as often as it may be; go on with others"
        self._decisions += 1
        self._characters += len(decision.text)
        self._of_word[decision.number] += 1
        return ""


def _why_refused(decision: KeptDecision, before: KeptDecision | None, held: Collection[int]) -> str:
    if decision.number in held:
        return "somebody else looks at this word"
    if before is not None and before.session != decision.session:
        return f"{before.who} has decided this word"
    return ""


def with_decisions(review: Review, decisions: Sequence[KeptDecision]) -> Review:
    """The review with decisions that are not refused, in order. One that a session decides anew is taken back first."""
    if not decisions:
        return review
    kept = list(review.decisions)
    holds = {decision.number: place for place, decision in enumerate(kept) if decision.undone_at is None}
    for decision in decisions:
        before = holds.get(decision.number)
        if before is not None:
            kept[before] = kept[before].model_copy(update={"undone_at": decision.at})
        holds[decision.number] = len(kept)
        kept.append(decision)
    numbers = {decision.number for decision in decisions}
    leases = tuple(lease for lease in review.leases if lease.number not in numbers)
    return review.model_copy(update={"decisions": tuple(kept), "leases": leases})


def undone(review: Review, number: int, session: str, now: float) -> Review | None:
    """The review with a word open again, leased to the session that takes back what it said; None where it said
    nothing that holds.
    """
    last = review.decided.get(number)
    if last is None or last.session != session:
        return None
    decisions = tuple(
        decision.model_copy(update={"undone_at": now}) if decision is last else decision
        for decision in review.decisions
    )
    lease = WordLease(number=number, session=session, until=now + LEASE_S)
    return review.model_copy(update={"decisions": decisions, "leases": (*review.leases, lease)})
