"""Jobs as the Gateway offers them: submit, look, fetch, cancel. Takes what was uploaded and options, so that routes in
other programs' protocols can use it as well; knows no HTTP.

While a job runs, what is done of it can be fetched page by page (`stream`); any format, when it has ended (`written`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from deployments.config.schema import LimitsConfig
from deployments.gateway import rendering
from deployments.gateway.documents.page_drawing import DrawnPage
from deployments.gateway.formats import OutputFile, OutputFormat, OutputPage, PagePicture, PdfPageText, format_named
from deployments.gateway.jobs.corrected_pages import Corrections, decisions_by_page
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits
from deployments.gateway.requests.options import parse, parse_known
from deployments.jobs.job import Callback, Job
from deployments.jobs.job_files import new_folder
from deployments.jobs.job_queue import JobQueue, KeptPage, Place, places
from fusion import Thresholds
from ocr.contract import (
    CharacterOptions,
    DocumentAnswer,
    DocumentOptions,
    FailedItem,
    FailedPage,
    PageAnswer,
    Problem,
)
from ocr.errors import Expired, InvalidRequest, NotFinished, NotReady, OutOfRange, TooLarge, TooManyPages
from ocr.job_contract import JobOptions, JobPause
from segmentation.files.rendered_page import in_parts

# How soon a page that was read is seen by who waits for it.
_LOOK_S = 0.5
_ASKED_OF_PAGES = ("task", "priority", "formats", "callback", "expires_s")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job, and whether it was there already under the same idempotency key."""

    job: Job
    is_repeated: bool


async def _is_shared() -> str:
    return ""


