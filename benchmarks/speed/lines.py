"""How long the engines that read lines take over a line of 60 characters.

    python -m benchmarks.speed.lines

EasyOCR reads one line after the other on a CPU, TrOCR a line alone or as many at once as it is served: by OpenVINO, and
on its own framework greedily or with beams. Core-milliseconds of one thread say what a line costs however busy the
machine is, milliseconds on two threads how long somebody waits on two free cores. Lines are set here in Pillow's own
font and go through the engines' whole `read`. Medians after a call that does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.timing import median_ms
from engines.trocr import BATCH_SIZE, TransformersWriter, TrOCR
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from ocr import Crop, Engine, LoadOptions
from ocr.interfaces import Runtime

TEXTS = (
    "which was read on Tuesday, 14 March 1905, to the whole house",
    "and on the following day he wrote to them from San Francisco",
    "Invoice 20871 of 12/04/2018: three items at RM 41.50 apiece,",
    "the gates were shut; nobody had seen the old man leave again",
)
"""Sixty characters each."""
BEAMS = 4


def lines(count: int) -> list[Crop]:
    """The texts in black on white, 40 px high, as RGB crops."""
    font = ImageFont.load_default(28)
    crops = []
    for at in range(count):
        text = TEXTS[at % len(TEXTS)]
        canvas = Image.new("RGB", (round(font.getlength(text)) + 12, 40), "white")
        ImageDraw.Draw(canvas).text((6, 3), text, font=font, fill="black")
        crops.append(Crop.whole(np.asarray(canvas)))
    return crops


def measured(easyocr: Path, trocr: Path) -> Iterator[tuple[str, float]]:
    """Name and milliseconds a line of each figure."""
    from engines.easyocr import SPEC as EASYOCR
    from engines.trocr import SPEC as TROCR

    few, many = lines(len(TEXTS)), lines(BATCH_SIZE)
    network = EASYOCR.load(LoadOptions(easyocr, threads=1))
    ms = median_ms(lambda: network.read(few), 9, time.process_time) / len(few)
    yield f"{network.model}, core-ms of one thread", ms
    for threads, clock, unit in ((1, time.process_time, "core-ms of one thread"), (2, time.perf_counter, "ms on two")):
        writer = TROCR.load(LoadOptions(trocr, threads=threads))
        for how, ms in _alone_and_together(writer, few[:1], many, clock):
            yield f"{writer.model}, {unit}, {how}", ms
        writer = TROCR.load(LoadOptions(trocr, threads=threads, runtime=Runtime.NATIVE))
        for how, ms in _by_transformers(writer, few[:1], many, clock):
            yield f"{writer.model} on its own framework, {unit}, {how}", ms


def _by_transformers(
    writer: Engine, one: list[Crop], many: list[Crop], clock: Callable[[], float]
) -> Iterator[tuple[str, float]]:
    assert isinstance(writer, TrOCR)
    assert isinstance(writer.writer, TransformersWriter)
    settings = writer.writer.network.generation_config
    for name, beams in (("greedy", 1), (f"{BEAMS} beams", BEAMS)):
        settings.num_beams = beams
        for how, ms in _alone_and_together(writer, one, many, clock):
            yield f"{name}, {how}", ms


def _alone_and_together(
    writer: Engine, one: list[Crop], many: list[Crop], clock: Callable[[], float]
) -> Iterator[tuple[str, float]]:
    yield "alone", median_ms(lambda: writer.read(one), 7, clock)
    yield f"of {len(many)} at once", median_ms(lambda: writer.read(many), 5, clock) / len(many)


def main(
    easyocr: Path = Path("cluster/bundled/easyocr"),
    trocr: Path = Path("cluster/bundled/trocr"),
    out: Path = RESULTS / "line_speed.md",
) -> None:
    """Time both engines on a line."""
    before = environment()
    rows = [(name, f"{ms:.1f}") for name, ms in measured(easyocr, trocr)]
    about = (
        "Made by `python -m benchmarks.speed.lines`. A line goes through the engine's whole `read`, after a first call "
        "that does not count. Core-milliseconds say what a line costs on a busy machine. Milliseconds say how long one "
        "caller waits on two free cores."
    )
    publish(
        document("Time of a line of 60 characters", about, as_table(before), table(("figure", "median a line"), rows)),
        out,
    )


if __name__ == "__main__":
    command.run(main)
