"""What was read of a job, as the Gateway gives it: page by page while the job runs (`stream`), and in any format when
it has ended (`written`). Knows no HTTP.

Every format is written a page at a time, however many pages there are.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from deployments.config.schema import LimitsConfig
from deployments.gateway import rendering
from deployments.gateway.documents.page_drawing import DrawnPage
from deployments.gateway.formats import OutputFile, OutputFormat, OutputPage, PagePicture, PdfPageText
from deployments.gateway.formats.document_totals import DocumentTotals
from deployments.gateway.formats.output_format import DocumentHead, PageByPage, document_name
from deployments.gateway.jobs.corrected_pages import Corrections, decisions_by_page
from deployments.gateway.jobs.job_changes import JobChanges
from deployments.gateway.jobs.result_turns import ResultTurns
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.options import parse_known
from deployments.jobs.job import OPENING, Job
from deployments.jobs.job_queue import JobQueue, KeptPage, Place, places
from deployments.replica.counted import counted
from fusion import Thresholds
from ocr.contract import DocumentAnswer, DocumentOptions, FailedItem, FailedPage, PageAnswer, Problem
from ocr.errors import (
    DeadlineExceeded,
    Expired,
    InvalidRequest,
    NotFinished,
    OutOfRange,
    Overloaded,
    TooLarge,
)
from ocr.job_contract import JobPause

_WAITING_OF_ONE_CALLER = 32
_RETRY_S = 5.0
# Pages that are looked through in one turn at the processors, some milliseconds each.
_LOOKED_THROUGH = 16


@dataclass(frozen=True, slots=True)
class Written:
    """A result in a format, whole or in parts that are made when they are asked for; how many lines of it nobody can
    read; and the numbers of the pages that are missing because they could not be read.
    """

    content: bytes | AsyncIterator[bytes]
    media_type: str
    illegible_lines: int = 0
    failed_pages: tuple[int, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What was noted of pages: the numbers of those that were read, and of those that were not."""

    read: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)
    illegible_lines: int = 0


