"""Reviews of jobs, in which people correct words. Only over HTTP.

review = client.review(job.id, order="doubt")                    # when the job has ended
print(review.link("http://127.0.0.1:8000"))                      # for people
Path("truth.jsonl").write_bytes(review.truth())
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict
from urllib.parse import quote

import httpx

from ocr.review_contract import ImportAnswer, ReviewAnswer
from quorum.client.jobs import AskJobs, AskJobsAsync, JobRequest

TruthFormat = Literal["jsonl", "alto", "page"]


class ReviewKeywords(TypedDict, total=False):
    """Options of a review; see ocr.review_contract.ReviewOptions."""

    order: Literal["doubt", "reading"]
    below: float
    words: int
    sure_share: float
    seed: int


class Review:
    """A review of the service's. `state` is what was last heard of it."""

    def __init__(self, ask: AskJobs, state: ReviewAnswer, key: str | None = None) -> None:
        self._ask = ask
        self._requests = ReviewRequests(state.job, key)
        self.state = state

    def link(self, url: str) -> str:
        """Where people review it in a browser. Whoever has the link takes part."""
        return self._requests.link(url, self.state)

    def look(self, words: int | None = None) -> ReviewAnswer:
        """How far it is now, and what so many more words would bring."""
        self.state = state_of(self._ask.answer(self._requests.show(words)))
        return self.state

    def truth(self, format: TruthFormat = "jsonl", file: int | None = None, *, only_complete: bool = True) -> bytes:
        """What people said, as ground truth."""
        return self._ask.answer(self._requests.truth(format, file, only_complete=only_complete)).content

    def picture(self, file: int, page: int) -> bytes:
        """A page as an image file."""
        return self._ask.answer(self._requests.picture(file, page)).content

    def label_studio_tasks(self, pictures: str = "") -> list[dict[str, Any]]:
        """Tasks for Label Studio; `pictures` is what stands before the name of each picture."""
        return list(self._ask.answer(self._requests.tasks(pictures)).json())

    def take_label_studio(self, tasks: Sequence[Mapping[str, Any]]) -> ImportAnswer:
        """Keep what was annotated in Label Studio: its export as JSON."""
        return ImportAnswer.model_validate_json(self._ask.answer(self._requests.annotated(tasks)).content)


class AsyncReview:
    """The same for a caller with an event loop."""

    def __init__(self, ask: AskJobsAsync, state: ReviewAnswer, key: str | None = None) -> None:
        self._ask = ask
        self._requests = ReviewRequests(state.job, key)
        self.state = state

    def link(self, url: str) -> str:
        """Where people review it in a browser; see Review.link."""
        return self._requests.link(url, self.state)

    async def look(self, words: int | None = None) -> ReviewAnswer:
        """How far it is now; see Review.look."""
        self.state = state_of(await self._ask.answer(self._requests.show(words)))
        return self.state

    async def truth(
        self, format: TruthFormat = "jsonl", file: int | None = None, *, only_complete: bool = True
    ) -> bytes:
        """What people said, as ground truth."""
        return (await self._ask.answer(self._requests.truth(format, file, only_complete=only_complete))).content

    async def picture(self, file: int, page: int) -> bytes:
        """A page as an image file."""
        return (await self._ask.answer(self._requests.picture(file, page))).content

    async def label_studio_tasks(self, pictures: str = "") -> list[dict[str, Any]]:
        """Tasks for Label Studio; see Review.label_studio_tasks."""
        return list((await self._ask.answer(self._requests.tasks(pictures))).json())

    async def take_label_studio(self, tasks: Sequence[Mapping[str, Any]]) -> ImportAnswer:
        """Keep what was annotated in Label Studio; see Review.take_label_studio."""
        return ImportAnswer.model_validate_json((await self._ask.answer(self._requests.annotated(tasks))).content)


class ReviewRequests:
    """The questions about one review."""

    def __init__(self, job_id: str, key: str | None = None) -> None:
        self._path = f"/jobs/{job_id}/review"
        self._headers = {} if key is None else {"X-Review-Key": key}

    def link(self, url: str, state: ReviewAnswer) -> str:
        key = state.key or self._headers.get("X-Review-Key", "")
        return f"{url.rstrip('/')}/?review={quote(state.job)}#{quote(key)}"

    def make(self, options: ReviewKeywords) -> JobRequest:
        """A review, or the one that there is already with these options."""
        return JobRequest("POST", self._path, body=dict(options), headers=self._headers)

    def show(self, words: int | None = None) -> JobRequest:
        return self._get("", {} if words is None else {"words": str(words)})

    def truth(self, format: TruthFormat, file: int | None, *, only_complete: bool) -> JobRequest:
        asked = {"format": format, "lines": "complete" if only_complete else "all"}
        return self._get("/truth", asked if file is None else {**asked, "file": str(file)})

    def picture(self, file: int, page: int) -> JobRequest:
        return self._get("/picture", {"file": str(file), "page": str(page)})

    def tasks(self, pictures: str) -> JobRequest:
        return self._get("/label-studio", {"pictures": pictures} if pictures else {})

    def annotated(self, tasks: Sequence[Mapping[str, Any]]) -> JobRequest:
        return JobRequest("POST", f"{self._path}/label-studio", body=list(tasks), headers=self._headers)

    def _get(self, path: str, params: Mapping[str, str]) -> JobRequest:
        return JobRequest("GET", f"{self._path}{path}", params, headers=self._headers)


def state_of(response: httpx.Response) -> ReviewAnswer:
    return ReviewAnswer.model_validate_json(response.content)


def rows_of(truth: bytes) -> list[dict[str, Any]]:
    """The rows of truth.jsonl."""
    return [json.loads(row) for row in truth.decode().splitlines()]
