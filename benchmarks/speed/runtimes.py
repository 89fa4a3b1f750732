"""The engines' networks on the frameworks of their makers and by OpenVINO: errors, time and memory, side by side.

    python -m benchmarks.speed.runtimes --pages ../shared/data/pages/fondue --pages ...     all, and the report
    python -m benchmarks.speed.runtimes --engine trocr --way openvino --out FILE ...        one of them, here

Each engine reads in each way in a process of its own on one thread: the lines of the ground truth of each folder's
first pages to tune with, and drawn characters. PaddleOCR's network computes in bfloat16 where a processor gains by it;
`float32` is OpenVINO as on others. Seconds are of one core. Memory is of the process, in units of 1,000,000 bytes: when
the engine is loaded, and the most of it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

import engines
from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, ROOT, publish
from benchmarks.harness.timing import median_ms
from benchmarks.speed.characters import characters
from benchmarks.speed.readers import CONVERTED, IN_HALF_PRECISION, hold_to_float32, loaded_engine
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.text_comparison import CAPITAL_SETS, EditCount, character_edits, normalised
from evaluation.pages.ground_truth import Split
from evaluation.readings.labelled_lines import pages_of
from evaluation.readings.line_layouts import ground_truth_lines
from ocr import Engine, Scope
from ocr.interfaces import Runtime

NATIVE, OPENVINO, FLOAT32 = "native", "openvino", "float32"


def ways_of(engine: str) -> Sequence[str]:
    """In which an engine is measured."""
    return (NATIVE, OPENVINO, FLOAT32) if engine in IN_HALF_PRECISION else (NATIVE, OPENVINO)


def measured(name: str, way: str, folders: Sequence[Path], each: int) -> dict[str, Any]:
    """Every figure of one engine in one way."""
    began, spent = time.perf_counter(), time.process_time()
    engine = _loaded(name, way)
    found: dict[str, Any] = {"loading_s": time.perf_counter() - began, "loading_core_s": time.process_time() - spent}
    found["loaded_mb"] = psutil.Process().memory_info().rss / 1e6
    if Scope.CHARACTER in engines.spec(name).scopes:
        one, many = characters(1), characters(32)
        found["one_character_ms"] = median_ms(lambda: engine.read(one), 21)
        found["32_characters_ms"] = median_ms(lambda: engine.read(many), 9)
    found["sets"] = {folder.name: _read(engine, folder, each) for folder in folders}
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return found


def _loaded(name: str, way: str) -> Engine:
    if way == FLOAT32:
        hold_to_float32()
    return loaded_engine(name, Runtime.NATIVE if way == NATIVE else Runtime.OPENVINO)


def _read(engine: Engine, folder: Path, each: int) -> dict[str, Any]:
    """Texts, edits and core-seconds of the lines of a folder's first pages to tune with."""
    pages = [page for _, page in pages_of([folder], [Split.TUNE])][:each]
    texts, probabilities, edits, core_s = [], [], EditCount(), 0.0
    for page in pages:
        crops = ground_truth_lines(page).crops()
        begun = time.process_time()
        read = engine.read(crops)
        core_s += time.process_time() - begun
        for line, hypothesis in zip(page.lines, read, strict=True):
            ignore_case = folder.name in CAPITAL_SETS
            edits += character_edits(
                *(normalised(text, ignore_case=ignore_case) for text in (hypothesis.text, line.text))
            )
            texts.append(hypothesis.text)
            probabilities.append([round(one.probability, 4) for one in hypothesis.characters])
    return {
        "core_s": core_s,
        "lines": len(texts),
        "edits": edits.edits,
        "length": edits.length,
        "texts": texts,
        "probabilities": probabilities,
    }


def _elsewhere(name: str, way: str, folders: Sequence[Path], each: int) -> dict[str, Any]:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "figures.json"
        options = [item for folder in folders for item in ("--pages", str(folder))]
        asked = ["--engine", name, "--way", way, "--each", str(each), "--out", str(out), *options]
        subprocess.run([sys.executable, "-m", "benchmarks.speed.runtimes", *asked], check=True, cwd=ROOT)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def rows(figures: dict[str, dict[str, dict[str, Any]]]) -> Iterator[tuple[str, ...]]:
    """Of each engine and way; texts are compared with those of the native one."""
    for name, ways in figures.items():
        for way, found in ways.items():
            sets, native = found["sets"].values(), ways[NATIVE]["sets"].values()
            lines = sum(one["lines"] for one in sets)
            same = sum(a == b for one, other in zip(sets, native, strict=True) for a, b in _pairs(one, other))
            yield (
                name,
                way,
                f"{1000 * sum(one['core_s'] for one in sets) / lines:.1f}",
                f"{same} of {lines}",
                f"{_apart(list(sets), list(native)):.4f}",
                f"{found.get('one_character_ms', float('nan')):.1f}",
                f"{found.get('32_characters_ms', float('nan')):.1f}",
                f"{found['loading_core_s']:.1f}",
                f"{found['loaded_mb']:.0f}",
                f"{found['peak_mb']:.0f}",
            )


def _pairs(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return zip(one["texts"], other["texts"], strict=True)


def _apart(sets: Sequence[dict[str, Any]], native: Sequence[dict[str, Any]]) -> float:
    """The mean difference of the probabilities of characters, on lines with the same text."""
    apart = [
        abs(a - b)
        for one, other in zip(sets, native, strict=True)
        for at, (mine, theirs) in enumerate(_pairs(one, other))
        if mine == theirs
        for a, b in zip(one["probabilities"][at], other["probabilities"][at], strict=True)
    ]
    return float(np.mean(apart)) if apart else 0.0


def error_rows(figures: dict[str, dict[str, dict[str, Any]]]) -> Iterator[tuple[str, ...]]:
    """Character error rates of each engine and way, set by set, in percent."""
    for name, ways in figures.items():
        for way, found in ways.items():
            yield name, way, *(f"{100 * one['edits'] / one['length']:.2f}" for one in found["sets"].values())


def report(figures: dict[str, dict[str, dict[str, Any]]], folders: Sequence[Path], before: dict[str, Any]) -> str:
    read = ("core-ms a line", "same text as native", "probabilities apart", "one character ms", "32 characters ms")
    heads = ("engine", "way", *read, "core-s to load", "MB loaded", "MB at most")
    about = "Made by `python -m benchmarks.speed.runtimes`, whose first lines say what is measured and how."
    return document(
        "The engines' networks on their makers' frameworks and by OpenVINO",
        about,
        as_table(before),
        table(heads, rows(figures)),
        "Character error rates in percent, on lines cut along the outlines of the ground truth:",
        table(("engine", "way", *(folder.name for folder in folders)), error_rows(figures)),
    )


def main(
    pages: Annotated[list[Path], typer.Option(help="Folder with truth; may be given several times.")],
    each: Annotated[int, typer.Option(help="Pages of each folder.")] = 2,
    engine: Annotated[list[str] | None, typer.Option(help="These alone.")] = None,
    way: Annotated[str | None, typer.Option(help="This alone, and here.")] = None,
    out: Path = RESULTS / "runtimes.md",
) -> None:
    """Measure and tell."""
    if way is not None:
        [name] = engine or []
        out.write_text(json.dumps(measured(name, way, pages, each)), encoding="utf-8")
        return
    before = environment()
    figures = {
        name: {each_way: _elsewhere(name, each_way, pages, each) for each_way in ways_of(name)}
        for name in engine or CONVERTED
    }
    publish(report(figures, pages, before), out)


if __name__ == "__main__":
    command.run(main)