class JobsApi:
    """All of it, on one Gateway. `wake` tells a worker that something waits; `not_shared` says why a job that is kept
    here would not be seen on other nodes, "" where it would.
    """

    def __init__(
        self,
        queue: JobQueue,
        readings: ReadingApi,
        wake: Callable[[], None] = lambda: None,
        not_shared: Callable[[], Awaitable[str]] = _is_shared,
    ) -> None:
        self.queue = queue
        self._readings = readings
        self._wake = wake
        self._not_shared = not_shared

    @property
    def upload_limits(self) -> UploadLimits:
        limits = self._readings.limits
        return UploadLimits(limits.max_job_bytes, limits.max_bytes, self.queue.config.max_files)

    async def require_room(self, owner: str, size: int) -> None:
        """Raises RateLimited where this caller may submit nothing now, before anything is uploaded."""
        await self.queue.require_room(owner, size)

    async def require_shared(self) -> None:
        """Raises NotReady where not every node would see a job."""
        problem = await self._not_shared()
        if problem:
            raise NotReady(problem, "set REDIS_URL, and JOBS_FILES to what all nodes share (docs/operations.md)", 60.0)

    def new_folder(self) -> str:
        """Where the files of a new job go."""
        return new_folder(self.queue.now)

    async def submit(self, owner: str, folder: str, upload: KeptUpload, key: str | None = None) -> Submitted:
        """Keep a job whose files are in `folder`. Under the same `key` the same request is the same job. Raises what is
        wrong with its options, and RateLimited; then the caller deletes the folder.
        """
        options = parse(JobOptions, upload.fields)
        asked = self._checked(options)
        digest = hashlib.sha256(f"{upload.digest}\n{options.model_dump_json()}".encode()).hexdigest()
        now, limits = self.queue.now, self.queue.config
        expires_at = now + min(options.expires_s or limits.expires_s, limits.max_expires_s)
        callback = options.callback
        job = Job(
            id=_id_of(owner, key),
            owner=owner,
            folder=folder,
            digest=digest,
            options={"task": options.task, **asked},
            priority=options.priority,
            formats=options.formats,
            files=upload.files,
            created_at=now,
            expires_at=expires_at,
            forget_at=expires_at + limits.remembered_s,
            callback=None if callback is None else Callback(url=callback.url, secret=callback.secret),
        )
        kept = await self.queue.add(job)
        if kept.folder == folder:
            self._wake()
            return Submitted(kept, is_repeated=False)
        if kept.digest != digest:
            raise OutOfRange("another job was submitted under this Idempotency-Key", "make a new key for each job")
        await self.queue.files.remove(folder)
        return Submitted(kept, is_repeated=True)

    def _checked(self, options: JobOptions) -> dict[str, object]:
        """What is asked of each page. Raises what is not allowed, before anything waits for it."""
        asked = options.model_dump(mode="json", exclude=set(_ASKED_OF_PAGES), exclude_none=True)
        if options.expires_s is not None and options.expires_s > self.queue.config.max_expires_s:
            most = self.queue.config.max_expires_s
            raise OutOfRange(f"expires_s is {options.expires_s:g}; the limit is {most:g}", "fetch the result before")
        for name in options.formats:
            format_named(name)
        if options.task == "character":
            self._readings.check_character(parse(CharacterOptions, asked))
        else:
            self._readings.check_text(parse(DocumentOptions, asked))
        return asked

    async def get(self, owner: str, job_id: str) -> Job:
        """The job, if it is this caller's. Raises NotFound."""
        return await self.queue.get(owner, job_id)

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        """This caller's jobs, the newest first."""
        return await self.queue.store.of_owner(owner, before, most)

    async def cancel(self, owner: str, job_id: str) -> Job:
        """Stop and delete; see JobQueue.cancel."""
        return await self.queue.cancel(owner, job_id)

    async def with_results(self, owner: str, job_id: str) -> Job:
        """The job, if anything was read. Raises Expired when that is deleted, NotFinished when nothing was yet."""
        job = await self.get(owner, job_id)
        if not job.holds_content or job.is_discarded:
            raise Expired(f"what this job held is deleted: it is {job.state}", "submit it again")
        if not job.has_ended and not places(job):
            raise NotFinished("no page of this job is read yet", "ask again later; GET /jobs/{id} tells how far it is")
        return job

    async def stream(
        self, owner: str, job: Job, resume: str | None, wait_s: float, *, corrected: bool = True
    ) -> AsyncIterator[bytes]:
        """What was read, a line of NDJSON for each page in order, from behind `resume` on; waits up to `wait_s` for
        more. The last line says where to go on, or that it is the end. Raises Expired when it is deleted meanwhile.
        """
        place = place_of(resume)
        until = self.queue.now + wait_s
        while True:
            corrections = self._corrections(job, corrected=corrected)
            async for at, page in self.queue.pages(job, place):
                place = at
                if isinstance(page, KeptPage):
                    page = await asyncio.to_thread(corrections.applied, at, page)
                yield _line(job, at, page)
            if job.has_ended or self.queue.now >= until:
                break
            await asyncio.sleep(_LOOK_S)
            job = await self.with_results(owner, job.id)
        pause = JobPause(
            end=job.has_ended,
            resume=_resume(place),
            state=job.state,
            pages_done=job.pages_done,
            pages_total=job.pages_total,
        )
        yield pause.model_dump_json().encode() + b"\n"

    async def written(
        self, job: Job, output_format: OutputFormat, file: int | None, pages: str | None, *, corrected: bool = True
    ) -> Written:
        """What was read of one file, in a format, with what people corrected unless it is asked for without. Raises
        NotFinished while the job runs, TooManyPages for more than one answer may hold, and what is wrong with the file.
        """
        if not job.has_ended:
            raise NotFinished(f"the job is {job.state}", "ask for NDJSON, which has the pages that are done, or wait")
        number = _file_number(job, file)
        problem = job.files[number].problem
        if problem is not None:
            raise InvalidRequest(f"nothing of this file could be read: {problem.message}", problem.hint)
        chosen = _chosen(job, number, pages)
        corrections = self._corrections(job, corrected=corrected)
        keeps_pdf = output_format.text_layers is not None and await self._is_pdf(job, chosen)
        if keeps_pdf:
            return await self._with_layers(job, number, chosen, output_format, corrections)
        limits = self._readings.limits
        if len(chosen) > limits.max_pages:
            message = f"{len(chosen)} pages are more than the {limits.max_pages} that one answer holds"
            raise TooManyPages(message, in_parts(limits.max_pages), limits.max_pages)
        kept = [corrections.applied(place, await self.queue.page(job, place)) for place in chosen]
        pictures = await self._pictures(job, number, chosen, limits) if output_format.needs_picture else {}
        return await asyncio.to_thread(self._write, job, number, kept, output_format, pictures)

    def _write(
        self,
        job: Job,
        number: int,
        kept: Sequence[KeptPage],
        output_format: OutputFormat,
        pictures: dict[int, PagePicture],
    ) -> Written:
        """Beside the event loop: a hundred dense pages take seconds."""
        if job.task == "character":
            raise OutOfRange("a job of characters is fetched as NDJSON", "ask with Accept: application/x-ndjson")
        answers = [kept_answer(page) for page in kept]
        document = self._document(job, number, answers)
        failed = tuple(answer.page for answer in answers if isinstance(answer, FailedPage))
        if output_format.can_hold_failures:
            return Written(output_format.write(document, []), failed)
        read = [
            self._output_page(job, number, answer, page, pictures.get(answer.page))
            for answer, page in zip(answers, kept, strict=True)
            if isinstance(answer, PageAnswer)
        ]
        output = output_format.write(document, read)
        return Written(replace(output, illegible_lines=document.illegible_lines), failed)

    def _output_page(
        self, job: Job, number: int, answer: PageAnswer, kept: KeptPage, picture: PagePicture | None = None
    ) -> OutputPage:
        options = self._options(job)
        name, pdf = job.files[number].name, _pdf_text(kept)
        return OutputPage(answer.page, answer, picture, pdf, options.illegible, name, kept.dpi)

    def _document(self, job: Job, number: int, answers: Sequence[PageAnswer | FailedPage]) -> DocumentAnswer:
        request = self._readings.text_request(self._options(job))
        spent_ms = 1000.0 * ((job.finished_at or 0.0) - (job.started_at or 0.0))
        return rendering.document_of_pages(answers, job.files[number].page_count, request, spent_ms)

    async def _is_pdf(self, job: Job, chosen: Sequence[Place]) -> bool:
        """Whether the pages are of a PDF: the first that was read, which has a resolution, says so."""
        for place in chosen:
            page = await self.queue.page(job, place)
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
        failed: list[int] = []
        illegible = 0
        loop = asyncio.get_running_loop()

        def pages() -> Iterator[OutputPage]:
            nonlocal illegible
            for place in chosen:
                kept = asyncio.run_coroutine_threadsafe(self.queue.page(job, place), loop).result()
                kept = corrections.applied(place, kept)
                answer = kept_answer(kept)
                if isinstance(answer, FailedPage):
                    failed.append(answer.page)
                    continue
                illegible += answer.illegible_lines
                yield self._output_page(job, number, answer, kept)

        layers = await asyncio.to_thread(form.text_layers, pages())
        async with self.queue.on_disk(job, number) as path:
            pdf = await asyncio.to_thread(path.read_bytes)
        content = await self._readings.documents.with_text_layers(pdf, layers, limits)
        return Written(OutputFile(content, form.media_type, illegible), tuple(failed))

    async def _pictures(
        self, job: Job, number: int, chosen: Sequence[Place], limits: LimitsConfig
    ) -> dict[int, PagePicture]:
        """The pages as pictures to lay text over, drawn from the file again."""
        wanted = ",".join(str(job.files[number].page_number(place.index)) for place in chosen)
        options = self._options(job).model_copy(update={"pages": wanted})
        async with self.queue.on_disk(job, number) as path:
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
        return output_format.write(self._document(job, file, answers), pages)

    def thresholds(self, job: Job) -> Thresholds:
        """By which the answers of a job are judged."""
        return self._readings.text_request(self._options(job)).profile.thresholds

    def _corrections(self, job: Job, *, corrected: bool) -> Corrections:
        if job.review is None or not corrected:
            return Corrections({}, Thresholds())
        options = self._options(job)
        by_page = decisions_by_page(job.review)
        return Corrections(by_page, self.thresholds(job), options.regions or (), illegible=options.illegible)

    def _options(self, job: Job) -> DocumentOptions:
        return parse_known(DocumentOptions, job.options)


@dataclass(frozen=True, slots=True)
class Written:
    """A result in a format, and the numbers of the pages that are missing in it because they could not be read."""

    output: OutputFile
    failed_pages: tuple[int, ...] = ()


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
    ranges = [_range(part, numbers[-1] if numbers else 0) for part in pages.split(",")]
    chosen = [
        Place(number, index)
        for index, page in enumerate(numbers)
        if any(first <= page <= last for first, last in ranges)
    ]
    if not chosen:
        raise OutOfRange(f"pages={pages}: the job has none of them", "ask for pages that were submitted")
    return chosen


def _range(part: str, last_page: int) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    return int(first), int(last) if last else last_page if dash else int(first)


def kept_answer(kept: KeptPage) -> PageAnswer | FailedPage:
    """What was read of a page."""
    told = json.loads(kept.answer)
    return FailedPage.model_validate(told) if told.get("success") is False else PageAnswer.model_validate(told)


def _pdf_text(kept: KeptPage) -> PdfPageText | None:
    return None if kept.pdf is None else PdfPageText(**kept.pdf)


def _id_of(owner: str, key: str | None) -> str:
    """A new id; under a key always the same, and one that nobody else can have."""
    if key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{len(owner)} {owner} {key}".encode()).hexdigest()[:32]
