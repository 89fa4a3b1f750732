"""What a review consists of as files: the pictures of its pages, what people said as truth, tasks for Label Studio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from deployments.gateway.formats import OutputFile, PagePicture, format_named
from deployments.gateway.jobs.corrected_pages import Decisions, decisions_by_page
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.reviews import label_studio
from deployments.gateway.reviews.reviews_api import Caller, Open, ReviewsApi
from deployments.gateway.reviews.truth import true_page, truth_row
from deployments.jobs.job_queue import Place
from deployments.review.asking import chances
from ocr.contract import PageAnswer
from ocr.errors import OutOfRange
from ocr.review_contract import ImportAnswer

_JSONL = "application/jsonl"
_SESSION = "label-studio"


class ReviewFiles:
    """Of the reviews of one Gateway."""

    def __init__(self, reviews: ReviewsApi, jobs: JobsApi) -> None:
        self._reviews = reviews
        self._jobs = jobs

    async def picture(self, caller: Caller, job_id: str, file: int, page: int) -> PagePicture:
        """A page as its words lie on it. Raises OutOfRange where there is no such page."""
        opened = await self._reviews.opened(caller, job_id)
        numbers = opened.job.files[file].page_numbers if file < len(opened.job.files) else None
        if numbers is None or page not in numbers:
            raise OutOfRange(f"the job has no page {page} of a file {file}", "GET /jobs/{job} tells how many it has")
        return await self._jobs.results.picture(opened.job, file, page)

    async def truth(
        self, caller: Caller, job_id: str, form: str, file: int | None, *, only_complete: bool
    ) -> OutputFile:
        """What people said. ALTO and PAGE are of one file, and have complete lines alone."""
        opened = await self._reviews.opened(caller, job_id)
        by_page = await asyncio.to_thread(decisions_by_page, opened.review)
        if form == "jsonl":
            return await self._rows(opened, file, by_page, only_complete=only_complete)
        if not only_complete:
            raise OutOfRange("ALTO and PAGE have complete lines alone", "ask for format=jsonl, or for lines=complete")
        return await self._true_document(opened, form, file, by_page)

    async def _rows(
        self, opened: Open, file: int | None, by_page: Mapping[Place, Decisions], *, only_complete: bool
    ) -> OutputFile:
        """A page after the other, each beside the event loop: a review may have hundreds of dense ones."""
        known = await asyncio.to_thread(chances, opened.queue, opened.review.decided)

        def row(place: Place, answer: PageAnswer) -> str:
            image, name = picture_name(opened, place), opened.job.files[place.file].name
            told = truth_row(image, name, answer, by_page[place], known, only_complete=only_complete)
            return json.dumps(told, ensure_ascii=False) + "\n" if told["lines"] else ""

        chosen = [place for place in by_page if file is None or place.file == file]
        rows = [await asyncio.to_thread(row, place, await self._reviews.page(opened.job, place)) for place in chosen]
        return OutputFile("".join(rows).encode(), _JSONL)

    async def _true_document(
        self, opened: Open, form: str, file: int | None, by_page: Mapping[Place, Decisions]
    ) -> OutputFile:
        if file is None and len(opened.job.files) > 1:
            raise OutOfRange(f"the job has {len(opened.job.files)} files", "choose one, as with file=0")
        number = file or 0
        thresholds = self._jobs.results.thresholds(opened.job)
        pages = [
            await asyncio.to_thread(true_page, await self._reviews.page(opened.job, place), by_page[place], thresholds)
            for place in by_page
            if place.file == number
        ]
        pages = [page for page in pages if page.lines]
        if not pages:
            raise OutOfRange("no line of this file is complete", "review all words of a line, or ask for format=jsonl")
        return await asyncio.to_thread(self._jobs.results.in_format, opened.job, number, pages, format_named(form))

    async def tasks(self, caller: Caller, job_id: str, pictures: str) -> AsyncIterator[bytes]:
        """A task for each page with a word that is asked, as a list in JSON that comes page by page."""
        opened = await self._reviews.opened(caller, job_id)
        return self._tasks(opened, await asyncio.to_thread(_asked_by_page, opened), pictures)

    async def _tasks(
        self, opened: Open, by_page: Mapping[Place, Mapping[tuple[int, int], int]], pictures: str
    ) -> AsyncIterator[bytes]:
        def task(place: Place, answer: PageAnswer) -> bytes:
            picture, name = f"{pictures}{picture_name(opened, place)}", opened.job.files[place.file].name
            return json.dumps(label_studio.task(picture, name, answer, by_page[place])).encode()

        before = b"["
        for place in by_page:
            yield before + await asyncio.to_thread(task, place, await self._reviews.page(opened.job, place))
            before = b",\n"
        yield b"]" if by_page else b"[]"

    async def require(self, caller: Caller, job_id: str) -> None:
        """Raises NotFound where there is no review, or none that this caller may see."""
        await self._reviews.opened(caller, job_id)

    async def annotated(self, caller: Caller, job_id: str, tasks: Sequence[Mapping[str, Any]]) -> ImportAnswer:
        """Keep what was annotated in Label Studio."""
        decisions = list((await asyncio.to_thread(label_studio.decisions_of, tasks)).values())
        answer = await self._reviews.keep(caller, job_id, _SESSION, "Label Studio", decisions)
        return ImportAnswer(kept=len(answer.kept), refused=answer.refused, review=answer.review)


def _asked_by_page(opened: Open) -> dict[Place, dict[tuple[int, int], int]]:
    """The numbers of the words that are asked, by line and word of each page."""
    by_page: dict[Place, dict[tuple[int, int], int]] = {}
    for number in sorted(opened.queue.numbers):
        place = opened.index.places[number]
        by_page.setdefault(Place(place.file, place.page), {})[place.line, place.word] = number
    return by_page


def picture_name(opened: Open, place: Place) -> str:
    """How the picture of a page is called beside the truth: no two pages of a job have the same name."""
    file = opened.job.files[place.file]
    return f"{place.file:04}-{PurePath(file.name).stem}-{file.page_number(place.index):04}.jpg"
