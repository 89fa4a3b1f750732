"""What a review consists of as files: the pictures of its pages, what people said as truth, tasks for Label Studio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
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
        by_page = decisions_by_page(opened.review)
        chosen = [place for place in by_page if file is None or place.file == file]
        if form == "jsonl":
            known = await asyncio.to_thread(chances, opened.queue, opened.review.decided)
            rows = [
                truth_row(
                    picture_name(opened, place),
                    opened.job.files[place.file].name,
                    await self._reviews.page(opened.job, place),
                    by_page[place],
                    known,
                    only_complete=only_complete,
                )
                for place in chosen
            ]
            written = [json.dumps(row, ensure_ascii=False) for row in rows if row["lines"]]
            return OutputFile("".join(f"{row}\n" for row in written).encode(), _JSONL)
        if not only_complete:
            raise OutOfRange("ALTO and PAGE have complete lines alone", "ask for format=jsonl, or for lines=complete")
        return await self._true_document(opened, form, file, by_page)

    async def _true_document(
        self, opened: Open, form: str, file: int | None, by_page: Mapping[Place, Decisions]
    ) -> OutputFile:
        if file is None and len(opened.job.files) > 1:
            raise OutOfRange(f"the job has {len(opened.job.files)} files", "choose one, as with file=0")
        number = file or 0
        thresholds = self._jobs.results.thresholds(opened.job)
        pages = [
            true_page(await self._reviews.page(opened.job, place), by_page[place], thresholds)
            for place in by_page
            if place.file == number
        ]
        pages = [page for page in pages if page.lines]
        if not pages:
            raise OutOfRange("no line of this file is complete", "review all words of a line, or ask for format=jsonl")
        return await asyncio.to_thread(self._jobs.results.in_format, opened.job, number, pages, format_named(form))

    async def tasks(self, caller: Caller, job_id: str, pictures: str) -> list[dict[str, Any]]:
        """A task for each page with a word that is asked."""
        opened = await self._reviews.opened(caller, job_id)
        by_page: dict[Place, dict[tuple[int, int], int]] = {}
        for number in sorted(opened.queue.numbers):
            place = opened.index.places[number]
            by_page.setdefault(Place(place.file, place.page), {})[place.line, place.word] = number
        return [
            label_studio.task(
                f"{pictures}{picture_name(opened, place)}",
                opened.job.files[place.file].name,
                await self._reviews.page(opened.job, place),
                numbers,
            )
            for place, numbers in by_page.items()
        ]

    async def annotated(self, caller: Caller, job_id: str, tasks: Sequence[Mapping[str, Any]]) -> ImportAnswer:
        """Keep what was annotated in Label Studio."""
        decisions = list((await asyncio.to_thread(label_studio.decisions_of, tasks)).values())
        answer = await self._reviews.keep(caller, job_id, _SESSION, "Label Studio", decisions)
        return ImportAnswer(kept=len(answer.kept), refused=answer.refused, review=answer.review)


def picture_name(opened: Open, place: Place) -> str:
    """How the picture of a page is called beside the truth: no two pages of a job have the same name."""
    file = opened.job.files[place.file]
    return f"{place.file:04}-{PurePath(file.name).stem}-{file.page_number(place.index):04}.jpg"
