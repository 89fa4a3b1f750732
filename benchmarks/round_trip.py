"""The client's round trip for one character of 28x28 pixels through the served ensemble, one request at a time.

    python -m benchmarks.round_trip [--runs 100] [--out benchmarks/results/round_trip.md]

Starts `serve run serve_config.cpu.yaml` as a user would and asks over one connection that is kept open. A run counts
only when every engine that was asked answered.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.one_page import ROOT, URL, served
from benchmarks.percentiles import percentile
from benchmarks.setting import RESULTS, as_table, setting
from quorum.client import Client

IMAGE = ROOT / "tests" / "fixtures" / "seven.png"

# What is asked for, and which engines that are.
_CHOICES: dict[str, tuple[str, ...] | None] = {
    "every engine that reads a character": None,
    "emnist_cnn": ("emnist_cnn",),
    "tesseract": ("tesseract",),
    "paddleocr": ("paddleocr",),
}
_UNCOUNTED = 10  # the first ones of each choice


def round_trips(runs: int) -> dict[str, list[float]]:
    """Milliseconds of each run, for each choice of engines."""
    image = IMAGE.read_bytes()
    figures: dict[str, list[float]] = {}
    with Client(URL) as client:
        for name, engines in _CHOICES.items():
            times = [_timed(client, image, engines) for _ in range(_UNCOUNTED + runs)]
            figures[name] = times[_UNCOUNTED:]
    return figures


def _timed(client: Client, image: bytes, engines: tuple[str, ...] | None) -> float:
    options = {} if engines is None else {"engines": engines}
    started = time.perf_counter()
    answer = client.read_character(image, classes="digits", **options)  # type: ignore[arg-type]
    milliseconds = (time.perf_counter() - started) * 1000.0
    failed = [name for name, p in answer.engine_predictions.items() if p.status in ("timeout", "error", "shed")]
    if failed or not any(p.status == "ok" for p in answer.engine_predictions.values()):
        raise RuntimeError(f"this run does not count: failed engines {failed}")
    return milliseconds


def report(figures: dict[str, list[float]], before: dict[str, str]) -> str:
    rows = []
    for name, times in figures.items():
        shown = " | ".join(f"{percentile(times, percent):.1f}" for percent in (0, 50, 90, 99))
        rows.append(f"| {name} | {shown} | {len(times)} |")
    return "\n".join(
        [
            "# Round trip for one character of 28x28 pixels, one machine",
            "",
            "Made by `python -m benchmarks.round_trip`: tests/fixtures/seven.png, asked for over HTTP, one at a time.",
            "",
            as_table(before),
            "",
            "| asked | min ms | p50 ms | p90 ms | p99 ms | n |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS / "round_trip.md")
    arguments = parser.parse_args()
    before = setting()
    with served():
        figures = round_trips(arguments.runs)
    text = report(figures, before)
    arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
