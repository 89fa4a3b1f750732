"""The contract of `/jobs` as types: what a request may ask, and what is said of a job. See ocr/contract.py.

Times are moments in UTC; seconds where the name ends in `_s`. Pages are counted from 1, files from 0.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ocr.contract import CharacterAnswer, FailedItem, FailedPage, Names, PageAnswer, Problem, TaskOptions

Priority = Literal["interactive", "batch"]
JobState = Literal["queued", "running", "succeeded", "partly", "failed", "cancelled", "expired"]
ENDED: frozenset[str] = frozenset({"succeeded", "partly", "failed", "cancelled", "expired"})
"""The states in which nothing more is read."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - as Standard Webhooks writes it, no secret
_SECRET_BYTES = range(24, 65)


def secret_bytes(secret: str) -> bytes:
    """The key behind a secret as Standard Webhooks writes it. Raises ValueError for another."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the secret is not base64; `openssl rand -base64 32` makes one") from error
    if len(key) not in _SECRET_BYTES:
        raise ValueError(f"the secret has {len(key)} bytes, not 24 to 64; `openssl rand -base64 32` makes one")
    return key


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _from_json(value: Any) -> Any:  # noqa: ANN401 - whatever a form field or a query parameter brought
    """Accept a JSON object written as a string, where the wire is a form field or a query parameter."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError('expected JSON like {"url": "https://...", "secret": "whsec_..."}') from error


class CallbackOptions(_Wire):
    """Who is told when a job has ended."""

    url: str = Field(max_length=2000, description="Where to POST.", examples=["https://example.com/hooks/ocr"])
    secret: str = Field(
        max_length=200,
        description="Signs each call, as Standard Webhooks has it: `whsec_` and 24 to 64 bytes as base64.",
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.isprintable() or " " in url:
            raise ValueError("the address of a callback has a blank or a character that cannot be printed")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ValueError("a callback is an http or https address without a user name in it")
        _ = parts.port  # its ValueError says what is wrong
        return url

    @field_validator("secret")
    @classmethod
    def _is_a_key(cls, secret: str) -> str:
        secret_bytes(secret)
        return secret


class JobOptions(TaskOptions):
    """What a job may be asked: the options of its task, and how it is treated."""

    task: Literal["character", "text"] = "text"
    priority: Priority = Field("batch", description="Pages of `batch` wait for those of `interactive` and of requests.")
    formats: Names = Field(
        ("json",), min_length=1, max_length=10, description="What will be fetched; the first is what a result is."
    )
    callback: Annotated[CallbackOptions, BeforeValidator(_from_json)] | None = Field(
        None, description="Who is told when the job has ended.", examples=[{"url": "https://example.com/hook"}]
    )
    expires_s: float | None = Field(
        None, gt=0.0, description="After so long the job and all that was read are deleted, finished or not."
    )


class JobBody(JobOptions):
    """The JSON body of `POST /jobs`: one file or several."""

    image: str | None = Field(None, min_length=1, description="The file, base64.")
    images: tuple[str, ...] | None = Field(None, min_length=1, description="Several files, each base64.")


class JobFileAnswer(_Wire):
    """One file of a job. `pages` is null until it was opened."""

    name: str
    bytes: int
    pages: int | None = Field(description="How many of its pages are asked for; null until the file was opened.")
    done: int
    failed: int
    error: Problem | None = Field(None, description="Why nothing of the file can be read.")


class PageProblem(_Wire):
    """What is wrong with one page."""

    file: int
    page: int
    error: Problem


class CallbackTry(_Wire):
    """One call: what was answered, or why nothing was."""

    at: datetime
    status: int | None
    problem: str = ""


class CallbackAnswer(_Wire):
    """How the callback of a job fares."""

    url: str
    state: Literal["waiting", "delivered", "failed"]
    tries: list[CallbackTry]
    next_at: datetime | None = None


class JobAnswer(_Wire):
    """The answer of `POST /jobs` and `GET /jobs/{id}`."""

    id: str
    state: JobState
    task: Literal["character", "text"]
    priority: Priority
    formats: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    pages_total: int | None = Field(description="Null until every file was opened.")
    pages_done: int = Field(description="With those that failed.")
    pages_failed: int
    seconds_left: float | None = Field(description="Estimated by the pace of its last pages; null while nothing tells.")
    files: list[JobFileAnswer]
    errors: list[PageProblem] = Field(description="The first hundred pages that failed.")
    callback: CallbackAnswer | None = None
    reviewed_words: int | None = Field(None, description="Words that people decided in its review; null without one.")


class JobsAnswer(_Wire):
    """The answer of `GET /jobs`: one's own, the newest first."""

    jobs: list[JobAnswer]
    next: str | None = Field(None, description="`before` of the next request, where there are more.")


class JobPage(_Wire):
    """One line of the result of a job as NDJSON. `resume` is where to go on after it."""

    file: int
    name: str
    resume: str
    answer: PageAnswer | FailedPage | CharacterAnswer | FailedItem


class JobPause(_Wire):
    """The last line of it: `end` when there is nothing more, else `resume` is where to go on."""

    end: bool
    resume: str
    state: JobState
    pages_done: int
    pages_total: int | None
