"""Whether the code became slower: what ours takes over what others take for the same page, against the last result.

    python -m benchmarks.speed check            ends with 1 where a ratio is worse than it was
    python -m benchmarks.speed check --keep     what was measured is what the next ones are compared with

Seconds differ between machines; the processor time of ours over that of a program which does like work with the same
library hardly does, so PaddleOCR is held to float32, which every machine computes in. Engines and the segmentation are
held against pipelines of others, in processes of their own; what is plain Python (fusing, answering) against plain
Python. Each is the least of a few readings: what disturbs a reading only adds to it. The page is small, so that it all
takes less than two minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.results import read_parts, write_parts
from benchmarks.harness.serving import QUICK
from benchmarks.harness.timing import timed
from benchmarks.scaling.page import page_cost
from benchmarks.speed.peers import in_own_process
from benchmarks.speed.readers import SEGMENTATION, alone, in_float32
from evaluation.environment import environment

TOLERANCE = 1.3
"""How much worse a ratio may be: two machines differ by less, and what is worth looking at is more."""

READINGS = 3
PYTHON, ROUTER, GATEWAY = "plain Python", "one page in the Router", "one page in the Gateway"

RATIOS: Mapping[str, tuple[str, str]] = {
    "segmentation": (SEGMENTATION, "rapidocr"),
    "emnist_cnn": (alone("emnist_cnn"), "rapidocr"),
    "tesseract": (alone("tesseract"), "pytesseract"),
    "easyocr": (alone("easyocr"), "rapidocr"),
    "trocr": (alone("trocr"), "rapidocr"),
    "paddleocr": (in_float32("paddleocr"), "rapidocr"),
    "Router": (ROUTER, PYTHON),
    "Gateway": (GATEWAY, PYTHON),
}
"""What of ours is held against what."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One ratio now and as it was kept; None: it is new."""

    name: str
    now: float
    before: float | None

    @property
    def worse(self) -> bool:
        return self.before is not None and self.now > TOLERANCE * self.before

    def __str__(self) -> str:
        was = "new" if self.before is None else f"was {self.before:.3f}, {self.now / self.before:.2f} times that"
        return f"{'WORSE ' if self.worse else 'ok    '}{self.name:14} {self.now:.3f} ({was})"


def ratios_of(core_seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(core_seconds[ours] / core_seconds[theirs], 4) for name, (ours, theirs) in RATIOS.items()}


def measured() -> dict[str, float]:
    """The core-seconds of everything that is compared. Raises RuntimeError where something cannot be had."""
    page = page_cost()
    in_python = {PYTHON: _plain_python_s(), ROUTER: page.router_ms / 1000.0, GATEWAY: page.gateway_ms / 1000.0}
    ways = dict.fromkeys(way for pair in RATIOS.values() for way in pair if way not in in_python)
    return {**in_python, **{way: _core_seconds(way) for way in ways}}


def _core_seconds(way: str) -> float:
    made = in_own_process(way, [QUICK] * READINGS)
    if isinstance(made, str):
        raise RuntimeError(f"{way}: {made}")
    return min(reading.core_seconds for reading in made.readings)


def _plain_python_s() -> float:
    """What Python takes for a fixed amount of the like of what fusing does: small objects, strings, tables."""

    def votes() -> None:
        sums: dict[tuple[str, int], float] = {}
        for number in range(200_000):
            key = (chr(97 + number % 26), number % 97)
            sums[key] = sums.get(key, 0.0) + 1.0 / (1 + number)
        sorted(sums.items(), key=lambda vote: vote[1])

    return min(timed(votes, READINGS, 0, time.process_time))


def compare(out: Path, *, keep: bool, measure: Callable[[], Mapping[str, float]] = measured) -> int:
    """Print every ratio; 1 where one is worse than in `out` or nothing is kept there, unless it is to be kept."""
    before: Mapping[str, float] = read_parts(out).get("check", {}).get("ratios", {})
    spent = dict(measure())
    now = ratios_of(spent)
    ratios = [Ratio(name, value, before.get(name)) for name, value in now.items()]
    for ratio in ratios:
        print(ratio)
    if keep:
        write_parts(out, {"check": {"setting": environment(), "core_seconds": spent, "ratios": now}})
        return 0
    return _verdict(ratios, out)


def _verdict(ratios: Sequence[Ratio], out: Path) -> int:
    worse = [ratio.name for ratio in ratios if ratio.worse]
    if worse:
        print(
            f"more than {TOLERANCE:g} times as slow as in the last result: {', '.join(worse)}. If that is wanted: "
            "python -m benchmarks.speed check --keep",
            file=sys.stderr,
        )
    if all(ratio.before is None for ratio in ratios):
        print(f"{out} has nothing to compare with: python -m benchmarks.speed check --keep", file=sys.stderr)
        return 1
    return int(bool(worse))
