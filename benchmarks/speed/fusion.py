"""How long it takes to make one line of five readings: align, vote, judge; and to lay the line on the page.

    python -m benchmarks.speed.fusion

Each line is fused once, as in service: what was learnt of other lines is remembered, the line itself is new. Five
engines read 60 characters of invented words, each with errors of its own (half of them look-alikes, then characters
lost, invented or taken for any other), and know the places of their characters within a fifth of a width. The profile
is the bundled one, with the spelling model. Times are processor time of the thread, which other work on the machine
lengthens a little.
"""

from __future__ import annotations

import gc
import statistics
import string
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from fusion import Method, Profile, Thresholds, fuse_line, line_on_page, tuned_document
from fusion.evidence.spelling_evidence import SPELLING
from ocr import Box, Hypothesis, Region
from ocr.hypothesis import CharacterHypothesis, Span

LENGTH = 60
WIDTH_PX = 12.0
LINES = 200
ERROR_RATES = (0.01, 0.02, 0.05)
_LOOKALIKES = {"o": "0c", "l": "1I", "i": "lj", "e": "c", "c": "e", "n": "h", "h": "n", "m": "rn", "s": "5", "a": "o"}
_SYLLABLES = "ba con der es fin ing la men or pre ter tion un ver wh y ol"

Line = Mapping[str, Hypothesis]


def lines(engines: tuple[str, ...], error_rate: float, count: int, seed: int) -> Iterator[Line]:
    """Readings of lines of LENGTH characters by each engine."""
    rng = np.random.default_rng((seed, round(1000 * error_rate)))
    for _ in range(count):
        truth = _truth(rng)
        yield {engine: Hypothesis.of(_read(truth, error_rate, rng)) for engine in engines}


def _truth(rng: np.random.Generator) -> str:
    words: list[str] = []
    while len(" ".join(words)) < LENGTH:
        if rng.random() < 0.15:
            words.append(f"{rng.integers(1, 2000)}.{rng.integers(10, 99)}")
        else:
            words.append("".join(rng.choice(_SYLLABLES.split(), int(rng.integers(1, 4)))))
    return " ".join(words)[:LENGTH].strip()


def _read(truth: str, error_rate: float, rng: np.random.Generator) -> Iterator[CharacterHypothesis]:
    for index, letter in enumerate(truth):
        start = index * WIDTH_PX + float(rng.normal(0.0, WIDTH_PX / 5))
        wrong = rng.random() < error_rate
        for said in _mistaken(letter, rng) if wrong else letter:
            sure = float(rng.uniform(0.3, 0.95) if wrong else rng.beta(20, 1))
            yield CharacterHypothesis(said, sure, Span(start, start + WIDTH_PX))


def _mistaken(letter: str, rng: np.random.Generator) -> str:
    """What is read instead: none, one or two characters."""
    how = rng.random()
    if how < 0.5 and letter in _LOOKALIKES:
        return _LOOKALIKES[letter]
    other = string.ascii_letters[int(rng.integers(52))]
    return other if how < 0.7 else "" if how < 0.85 else letter + other


def timed(profile: Profile, engines: tuple[str, ...], error_rate: float) -> tuple[list[float], list[float]]:
    """Milliseconds to fuse each line, and to lay each on the page; what came before does not count."""
    region = Region(Box(0, 0, round(LENGTH * WIDTH_PX), 20).polygon(), round(LENGTH * WIDTH_PX), 20)
    for line in lines(engines, error_rate, LINES, 1):
        line_on_page(fuse_line(line, profile, Method.CONFIDENCE_WEIGHTED), region, line)
    fusing: list[float] = []
    placing: list[float] = []
    for line in lines(engines, error_rate, LINES, 2):
        begun = time.thread_time()
        fused = fuse_line(line, profile, Method.CONFIDENCE_WEIGHTED)
        between = time.thread_time()
        line_on_page(fused, region, line)
        fusing.append(1000.0 * (between - begun))
        placing.append(1000.0 * (time.thread_time() - between))
    return fusing, placing


def times() -> str:
    """A Markdown table."""
    tuned = tuned_document("bundled", Thresholds())
    assert tuned is not None
    profile = tuned.profiles["general"]
    engines = tuple(name for name in profile.weights if name != SPELLING)
    gc.freeze()  # what a service holds for good is not looked at again with every line
    rows = []
    for error_rate in ERROR_RATES:
        fusing, placing = timed(profile, engines, error_rate)
        within = sorted(fusing)[round(0.95 * LINES)]
        shown = statistics.median(fusing), statistics.mean(fusing), within, statistics.median(placing)
        rows.append((f"{error_rate:.0%}", *(f"{ms:.2f}" for ms in shown)))
    heads = ("fuse: median ms", "mean", "95 of 100 within", "place: median ms")
    return table((f"errors of each of {len(engines)} engines", *heads), rows)


def main(out: Path = RESULTS / "fusion_speed.md") -> None:
    """Time the fusion of lines with three error rates."""
    before = as_table(environment())
    about = (
        f"Made by `python -m benchmarks.speed.fusion`. Each row: {LINES} lines of {LENGTH} characters, one thread. "
        "*Fuse* aligns and votes; *place* puts the characters on the page."
    )
    publish(document("Speed of fusion", about, before, times()), out)


if __name__ == "__main__":
    command.run(main)
