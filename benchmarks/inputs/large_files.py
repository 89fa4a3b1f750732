"""How much memory the largest files take that are read under the default limits, and what a layer of text costs a long
scanned PDF.

    python -m benchmarks.inputs.large_files [--pages 100]

With `--pages 0` no PDF is sent.

The whole application runs on this machine with an engine that answers at once; the segmentation and all that opens
files is real. Memory is the resident size, libraries included: of the segmentation the highest of its replica and the
highest of its worker, added up; of the Gateway the largest sum over it and the programs that it has draw and write
documents, looked at twenty times a second. Sizes are units of 1,000,000 bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import PIL.Image
import typer

from benchmarks.harness import command
from benchmarks.harness.memory import Sample, sampled
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import URL
from benchmarks.harness.stub_cluster import Stubs, stub_cluster
from benchmarks.inputs.drawn_documents import bilevel, lines_of_prose, pdf_of, saved, scanned, sheet
from benchmarks.inputs.peak_memory import PeakMemory
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table

ENGINE = "tesseract"
_A4_600_DPI, _A4_300_DPI, _A4_200_DPI = (4960, 7016), (2480, 3508), (1654, 2339)
_48_MP = (8000, 6000)
_LINE_SAYS = "sixty letters of a line that somebody has written on a page."
_SEGMENTATION = ("Segmentation", "worker")
_DOCUMENTS = ("Gateway", "page_renderer", "text_layer")
_SCAN_LINES = 40
_PATIENCE_S = 600.0  # what is looked at is memory, also on a busy machine


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file by name, and what it is asked for."""

    name: str
    make: Callable[[], bytes]
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file came to. `highest` has the highest size of each role, `at_once` the sizes at each moment."""

    sent: int
    answered: int
    seconds: float
    highest: dict[str, float]
    at_once: list[Sample]

    @property
    def segmentation_mb(self) -> float:
        return sum(self.highest.get(role, 0.0) for role in _SEGMENTATION)

    @property
    def documents_mb(self) -> float:
        return max(sum(sample.megabytes.get(role, 0.0) for role in _DOCUMENTS) for sample in self.at_once)


def images() -> list[LargeFile]:
    """The largest that people send: archives' scans, and photographs of phones."""
    a4 = sheet(lines_of_prose(_SCAN_LINES), _A4_600_DPI, 92)
    photo = _photo()
    return [
        LargeFile("A4, 600 dpi, group 4 (TIFF)", lambda: saved(bilevel(a4), "TIFF", compression="group4")),
        LargeFile("A4, 600 dpi, grey (TIFF, LZW)", lambda: saved(a4, "TIFF", compression="tiff_lzw")),
        LargeFile("A4, 600 dpi, colour (JPEG)", lambda: saved(a4.convert("RGB"), "JPEG", quality=85)),
        LargeFile("48 megapixels (JPEG)", lambda: saved(photo, "JPEG", quality=90)),
        LargeFile("48 megapixels (progressive JPEG)", lambda: saved(photo, "JPEG", quality=90, progressive=True)),
        LargeFile("48 megapixels (PNG)", lambda: saved(photo, "PNG", compress_level=1)),
        LargeFile("48 megapixels (AVIF)", lambda: saved(photo, "AVIF", quality=60, speed=10)),
    ]


