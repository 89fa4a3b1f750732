"""What people notice: the page in a browser, what the client costs, and a large batch that is killed half way.

    python -m benchmarks.speed.user_experience [--out benchmarks/results/user_experience.md] [--pictures docs/pictures]

Starts `serve run serve_config.cpu.yaml` as a user would. The page is driven in headless Chromium (Debian's) over
loopback: first paint, time from choosing a file to its words, an accessibility audit (axe), pictures at three widths.
The client is compared with a bare HTTP call that reads the same bytes. The batch is 200 copies of a one-line image,
each told apart by a pixel; `quorum batch` is killed (SIGKILL) half way and started again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx
import numpy as np
from PIL import Image

from benchmarks.harness import command
from benchmarks.harness.chromium import chromium
from benchmarks.harness.results import RESULTS, ROOT, publish
from benchmarks.harness.serving import QUICK, SEVEN, URL, served
from benchmarks.harness.timing import timed
from evaluation import markdown
from evaluation.environment import as_table, environment
from quorum.batch.journal import Journal
from quorum.client import Client

if TYPE_CHECKING:
    from playwright.sync_api import Page

_WIDTHS = {375: 812, 768: 1024, 1440: 900}
_COLUMNS = {"width px": ".width_px", "first paint ms": ".first_paint_ms:.0f"}
_COLUMNS |= {"from the file to its words ms": ".to_result_ms:.0f", "axe violations": ".violations"}
_CALLS = 60
_FILES = 200


@dataclass(frozen=True, slots=True)
class PageVisit:
    """The page at one width: times in ms, and what the audit found, by impact."""

    width_px: int
    first_paint_ms: float
    to_result_ms: float
    violations: str


def page_at_every_width(pictures: Path) -> list[PageVisit]:
    """Open the page at each width, have the sample read, audit it and draw it into `pictures`."""
    with chromium() as browser:
        pictures.mkdir(parents=True, exist_ok=True)
        visits = []
        for width, height in _WIDTHS.items():
            with browser.new_context(viewport={"width": width, "height": height}) as context:
                visits.append(_visit(context.new_page(), width, pictures / f"page-{width}.png"))
    return visits


def _visit(page: Page, width: int, picture: Path) -> PageVisit:
    from axe_playwright_python.sync_playwright import Axe

    page.goto(URL)
    page.wait_for_selector(".engine")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    started = time.perf_counter()
    page.set_input_files("#file", QUICK)
    page.wait_for_selector(".word", timeout=120_000)
    to_result_ms = (time.perf_counter() - started) * 1000.0
    doubtful = page.locator(".word.low, .word.medium")
    (doubtful.first if doubtful.count() else page.locator(".word").nth(1)).hover()
    page.screenshot(path=picture)
    found = Counter(violation["impact"] for violation in Axe().run(page).response["violations"])
    violations = ", ".join(f"{count} {impact}" for impact, count in found.items()) or "none"
    return PageVisit(width, paint, to_result_ms, violations)


def client_and_bare_call() -> tuple[float, float]:
    """Median milliseconds of the same question asked by the client and by a bare HTTP call, in turns."""
    image = SEVEN.read_bytes()
    parameters = {"classes": "digits", "engines": "emnist_cnn"}
    headers = {"Content-Type": "application/octet-stream"}
    with Client(URL) as client, httpx.Client() as http:
        turns = [
            (
                *timed(lambda: client.read_character(image, classes="digits", engines=["emnist_cnn"]), 1, 0),
                *timed(
                    lambda: http.post(f"{URL}/predict", content=image, params=parameters, headers=headers).json(), 1, 0
                ),
            )
            for _ in range(_CALLS + 5)
        ][5:]
    by_client, bare = (1000.0 * median(seconds) for seconds in zip(*turns, strict=True))
    return by_client, bare


@dataclass(frozen=True, slots=True)
class KilledBatch:
    """A batch that was killed: files kept at the kill, files that the second run read, files and rows at the end."""

    files: int
    kept_at_kill: int
    read_after: int
    rows: int
    distinct: int
    seconds: float


def batch_killed_half_way() -> KilledBatch:
    """Kill `quorum batch` when half of the files are kept, start it again, and count."""
    import pyarrow.parquet as pq

    started = time.perf_counter()
    with _many_files() as folder:
        out = folder.parent / "results.parquet"
        command = [sys.executable, "-m", "quorum", "batch", str(folder), "--out", str(out), "--engines", "tesseract"]
        journal = Journal(out)
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        while _lines(journal.path) < _FILES // 2:
            if first.poll() is not None:
                raise RuntimeError(f"the batch ended with {first.returncode} before it could be killed")
            time.sleep(0.05)
        first.kill()
        first.wait()
        kept = _lines(journal.path)
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        already = int(said.split(" of ", 1)[0].split()[-1])
        paths = pq.read_table(out).column("path").to_pylist()
    return KilledBatch(_FILES, kept, _FILES - already, len(paths), len(set(paths)), time.perf_counter() - started)


def _lines(path: Path) -> int:
    return path.read_text().count("\n") if path.is_file() else 0


@contextmanager
def _many_files() -> Iterator[Path]:
    """A folder of one-line images that differ in one pixel."""
    with tempfile.TemporaryDirectory() as place, Image.open(QUICK) as sample:
        folder = Path(place) / "files"
        folder.mkdir()
        pixels = np.array(sample.convert("L"))[: sample.height // 10]
        for number in range(_FILES):
            pixels[0, 0] = number
            Image.fromarray(pixels).save(folder / f"{number:03}.png")
        yield folder


def report(
    before: Mapping[str, str], visits: Sequence[PageVisit], calls: tuple[float, float], killed: KilledBatch
) -> str:
    by_client, bare = calls
    return markdown.document(
        "What users notice on one machine",
        "Made by `python -m benchmarks.speed.user_experience`, with `serve run serve_config.cpu.yaml` and headless "
        "Chromium on the same machine.",
        as_table(before),
        "## The web page, with examples/quick.png (12 lines) and every engine",
        markdown.records(_COLUMNS, visits),
        "## The client",
        f"One character by `emnist_cnn`, median of {_CALLS} in turns: client {by_client:.2f} ms, "
        f"bare httpx call {bare:.2f} ms, so the client costs {by_client - bare:.2f} ms.",
        "## `quorum batch`, killed half way and started again",
        f"{killed.files} files; {killed.kept_at_kill} kept at the kill; the second run read {killed.read_after}; "
        f"the table has {killed.rows} rows of {killed.distinct} files. {killed.seconds:.0f} s together.",
    )


def main(out: Path = RESULTS / "user_experience.md", pictures: Path = ROOT / "docs" / "pictures") -> None:
    """Drive the page, compare the client with a bare call, and kill a batch."""
    before = environment()
    with served():
        text = report(before, page_at_every_width(pictures), client_and_bare_call(), batch_killed_half_way())
    publish(text, out)


if __name__ == "__main__":
    command.run(main)
