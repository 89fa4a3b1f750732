"""Every way from a file to its lines (benchmarks/speed/readers.py), each in a process of its own over the same
pages on the same cores, one after the other: how fast, for how much processor time and memory, and with how many
errors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import PIL.Image

from benchmarks.harness.results import ROOT
from benchmarks.harness.serving import PAGE, QUICK
from benchmarks.harness.timing import Times
from benchmarks.speed.readers import HELD_TO_ONE_THREAD, Reading, Run
from deployments.config.schema import LimitsConfig
from evaluation.accuracy.detected_pages import DetectedPage
from evaluation.accuracy.vendor_pipelines import count_edits
from evaluation.metrics.text_comparison import EditCount
from evaluation.pages.ground_truth import GroundTruthPage, Split, pages_for, read_pages
from evaluation.readings.line_layouts import set_name_of

# Read by OpenMP, OpenBLAS and MKL when they are loaded; every framework here computes with one of them.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT")
_LONGEST_S = 1800.0

HELD_AGAINST = ("paddleocr", "rapidocr")
"""The service's time for one page is held against that of these: they read the first page some times more."""
_MORE = 4


@dataclass(frozen=True, slots=True)
class Peer:
    """One way over `pages` pages: seconds of wall clock and of all cores together for a page, the most memory in MB,
    character error rate, seconds to load. The first page is told by itself too: the median of wall and core-seconds.
    """

    name: str
    pages: int
    pages_per_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    core_s: float
    peak_mb: float
    error_rate: float
    loading_s: float
    first_page_s: float
    first_page_core_s: float


@dataclass(frozen=True, slots=True)
class Missing:
    """A way that cannot be had here, and why."""

    name: str
    missing: str


def pages_of(folders: Sequence[Path], each: int) -> list[GroundTruthPage]:
    """The sample page of 40 lines, and the first test pages of each folder that the service takes as they are."""
    found = [page for page in read_pages(PAGE.parent) if page.image == PAGE]
    for folder in folders:
        found += list(filter(_is_taken, pages_for(folder, Split.TEST)))[:each]
    return found


def _is_taken(page: GroundTruthPage) -> bool:
    with PIL.Image.open(page.image) as header:
        return header.width * header.height <= LimitsConfig().max_pixels


def measured(
    names: Iterable[str], pages: Sequence[GroundTruthPage], tell: Callable[[str], None]
) -> list[Peer | Missing]:
    """All of them. `tell` is told of each as it is done."""
    found: list[Peer | Missing] = []
    for name in names:
        again = _MORE if name in HELD_AGAINST else 0
        try:
            made = in_own_process(name, [*(page.image for page in pages), *[pages[0].image] * again])
        except RuntimeError as error:  # the others are still worth knowing
            made = str(error)
        found.append(Missing(name, made) if isinstance(made, str) else peer(name, made, pages))
        tell(str(found[-1]))
    return found


def in_own_process(name: str, files: Sequence[Path]) -> Run | str:
    """What one way made of the files, or why it cannot be had. Raises RuntimeError when its process fails."""
    with tempfile.TemporaryDirectory(prefix="quorum-speed-") as folder:
        out = Path(folder) / "run.json"
        command = [sys.executable, "-m", "benchmarks.speed.readers", name, "--out", str(out)]
        command += ["--warm-up", str(QUICK), "--", *map(str, files)]
        finished = subprocess.run(
            command,
            cwd=ROOT,
            env=process_environment(name),
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        if finished.returncode:
            raise RuntimeError(f"{name} ended with {finished.returncode}: {finished.stderr.strip()[-300:]}")
        content = json.loads(out.read_text())
    if "missing" in content:
        return str(content["missing"])
    return Run(content["loading_s"], [Reading(**one) for one in content["readings"]], content["peak_mb"])


def process_environment(name: str, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of this process, with one thread for every library, or without a word about threads."""
    given = os.environ if inherited is None else inherited
    kept = {key: value for key, value in given.items() if key not in _THREADS}
    held = dict.fromkeys(_THREADS, "1") if name in HELD_TO_ONE_THREAD else {}
    return {**kept, **held, "PYTHONPATH": str(ROOT)}


def peer(name: str, run: Run, pages: Sequence[GroundTruthPage]) -> Peer:
    """The figures of a run over these pages, after which the first may have been read again."""
    readings, of_first = run.readings[: len(pages)], [run.readings[0], *run.readings[len(pages) :]]
    seconds = [reading.seconds for reading in readings]
    errors = [errors_of(page, reading.lines) for page, reading in zip(pages, readings, strict=True)]
    core_s = sum(reading.core_seconds for reading in readings) / len(pages)
    times = Times.of(seconds)
    return Peer(
        name,
        len(pages),
        pages_per_s=len(pages) / sum(seconds),
        p50_s=times.p50_s,
        p95_s=times.p95_s,
        p99_s=times.p99_s,
        core_s=core_s,
        peak_mb=run.peak_mb,
        error_rate=sum(errors, EditCount()).rate,
        loading_s=run.loading_s,
        first_page_s=median(reading.seconds for reading in of_first),
        first_page_core_s=median(reading.core_seconds for reading in of_first),
    )


def errors_of(page: GroundTruthPage, lines: Sequence[tuple[Sequence[Sequence[float]], str]]) -> EditCount:
    """The edits between what was read and what is true, line by line where they lie."""
    quads = tuple(np.asarray(quad, dtype=np.float32) for quad, _ in lines)
    return count_edits(set_name_of(page), page, DetectedPage(quads, {"read": [text for _, text in lines]}), "read")
