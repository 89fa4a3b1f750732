"""How long a page takes whose caller waits, alone and beside jobs: `python -m benchmarks.jobs`.

The whole application runs on this machine with one stub engine, which sleeps a fixed time for each batch of lines; the
rest is the real thing, also the segmentation, which computes. Every caller has a key of its own. Times are seconds.

    a person      one page after the other, POST /predict_text
    jobs          twenty callers with a job of many pages each, priority batch
    a long job    one caller with a job of 10,000 pages; another one submits jobs of a single page
"""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pikepdf
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import URL, wait_until
from benchmarks.harness.stub_cluster import Stubs, stub_cluster
from evaluation.environment import as_table, environment
from evaluation.markdown import document

SERVICE_S = 0.1
BATCH = 8
LINES = 10
CALLERS = 20
PAGES_EACH = 200
LONG_PAGES = 10_000
_PERSON, _OTHER = "person", "other"
_READY_S = 120.0
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """How long each of some pages took, and how many pages of jobs were read a second meanwhile."""

    name: str
    seconds: tuple[float, ...]
    job_pages_per_s: float = 0.0

    def row(self, alone: Sample) -> str:
        median, worst = statistics.median(self.seconds), max(self.seconds)
        ratio = median / statistics.median(alone.seconds)
        figures = f"{median:.2f} | {worst:.2f} | {ratio:.2f} | {self.job_pages_per_s:.2f}"
        return f"| {self.name} | {len(self.seconds)} | {figures} |"


def page_picture() -> PIL.Image.Image:
    """A page with `LINES` lines."""
    picture = PIL.Image.new("L", (640, 60 + 36 * LINES), "white")
    draw = PIL.ImageDraw.Draw(picture)
    for line in range(LINES):
        draw.text((30, 30 + 36 * line), f"line {line} of a page", fill="black", font=PIL.ImageFont.load_default(22))
    return picture


def as_png(picture: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def as_pdf(picture: PIL.Image.Image, pages: int) -> bytes:
    """The same picture on every page, once in the file."""
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=90)
    with pikepdf.new() as pdf:
        image = pikepdf.Stream(pdf, jpeg.getvalue(), Filter=pikepdf.Name.DCTDecode)
        image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        image.Width, image.Height = picture.size
        image.ColorSpace, image.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        shared = pdf.make_indirect(image)
        width, height = (side * 0.5 for side in picture.size)
        for _ in range(pages):
            page = pdf.add_blank_page(page_size=(width, height))
            page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=shared))
            page.obj.Contents = pdf.make_stream(f"q {width} 0 0 {height} 0 0 cm /Im0 Do Q".encode())
        file = io.BytesIO()
        pdf.save(file)
    return file.getvalue()