class JobResults:
    """The results of all jobs, on one Gateway. Those that are written elsewhere take their `turns` too."""

    def __init__(self, queue: JobQueue, readings: ReadingApi) -> None:
        self._queue = queue
        self._readings = readings
        self.turns = ResultTurns(readings.processors, readings.asker_named)
        self._changes = JobChanges(queue)
        self._waiting: Counter[str] = Counter()

    async def of(self, owner: str, job_id: str) -> Job:
        """The job, if anything was read. Raises Expired when that is deleted, NotFinished when nothing was yet."""
        job = await self._queue.get(owner, job_id)
        require_content(job)
        if not job.has_ended and not places(job):
            raise NotFinished("no page of this job is read yet", "ask again later; GET /jobs/{id} tells how far it is")
        return job

    def require_room_to_wait(self, owner: str) -> None:
        """Raises Overloaded where this caller waits for as many results already as one may."""
        if self._waiting[owner] >= _WAITING_OF_ONE_CALLER:
            raise Overloaded(
                f"{_WAITING_OF_ONE_CALLER} requests of yours wait for pages, as many as one caller may have",
                "ask again without wait_s, or when one of them is answered",
                _RETRY_S,
            )

    async def stream(
        self, owner: str, job: Job, resume: str | None, wait_s: float, *, corrected: bool = True
    ) -> AsyncIterator[bytes]:
        """What was read, a line of NDJSON for each page in order, from behind `resume` on; waits up to `wait_s` for
        more. The last line says where to go on, or that it is the end. Raises Expired when it is deleted meanwhile.
        """
        place = place_of(resume)
        until = self._queue.now + wait_s
        with self._noted_as_waiting(owner, wait_s):
            while True:
                corrections = self._corrections(job, corrected=corrected)
                for at in places(job, place):
                    async with self.turns.piece(owner):
                        line = await self._line(job, at, corrections)
                    place = at
                    yield line
                if job.has_ended or self._queue.now >= until:
                    break
                job = await self._changes.after(job)
                require_content(job)
        pause = JobPause(
            end=job.has_ended,
            resume=_resume(place),
            state=job.state,
            pages_done=job.pages_done,
            pages_total=job.pages_total,
        )
        yield pause.model_dump_json().encode() + b"\n"

    async def _line(self, job: Job, place: Place, corrections: Corrections) -> bytes:
        outcome = await self._queue.outcome(job, place)
        if isinstance(outcome, KeptPage):
            outcome = await asyncio.to_thread(corrections.applied, place, outcome)
        return _line(job, place, outcome)

    def _noted_as_waiting(self, owner: str, wait_s: float) -> AbstractContextManager[None]:
        return counted(self._waiting, owner) if wait_s else nullcontext()

    async def ended(self, owner: str, job_id: str, wait_s: float) -> Job:
        """The job, once it has ended. Raises DeadlineExceeded when it has not after `wait_s`, Expired, and
        Overloaded where this caller waits for too many.
        """
        self.require_room_to_wait(owner)
        until = self._queue.now + wait_s
        job = await self._queue.get(owner, job_id)
        with self._noted_as_waiting(owner, wait_s):
            while not job.has_ended:
                if self._queue.now >= until:
                    message = f"the document is not read yet: {job.pages_done} of {job.pages_total or '?'} pages are"
                    raise DeadlineExceeded(message, "ask again; reading goes on meanwhile", 1.0)
                job = await self._changes.after(job)
        require_content(job)
        return job

    def pages(self, job: Job, file: int, chosen: str | None = None) -> AsyncIterator[OutputPage | FailedPage]:
        """What was read of one file, a page after the other, with what people corrected; `chosen` are the numbers of
        the pages, all by default. Raises OutOfRange when there is none of them, and, later, Expired when it is deleted
        meanwhile.
        """
        return self._pages(job, file, _chosen(job, file, chosen))

    async def _pages(self, job: Job, file: int, chosen: Sequence[Place]) -> AsyncIterator[OutputPage | FailedPage]:
        corrections = self._corrections(job)
        for place in chosen:
            kept = await self._queue.page(job, place)
            answer = await asyncio.to_thread(corrections.answer, place, kept)
            yield answer if isinstance(answer, FailedPage) else self._output_page(job, file, answer, kept)

    async def written(
        self, job: Job, output_format: OutputFormat, file: int | None, pages: str | None, *, corrected: bool = True
    ) -> Written:
        """What was read of one file, in a format, with what people corrected unless it is asked for without. Raises
        NotFinished while the job runs, TooLarge for a PDF that is, and what is wrong with the file.
        """
        if not job.has_ended:
            raise NotFinished(f"the job is {job.state}", "ask for NDJSON, which has the pages that are done, or wait")
        if job.task == "character":
            raise OutOfRange("a job of characters is fetched as NDJSON", "ask with Accept: application/x-ndjson")
        number = _file_number(job, file)
        problem = job.files[number].problem
        if problem is not None:
            raise InvalidRequest(f"nothing of this file could be read: {problem.message}", problem.hint)
        chosen = _chosen(job, number, pages)
        corrections = self._corrections(job, corrected=corrected)
        async with self.turns.whole(job.owner, self._readings.limits.timeout_s):
            return await self._written(job, number, chosen, output_format, corrections)

    async def _written(
        self, job: Job, number: int, chosen: Sequence[Place], output_format: OutputFormat, corrections: Corrections
    ) -> Written:
        if output_format.answer_parts is not None:
            return await self._as_answer(job, number, chosen, output_format, corrections)
        if output_format.text_layers is not None and await self._is_pdf(job, chosen):
            return await self._with_layers(job, number, chosen, output_format, corrections)
        if output_format.by_page is not None:
            return await self._by_page(job, number, chosen, output_format, output_format.by_page, corrections)
        raise OutOfRange(f"{output_format.name} is not written page by page", "fetch another format, such as json")

    async def _by_page(
        self,
        job: Job,
        number: int,
        chosen: Sequence[Place],
        form: OutputFormat,
        by_page: PageByPage,
        corrections: Corrections,
    ) -> Written:
        """Any number of pages, of which one is in memory at a time; a file of pictures is there before it is sent,
        because it may be refused.
        """
        seen = await self._looked_through(job, chosen)
        name = document_name(job.files[number].name, seen.read)
        document = self._document(job, number, DocumentTotals())
        head = DocumentHead(document, sorted(seen.languages), name, corrections.reviewers(chosen))
        loop = asyncio.get_running_loop()
        take = self._pictured_pages if form.needs_picture else self._read_pages
        parts = by_page.parts(head, take(job, chosen, corrections, loop))
        whole = await self.turns.joined(job.owner, parts) if form.needs_picture else None
        content = self.turns.parts(job.owner, parts) if whole is None else whole
        return Written(content, by_page.media_type, seen.illegible_lines, tuple(seen.failed))

    async def _as_answer(
        self, job: Job, number: int, chosen: Sequence[Place], form: OutputFormat, corrections: Corrections
    ) -> Written:
        """The answer to the document itself, in the same way."""
        assert form.answer_parts is not None
        seen = await self._looked_through(job, chosen)
        answers = self._answers(job, chosen, corrections, asyncio.get_running_loop())
        parts = form.answer_parts(answers, partial(self._document, job, number))
        content = self.turns.parts(job.owner, parts)
        return Written(content, form.media_type, seen.illegible_lines, tuple(seen.failed))

    async def _looked_through(self, job: Job, chosen: Sequence[Place]) -> _Seen:
        """What is to be said before the first page is written."""
        seen = _Seen()
        for start in range(0, len(chosen), _LOOKED_THROUGH):
            async with self.turns.computing(job.owner):
                for place in chosen[start : start + _LOOKED_THROUGH]:
                    kept = await self._queue.page(job, place)
                    seen.illegible_lines += kept.illegible_lines
                    seen.languages.update(kept.languages)
                    pages = seen.failed if kept.is_failed else seen.read
                    pages.append(job.files[place.file].page_number(place.index))
        return seen

    def _read_pages(
        self, job: Job, chosen: Sequence[Place], corrections: Corrections, loop: asyncio.AbstractEventLoop
    ) -> Iterator[OutputPage]:
        """Those that could be read, one after another. For another thread than the loop's."""
        for place in chosen:
            kept = asyncio.run_coroutine_threadsafe(self._queue.page(job, place), loop).result()
            answer = corrections.answer(place, kept)
            if isinstance(answer, PageAnswer):
                yield self._output_page(job, place.file, answer, kept)

    def _answers(
        self, job: Job, chosen: Sequence[Place], corrections: Corrections, loop: asyncio.AbstractEventLoop
    ) -> Iterator[PageAnswer | FailedPage]:
        """All of them, also those that could not be read. For another thread than the loop's."""
        for place in chosen:
            kept = asyncio.run_coroutine_threadsafe(self._queue.page(job, place), loop).result()
            yield corrections.answer(place, kept)

    def _pictured_pages(
        self, job: Job, chosen: Sequence[Place], corrections: Corrections, loop: asyncio.AbstractEventLoop
    ) -> Iterator[OutputPage]:
        """The same with their pictures, drawn from the file again, as many at a time as one request may have. Raises
        TooLarge when all pictures together are more than what a Gateway may have in memory.
        """
        limits, drawn_bytes = self._readings.limits, 0
        for start in range(0, len(chosen), limits.max_pages):
            batch = chosen[start : start + limits.max_pages]
            drawing = self._pictures(job, batch[0].file, batch, limits)
            pictures = asyncio.run_coroutine_threadsafe(drawing, loop).result()
            for page in self._read_pages(job, batch, corrections, loop):
                picture = pictures.pop(page.number, None)
                if picture is None:
                    raise InvalidRequest(f"page {page.number} cannot be drawn again", "fetch another format")
                drawn_bytes += len(picture.content)
                if drawn_bytes > limits.max_bodies_mb * 1e6:
                    most = f"up to page {page.number} the PDF has more than {limits.max_bodies_mb:g} MB of pictures"
                    raise TooLarge(most, "fetch it in parts, as pages=1-100, or in another format")
                yield replace(page, picture=picture)

    def _output_page(self, job: Job, number: int, answer: PageAnswer, kept: KeptPage) -> OutputPage:
        pdf = None if kept.pdf is None else PdfPageText(**kept.pdf)
        illegible = self._options(job).illegible
        return OutputPage(answer.page, answer, None, pdf, illegible, job.files[number].name, kept.dpi)

    def _document(self, job: Job, number: int, totals: DocumentTotals) -> DocumentAnswer:
        """What is told of all pages, without them and without texts."""
        request = self._readings.text_request(self._options(job))
        spent_ms = 1000.0 * ((job.finished_at or 0.0) - (job.started_at or 0.0))
        return rendering.document_of_totals(totals, job.files[number].page_count, request, spent_ms)

    async def _is_pdf(self, job: Job, chosen: Sequence[Place]) -> bool:
        """Whether the pages are of a PDF: the first that was read, which has a resolution, says so."""
        for place in chosen:
            page = await self._queue.page(job, place)
            if page.dpi is not None:
                return page.pdf is not None
        return False

    async def _with_layers(
        self, job: Job, number: int, chosen: Sequence[Place], form: OutputFormat, corrections: Corrections
    ) -> Written:
        """The PDF with the text of its pages, however many they are: one after another is looked at."""
        assert form.text_layers is not None
        limits, size = self._readings.limits, job.files[number].size
        if size > limits.max_bodies_mb * 1e6:
            most = limits.max_bodies_mb
            raise TooLarge(f"the PDF has {size} bytes; one with its text may have {most:g} MB", "fetch another format")
        seen = await self._looked_through(job, chosen)
        pages = self._read_pages(job, chosen, corrections, asyncio.get_running_loop())
        layers = await self.turns.beside(job.owner, partial(form.text_layers, pages))
        async with self._queue.on_disk(job, number) as path:
            pdf = await asyncio.to_thread(path.read_bytes)
        content = await self._readings.documents.with_text_layers(pdf, layers, limits)
        return Written(content, form.media_type, seen.illegible_lines, tuple(seen.failed))

    async def _pictures(
        self, job: Job, number: int, chosen: Sequence[Place], limits: LimitsConfig
    ) -> dict[int, PagePicture]:
        """The pages as pictures to lay text over, drawn from the file again."""
        wanted = ",".join(str(job.files[number].page_number(place.index)) for place in chosen)
        options = self._options(job).model_copy(update={"pages": wanted})
        async with self._queue.on_disk(job, number) as path:
            opened = self._readings.documents.opened(
                path, options, limits, limits.timeout_s, files=False, pictures=True
            )
            async with opened as document:
                drawn = [page async for page in document.pages()]
        return {page.number: page.picture for page in drawn if isinstance(page, DrawnPage) and page.picture is not None}

    async def picture(self, job: Job, file: int, page: int) -> PagePicture:
        """A page as its words lie on it. Raises InvalidRequest where it cannot be drawn."""
        [place] = _chosen(job, file, str(page))
        pictures = await self._pictures(job, file, [place], self._readings.limits)
        if page not in pictures:
            raise InvalidRequest(f"page {page} cannot be drawn again", "open the file itself")
        return pictures[page]

    def in_format(self, job: Job, file: int, answers: Sequence[PageAnswer], output_format: OutputFormat) -> OutputFile:
        """Some pages of a file in a format that needs no pictures. Takes seconds for many."""
        options = self._options(job)
        name = job.files[file].name
        pages = [OutputPage(answer.page, answer, illegible=options.illegible, file_name=name) for answer in answers]
        return output_format.write(self._document(job, file, _totals_of(answers)), pages)

    def thresholds(self, job: Job) -> Thresholds:
        """By which the answers of a job are judged."""
        return self._readings.text_request(self._options(job)).profile.thresholds

    def _corrections(self, job: Job, *, corrected: bool = True) -> Corrections:
        if job.review is None or not corrected:
            return Corrections({}, Thresholds())
        options = self._options(job)
        by_page = decisions_by_page(job.review)
        return Corrections(by_page, self.thresholds(job), options.regions or (), illegible=options.illegible)

    def _options(self, job: Job) -> DocumentOptions:
        return parse_known(DocumentOptions, job.options)


