"""Jobs that have ended, with pages that nobody had to read, for those who review them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import PIL.Image

from deployments.jobs.job import Job, JobFile, ended
from deployments.jobs.job_queue import JobQueue, KeptPage
from ocr.contract import LineAnswer, PageAnswer, WordAnswer
from tests.fakes.answers import box
from tests.fakes.service import text_answer

Said = tuple[str, float, dict[str, str]]
"""The text of a word, how sure it is, and what each engine read."""


def agreed(text: str, confidence: float = 0.95) -> Said:
    """A word that all engines read alike."""
    return text, confidence, dict.fromkeys(("tesseract", "paddleocr", "trocr"), text)


def disputed(text: str, other: str, confidence: float = 0.4) -> Said:
    """A word that one engine reads otherwise."""
    return text, confidence, {"tesseract": text, "paddleocr": other, "trocr": text}


def page_saying(*lines: Sequence[Said], page: int = 1) -> PageAnswer:
    """A page of 800 by 100 pixels a line, a word every 100 pixels."""
    answers = [_line(number, line) for number, line in enumerate(lines)]
    text = "\n".join(line.text for line in answers)
    characters = [
        {"character": letter, "confidence": word.confidence, "bounding_box": None}
        for line in answers
        for word in line.words
        for letter in word.text
    ]
    told = {**text_answer(text).model_dump(), "lines": answers, "characters": characters, "page": page}
    return PageAnswer.model_validate({**told, "width": 800, "height": 100 * len(lines)})


def _line(number: int, said: Sequence[Said]) -> LineAnswer:
    top = 100 * number + 20
    words = [
        WordAnswer(
            text=text, confidence=confidence, polygon=box(100 * place, top, 100 * place + 80, top + 40), votes=votes
        )
        for place, (text, confidence, votes) in enumerate(said)
    ]
    return LineAnswer(
        text=" ".join(word.text for word in words),
        confidence=0.8,
        polygon=box(0, top, 800, top + 40),
        block=0,
        words=words,
    )


def picture_of(page: PageAnswer) -> bytes:
    """A white page of its size, as a PNG file."""
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((page.height, page.width, 3), 255, np.uint8)).save(file, "PNG")
    return file.getvalue()


async def finished_job(
    queue: JobQueue, *pages: PageAnswer, owner: str = "10.0.0.1", job_id: str = "1", name: str = "letter.png"
) -> Job:
    """A job of one file with these pages, which has ended, in the store."""
    folder = queue_folder(job_id)
    async with queue.files.writing(f"{folder}/files/0") as writer:
        await writer.write(picture_of(pages[0]))
    numbers = tuple(page.page for page in pages)
    file = JobFile(
        name=name,
        path="files/0",
        size=100,
        page_numbers=numbers,
        page_count=len(pages),
        tokens=tuple(range(1, len(pages) + 1)),
    )
    for token, page in enumerate(pages, 1):
        kept = KeptPage(page.model_dump_json().encode(), None, (300.0, 300.0))
        await queue.files.write(f"{folder}/pages/0-{page.page}-{token}.json.gz", kept.packed())
    now = queue.now
    job = Job(
        id=job_id,
        owner=owner,
        folder=folder,
        digest="",
        options={"task": "text"},
        priority="batch",
        formats=("json",),
        files=(file,),
        created_at=now,
        started_at=now,
        expires_at=now + 3600.0,
        forget_at=now + 7200.0,
    )
    return await queue.add(ended(job, "succeeded", now))


def queue_folder(job_id: str) -> str:
    """Where the files of such a job lie."""
    return f"00000000000-{job_id}"