def asked(key: str, method: str, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401 - of httpx
    response = httpx.request(method, f"{URL}{path}", headers={"X-API-Key": key}, timeout=120.0, **sent)
    response.raise_for_status()
    return response


def submit(key: str, pdf: bytes) -> str:
    answer = asked(key, "POST", "/jobs", files={"file": ("book.pdf", pdf)}, data={"existing_text": "redo"})
    return str(answer.json()["id"])


def job(key: str, job_id: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = asked(key, "GET", f"/jobs/{job_id}").json()
    return answer


def wait_for(key: str, job_id: str, is_so: Callable[[Mapping[str, Any]], bool]) -> None:
    wait_until(lambda: is_so(job(key, job_id)), _READY_S, lambda: f"job {job_id} did not come so far", every_s=_LOOK_S)


def page_seconds(png: bytes, count: int) -> tuple[float, ...]:
    """How long the person waits for each page."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        asked(_PERSON, "POST", "/predict_text", content=png)
        seconds.append(time.perf_counter() - began)
    return tuple(seconds)


def job_seconds(pdf: bytes, count: int) -> tuple[float, ...]:
    """How long a job of a single page takes, from being sent to its end, which the service tells: who looks again and
    again takes the processor from it.
    """
    seconds = []
    for _ in range(count):
        began = time.time()
        job_id = submit(_OTHER, pdf)
        wait_for(_OTHER, job_id, lambda answer: answer["finished_at"] is not None)
        ended = datetime.fromisoformat(job(_OTHER, job_id)["finished_at"])
        seconds.append(ended.timestamp() - began)
    return tuple(seconds)


@contextmanager
def jobs_of(keys: list[str], pdf: bytes) -> Iterator[Callable[[], int]]:
    """A job of each of these callers, while the context lasts. What it gives counts their pages that are done."""
    submitted = {key: submit(key, pdf) for key in keys}
    wait_for(keys[0], submitted[keys[0]], lambda answer: answer["pages_done"] > 0)
    yield lambda: sum(job(key, job_id)["pages_done"] for key, job_id in submitted.items())
    for key, job_id in submitted.items():
        asked(key, "DELETE", f"/jobs/{job_id}")


def beside(name: str, done: Callable[[], int], measure: Callable[[], tuple[float, ...]]) -> Sample:
    before, began = done(), time.perf_counter()
    seconds = measure()
    return Sample(name, seconds, (done() - before) / (time.perf_counter() - began))


def measured(count: int) -> list[tuple[str, Sample, list[Sample]]]:
    """What is compared: a title, alone, and beside others."""
    picture = page_picture()
    png, one, many = as_png(picture), as_pdf(picture, 1), as_pdf(picture, PAGES_EACH)
    callers = [f"caller-{number}" for number in range(CALLERS)]
    page_seconds(png, 3)  # warm
    job_seconds(one, 1)
    alone = Sample("alone", page_seconds(png, count))
    with jobs_of(callers, many) as done:
        crowd = beside(f"beside {CALLERS} callers with jobs", done, lambda: page_seconds(png, count))
    single = Sample("alone", job_seconds(one, count))
    with jobs_of(callers[:1], as_pdf(picture, LONG_PAGES)) as done:
        by_job = beside(f"beside a job of {LONG_PAGES} pages", done, lambda: job_seconds(one, count))
        by_request = beside(f"beside a job of {LONG_PAGES} pages", done, lambda: page_seconds(png, count))
    return [
        ("A page whose caller waits (`POST /predict_text`)", alone, [crowd, by_request]),
        ("A job of a single page, from being sent to its end", single, [by_job]),
    ]


def report(comparisons: list[tuple[str, Sample, list[Sample]]], before: Mapping[str, str]) -> str:
    head = "| | pages | median s | longest s | times alone | pages of jobs a second |\n|---|---|---|---|---|---|"
    parts = [as_table({**before, "engine": f"a stub, {SERVICE_S:g} s for up to {BATCH} lines; {LINES} lines a page"})]
    for title, alone, others in comparisons:
        rows = "\n".join(sample.row(alone) for sample in (alone, *others))
        parts.append(f"## {title}\n\n{head}\n{rows}")
    return document(
        "Jobs beside people who wait",
        "Made by `python -m benchmarks.jobs`. The whole application on this machine with one stub engine that sleeps; "
        "the segmentation is real. Every caller has a key of its own. Jobs have priority `batch`.",
        *parts,
    )


def main(
    count: Annotated[int, typer.Option(help="How many pages of each kind.")] = 20,
    out: Path = RESULTS / "jobs.md",
) -> None:
    """Measure, and write the table."""
    before = environment()
    names = [_PERSON, _OTHER, *(f"caller-{number}" for number in range(CALLERS))]
    os.environ |= {"API_KEYS": ",".join(names), "API_KEY_REQUIRED": "true"}
    stubs = Stubs(batch_size=BATCH)
    with stub_cluster({"num_replicas": 1}, SERVICE_S, {"pages_beside_others": 4}, stubs):
        comparisons = measured(count)
    publish(report(comparisons, before), out)


if __name__ == "__main__":
    command.run(main)
