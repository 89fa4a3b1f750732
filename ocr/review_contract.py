"""The contract of `/jobs/{job}/review` as types: people look at the words of a job and say what they are. See
ocr/contract.py.

Words of a review have a number each, from 0, in reading order over all files of the job.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ocr.contract import Confidence, WordCorrection

AskingOrder = Literal["doubt", "reading"]
DecisionKind = Literal["taken", "typed", "illegible"]
"""Took a reading, typed the text, or nobody can read it."""

MAX_DECISIONS = 100
MAX_LEASED = 100

ReviewerName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
SessionName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReviewOptions(_Wire):
    """What `POST /jobs/{job}/review` may be asked."""

    order: AskingOrder = Field("doubt", description="The most doubtful words first, or as the text reads.")
    below: Confidence | None = Field(
        None, description="Words that are less sure are asked; by default those below `thresholds.review`."
    )
    words: int | None = Field(None, ge=1, le=100_000, description="Ask so many doubtful words at most.")
    sure_share: Confidence = Field(
        0.02, description="Of all words such a share is asked whatever their doubt, drawn at random: to measure it."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the random draw.")


class ReadingChoice(_Wire):
    """One way in which a word was read, and which engines read it so."""

    text: str
    engines: list[str]


class ReviewWord(_Wire):
    """A word that is asked. `line_text` is the line as the vote reads it, the word in it from `start` on."""

    number: int = Field(ge=0)
    file: int
    name: str
    page: int
    line: int = Field(description="The index of its line in the page's.")
    text: str
    confidence: Confidence
    readings: list[ReadingChoice] = Field(description="What engines read in its place, those of most engines first.")
    polygon: tuple[tuple[float, float], ...]
    line_polygon: tuple[tuple[float, float], ...]
    line_text: str
    start: int
    language: str | None = None
    width: int = Field(description="Of its page, in pixels.")
    height: int
    decision: WordCorrection | None = Field(None, description="What was said of it last.")


class ReviewEstimate(_Wire):
    """What is expected of going on, from the words' confidences. Rates are wrong words to all words."""

    error_rate: float = Field(description="As it is now.")
    words: int = Field(description="If so many more words are reviewed,")
    seconds: float = Field(description="which takes about so long,")
    error_rate_after: float = Field(description="it is expected to be this.")


class SureWords(_Wire):
    """What was found of words that were asked at random and are not doubted: a measurement of what nobody looks at."""

    asked: int
    wrong: int
    error_rate: float | None
    low: float | None = Field(description="The rate is between these in 95 of 100 cases (Wilson).")
    high: float | None


class ReviewAnswer(_Wire):
    """How a review is. `key` is only told to the owner of the job; with it others review as well."""

    job: str
    key: str | None
    order: AskingOrder
    below: float
    sure_share: float
    seed: int
    words: int = Field(description="All words of the documents.")
    asked: int = Field(description="Words that are asked.")
    decided: int
    changed: int = Field(description="Of those that were decided, how many are not as the vote read them.")
    illegible: int
    left: int
    leased: int = Field(description="Of those left, how many somebody else looks at now.")
    reviewers: dict[str, int] = Field(description="By name, how many words each decided.")
    estimate: ReviewEstimate
    sure_words: SureWords
    created_at: datetime
    changed_at: datetime | None


class NextWordsBody(_Wire):
    """The JSON body of `POST /jobs/{job}/review/next`."""

    session: SessionName = Field(description="Names one person at one screen; words are kept for it for a while.")
    count: int = Field(20, ge=1, le=MAX_LEASED)
    file: int | None = Field(None, ge=0, description="Only words of this file.")


class NextWordsAnswer(_Wire):
    """Words for one session; none where nothing is left, or all that is left is with others."""

    words: list[ReviewWord]
    lease_s: float = Field(description="For so long nobody else is asked them.")
    review: ReviewAnswer


class DecisionBody(_Wire):
    """What a person says of one word; `undo` takes back what was said last."""

    number: int = Field(ge=0)
    kind: Literal["taken", "typed", "illegible", "undo"]
    text: str | None = Field(None, max_length=1000, description="With `taken` and `typed`. Empty: nothing is there.")

    @model_validator(mode="after")
    def _has_a_text(self) -> DecisionBody:
        if (self.text is None) == (self.kind in ("taken", "typed")):
            raise ValueError(f"'{self.kind}' {'needs a text' if self.text is None else 'has no text'}")
        return self


class DecisionsBody(_Wire):
    """The JSON body of `POST /jobs/{job}/review/decisions`."""

    session: SessionName
    reviewer: ReviewerName = Field("", description="The name of the person, for who changed what.")
    decisions: tuple[DecisionBody, ...] = Field(min_length=1, max_length=MAX_DECISIONS)


class RefusedDecision(_Wire):
    """A decision that was not kept, and why."""

    number: int
    reason: str


class DecisionsAnswer(_Wire):
    """What became of some decisions."""

    kept: list[int]
    refused: list[RefusedDecision]
    review: ReviewAnswer


class ImportAnswer(_Wire):
    """What became of what was annotated in Label Studio."""

    kept: int
    refused: list[RefusedDecision]
    review: ReviewAnswer