def _photo() -> PIL.Image.Image:
    """A page photographed in colour, lit from one side."""
    page = np.asarray(sheet(lines_of_prose(_SCAN_LINES), _48_MP, 80))
    shade = np.linspace(1.0, 0.75, _48_MP[0], dtype=np.float32)
    lit = (page * shade).astype(np.uint8)
    return PIL.Image.merge("RGB", [PIL.Image.fromarray(lit), PIL.Image.fromarray(lit), PIL.Image.fromarray(lit // 2)])


def scans(pages: int) -> list[LargeFile]:
    """PDFs of so many scanned pages, each of which gets its text."""
    lines = lines_of_prose(_SCAN_LINES)
    fine, usual = bilevel(sheet(lines, _A4_300_DPI, 46)), sheet(lines, _A4_200_DPI, 31)
    asked = (("format", "pdf"), ("existing_text", "redo"))

    def of(picture: PIL.Image.Image) -> Callable[[], bytes]:
        return lambda: pdf_of(*[scanned(picture)] * pages)

    return [
        LargeFile("bilevel, group 4, 300 dpi", of(fine), asked),
        LargeFile("grey, JPEG, 200 dpi", of(usual), asked),
        LargeFile("colour, JPEG, 200 dpi", of(usual.convert("RGB")), asked),
    ]


def sent(client: httpx.Client, file: LargeFile, memory: PeakMemory) -> Outcome:
    """Send it, and print what came of it. Raises RuntimeError where it is refused."""
    content = file.make()
    memory.forget()
    with sampled(0.05, memory.resident_mb) as samples:
        began = time.perf_counter()
        response = client.post("/predict_text", content=content, params=dict(file.options))
        seconds = time.perf_counter() - began
        highest = memory.megabytes()
    if not response.is_success:
        raise RuntimeError(f"{file.name}: {response.status_code} {response.text}")
    outcome = Outcome(len(content), len(response.content), seconds, highest, samples)
    print(f"{file.name}: {outcome.segmentation_mb:.0f} MB, {outcome.documents_mb:.0f} MB, {seconds:.0f} s", flush=True)
    return outcome


def measured(pages: int) -> list[str]:
    """A table of images, and one of PDFs if they have any pages, each under its heading."""
    memory = PeakMemory.of(None)
    with httpx.Client(base_url=URL, timeout=_PATIENCE_S) as client:
        sent(client, LargeFile("", lambda: saved(sheet(lines_of_prose(3), (800, 600), 20), "PNG")), memory)  # warm
        seen = [(file.name, sent(client, file, memory)) for file in images()]
        layered = [(file.name, sent(client, file, memory)) for file in (scans(pages) if pages else [])]
    pictures = [(name, f"{o.sent / 1e6:.2f}", f"{o.segmentation_mb:.0f}", f"{o.seconds:.1f}") for name, o in seen]
    pdfs = [
        (
            name,
            f"{o.sent / 1e6:.2f}",
            f"{o.answered / 1e6:.2f}",
            f"{o.answered / o.sent:.3f}",
            f"{o.documents_mb:.0f}",
            f"{o.seconds:.0f}",
        )
        for name, o in layered
    ]
    sections = ["## Images", table(("image", "MB", "segmentation, MB", "s"), pictures)]
    if pdfs:
        columns = (f"{pages} scanned pages", "MB", "with text, MB", "times", "Gateway and its programs, MB", "s")
        sections += ["## A layer of text", table(columns, pdfs)]
    return sections


def main(
    pages: Annotated[int, typer.Option(help="Of each PDF; 0 for no PDFs.", min=0)] = 100,
    out: Path = RESULTS / "large_files.md",
) -> None:
    """Send each file once."""
    before = as_table(environment() | {"engine": f"a stub that says {len(_LINE_SAYS)} letters a line"})
    limits = {"max_pages": max(100, pages), "timeout_s": _PATIENCE_S}
    with stub_cluster({"num_replicas": 1}, 0.0, limits, Stubs((ENGINE,), batch_size=64), says=_LINE_SAYS):
        sections = measured(pages)
    about = (
        "Made by `python -m benchmarks.inputs.large_files`. Each file is sent to `/predict_text` once, under the "
        "default limits. The segmentation's memory is that of its replica and its worker at their highest; the "
        "Gateway's is the largest sum over it and the programs that draw and write documents. A stub engine answers at "
        "once."
    )
    title = "Memory that large files take, and what a layer of text costs a PDF"
    publish(document(title, about, before, *sections), out)


if __name__ == "__main__":
    command.run(main)