def _totals_of(answers: Iterable[PageAnswer | FailedPage]) -> DocumentTotals:
    totals = DocumentTotals()
    for answer in answers:
        totals.add(answer)
    return totals


def require_content(job: Job) -> None:
    """Raises Expired when the files of a job and what was read of them are deleted."""
    if not job.holds_content or job.is_discarded:
        raise Expired(f"what this job held is deleted: it is {job.state}", "submit it again")


def place_of(resume: str | None) -> Place | None:
    """The place that a resume token stands for. Raises OutOfRange."""
    if not resume:
        return None
    try:
        file, index = map(int, resume.split("."))
    except ValueError as error:
        raise OutOfRange(
            f"{resume[:40]!r} is no resume token", "send back `resume` of the line that came last"
        ) from error
    if file < 0 or index < OPENING:
        raise OutOfRange(f"{resume[:40]!r} is no resume token", "send back `resume` of the line that came last")
    return Place(file, index)


def _resume(place: Place | None) -> str:
    return "" if place is None else f"{place.file}.{place.index}"


def _line(job: Job, place: Place, page: KeptPage | Problem) -> bytes:
    """What the contract calls JobPage, around an answer that is JSON already."""
    answer = page.answer if isinstance(page, KeptPage) else FailedItem(error=page).model_dump_json().encode()
    head = {"file": place.file, "name": job.files[place.file].name, "resume": _resume(place)}
    return json.dumps(head).encode()[:-1] + b', "answer": ' + answer + b"}\n"


