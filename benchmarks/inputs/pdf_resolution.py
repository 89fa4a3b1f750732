"""What it costs, and what it brings, that pages of PDFs are drawn by what is on them instead of at 200 dpi.

    python -m benchmarks.inputs.pdf_resolution [--url http://127.0.0.1:8000]

Starts the application as benchmarks/harness/serving.py does, unless it is told where one runs. Each document is read by
the rule and with `dpi=200`, in turn, as often as asked. Core-seconds are those of the application's processes, so other
work on the machine counts little; none are told of an application that runs elsewhere. Errors are character edits
against what is written on the page.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import PIL.Image
import psutil
import typer
from rapidfuzz.distance import Levenshtein

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import PAGE, QUICK, URL, served_at
from benchmarks.inputs.drawn_documents import bilevel, lines_of_prose, pdf_of, scanned, sheet, typeset
from cluster.local.application_processes import components_among
from cluster.local.processes import children
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table

ENGINE = "tesseract"
_FIXED = {"dpi": "200"}
_A4_300_DPI, _A4_200_DPI = (2480, 3508), (1654, 2339)


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF, and what is written on its pages."""

    name: str
    make: Callable[[], bytes]
    text: str
    times: int = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a document: the pixels of its pages in millions, what it took, and the errors; `refused` says why
    there is none.
    """

    megapixels: float
    core_s: float
    wall_s: float
    edits: int
    refused: str = ""


def documents() -> list[Document]:
    """Those that are read."""
    page, quick = (file.with_suffix(".txt").read_text(encoding="utf-8") for file in (PAGE, QUICK))
    forty, ten, six = lines_of_prose(40), lines_of_prose(10), lines_of_prose(60)
    scan = bilevel(sheet(forty, _A4_300_DPI, 46))
    twenty = [each for _ in range(10) for each in (typeset(forty, 11.0), scanned(scan))]
    photo = sheet(ten, (2100, 2800), 60)
    return [
        Document("examples/page.png on A4", lambda: pdf_of(scanned(PIL.Image.open(PAGE).convert("L"))), page),
        Document("examples/quick.png, a point a pixel", lambda: _a_point_a_pixel(QUICK), quick),
        Document(
            "20 pages of 40 lines: 10 typeset, 11 points; 10 scans, 300 dpi", lambda: pdf_of(*twenty), _text(forty * 20)
        ),
        Document("typeset, 6 points", lambda: pdf_of(typeset(six, 6.0)), _text(six)),
        Document("typeset, 40 points, on A1", lambda: pdf_of(typeset(ten, 40.0, (1684.0, 2384.0))), _text(ten)),
        Document("photograph, a point a pixel", lambda: pdf_of(scanned(photo, photo.size)), _text(ten)),
        Document("scan of 200 dpi on 4 x 6 cm", lambda: _on_a_small_page(forty), _text(forty)),
    ]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def _a_point_a_pixel(file: Path) -> bytes:
    picture = PIL.Image.open(file).convert("L")
    return pdf_of(scanned(picture, picture.size))


def _on_a_small_page(lines: Sequence[str]) -> bytes:
    return pdf_of(scanned(sheet(lines, _A4_200_DPI, 31), (119.0, 168.0)))


def read(client: httpx.Client, file: bytes, text: str, options: dict[str, str]) -> Reading:
    before, began = _core_seconds(), time.perf_counter()
    asked = {"engines": ENGINE, "existing_text": "redo", "timeout_s": "60", **options}
    response = client.post("/predict_text", content=file, params=asked)
    wall_s, core_s = time.perf_counter() - began, _core_seconds() - before
    if response.status_code == 413:
        return Reading(0.0, core_s, wall_s, 0, response.json()["error"]["message"])
    response.raise_for_status()
    answer = response.json()
    pages = answer["pages"]
    problems = [page["error"]["message"] for page in pages if "error" in page]
    if problems:
        return Reading(0.0, core_s, wall_s, 0, problems[0])
    pixels = sum(page["width"] * page["height"] for page in pages) / 1e6
    return Reading(pixels, core_s, wall_s, Levenshtein.distance(_plain(answer["text"]), _plain(text)))


def _core_seconds() -> float:
    """Of the application's own processes and those below them until now, with what has ended and was waited for."""
    own = {process for _, process in components_among(children())}
    spent = 0.0
    for process in own | children(process.pid for process in own) if own else ():
        with suppress(psutil.Error):
            spent += sum(process.cpu_times()[:4])
    return spent


def _plain(text: str) -> str:
    return " ".join(text.split())


def compared(client: httpx.Client, told: Document) -> list[tuple[str, ...]]:
    """A row of the table by the rule, and one at 200 dpi."""
    file = told.make()
    ways = {"by the rule": dict[str, str](), "200 dpi": _FIXED}
    readings: dict[str, list[Reading]] = {way: [] for way in ways}
    for turn in range(told.times):
        order = list(ways.items()) if turn % 2 == 0 else list(ways.items())[::-1]
        for way, options in order:
            readings[way].append(read(client, file, told.text, options))
    return [_row(told, way, each) for way, each in readings.items()]


def _row(told: Document, way: str, readings: Sequence[Reading]) -> tuple[str, ...]:
    first = readings[0]
    if first.refused:
        return told.name, way, f"refused: {first.refused}", "", "", ""
    core_s, wall_s = ([getattr(each, name) for each in readings] for name in ("core_s", "wall_s"))
    edits = f"{first.edits} of {len(_plain(told.text)):,}"
    cores = ", ".join(f"{each:.2f}" for each in core_s)
    return told.name, way, f"{first.megapixels:.1f}", cores, f"{statistics.mean(wall_s):.2f}", edits


def main(
    url: str | None = None,
    only: Annotated[str, typer.Option(help="Only documents with this in their names.")] = "",
    out: Path = RESULTS / "pdf_resolution.md",
) -> None:
    """Read each document both ways."""
    before = as_table(environment() | {"engine": ENGINE})
    with served_at(url), httpx.Client(base_url=url or URL, timeout=300) as client:
        read(client, pdf_of(typeset(lines_of_prose(5), 11.0)), "", {})  # warm
        rows = [row for each in documents() if only in each.name for row in compared(client, each)]
    about = (
        "Made by `python -m benchmarks.inputs.pdf_resolution`. Each document was read by the rule of "
        "segmentation/files/pdf/pdf_resolution.py and with `dpi=200`, in turn. Core-seconds are those of all processes "
        "of the application, each reading by itself; wall is the mean. One engine reads; what others take depends on "
        "the pixels of the page too, so where these are the same it is the same. Errors are character edits."
    )
    heads = ("document", "drawn", "megapixels", "core-seconds", "wall, s", "errors")
    publish(document("How large pages of PDFs are drawn", about, before, table(heads, rows)), out)


if __name__ == "__main__":
    command.run(main)