def _file_number(job: Job, file: int | None) -> int:
    if file is None and len(job.files) > 1:
        raise OutOfRange(f"the job has {len(job.files)} files", "choose one, as with file=0; NDJSON has all of them")
    number = file or 0
    if not 0 <= number < len(job.files):
        raise OutOfRange(f"there is no file {number}", f"the job has the files 0 to {len(job.files) - 1}")
    return number


def _chosen(job: Job, number: int, pages: str | None) -> list[Place]:
    """The pages of a file by their numbers; those of them that the job was asked for."""
    file = job.files[number]
    numbers = file.page_numbers or ()
    if pages is None:
        return [Place(number, index) for index in range(len(numbers))]
    ranges = _merged(_range(part, numbers[-1] if numbers else 0) for part in pages.split(","))
    firsts = [first for first, _ in ranges]
    chosen = [
        Place(number, index)
        for index, page in enumerate(numbers)
        if (at := bisect_right(firsts, page)) and page <= ranges[at - 1][1]
    ]
    if not chosen:
        raise OutOfRange(f"pages={pages}: the job has none of them", "ask for pages that were submitted")
    return chosen


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in ranges that do not overlap, in order: a request may name thousands."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _range(part: str, last_page: int) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    return int(first), int(last) if last else last_page if dash else int(first)
