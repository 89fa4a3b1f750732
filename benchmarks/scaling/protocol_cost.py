"""What a page costs over the Open Inference Protocol, beside the same page as a file over `/predict_text`.

    python -m benchmarks.scaling.protocol_cost [--url URL] [--runs 10] [--out benchmarks/results/protocol_cost.md]

One request at a time, the kinds in turn, so that whatever else the machine does meets all of them: the file itself,
the page as a binary tensor, and the page as numbers in JSON. Bodies are made before the time begins. Each tensor is
compared with the file that was sent just before it. Tesseract and PaddleOCR read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import PIL.Image

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import PAGE, QUICK, URL, served_at
from benchmarks.harness.timing import percentile
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table

ENGINES = ("tesseract", "paddleocr")
FILE, BINARY, NUMBERS = "the file", "binary tensor", "numbers in JSON"
WANTED = 0.15
_UNCOUNTED = 2
_INFER = "/v2/models/ocr/infer"
_PARAMETERS = {"engines": list(ENGINES)}
_OUTPUTS = [{"name": name, "parameters": {"binary_data": True}} for name in ("boxes", "txts", "scores")]


@dataclass(frozen=True, slots=True)
class Body:
    """A request that is ready to be sent."""

    path: str
    content: bytes
    headers: Mapping[str, str]


def bodies(file: Path) -> dict[str, Body]:
    """The same page in each way."""
    with PIL.Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))[np.newaxis]
    tensor = {"name": "image", "shape": list(pixels.shape), "datatype": "UINT8"}
    binary = {**tensor, "parameters": {"binary_data_size": pixels.nbytes}}
    head = json.dumps({"parameters": _PARAMETERS, "inputs": [binary], "outputs": _OUTPUTS}).encode()
    numbers = {"parameters": _PARAMETERS, "inputs": [{**tensor, "data": pixels.ravel().tolist()}]}
    plain = f"/predict_text?engines={','.join(ENGINES)}"
    return {
        FILE: Body(plain, file.read_bytes(), {"content-type": "image/png"}),
        BINARY: Body(_INFER, head + pixels.tobytes(), {"inference-header-content-length": str(len(head))}),
        NUMBERS: Body(_INFER, json.dumps(numbers).encode(), {"content-type": "application/json"}),
    }


def measured(ask: Callable[[Body], float], page: Mapping[str, Body], runs: int) -> dict[str, list[float]]:
    """Seconds of each request, the kinds in turn."""
    for _ in range(_UNCOUNTED):
        for body in page.values():
            ask(body)
    times: dict[str, list[float]] = {kind: [] for kind in page}
    for _ in range(runs):
        for kind, body in page.items():
            times[kind].append(ask(body))
    return times


def more_than_the_file(times: Mapping[str, Sequence[float]], kind: str) -> float:
    """How much longer a kind takes than the file that was sent in the same turn, as a part of it, in the middle."""
    return median(other / file for other, file in zip(times[kind], times[FILE], strict=True)) - 1.0


def report(figures: Mapping[str, Mapping[str, Sequence[float]]], sent: Mapping[str, Mapping[str, Body]]) -> str:
    rows = [
        [
            name,
            kind,
            f"{len(sent[name][kind].content) / 1e6:.2f}",
            *(f"{1000.0 * percentile(times[kind], percent):.0f}" for percent in (50, 90)),
            "" if kind == FILE else f"{100.0 * more_than_the_file(times, kind):+.1f} %",
            len(times[kind]),
        ]
        for name, times in figures.items()
        for kind in times
    ]
    return document(
        "What a page costs over the Open Inference Protocol",
        "Made by `python -m benchmarks.scaling.protocol_cost`. The same page as a file to `/predict_text` and as a "
        f"tensor to `{_INFER}`, one request at a time, in turn; {' and '.join(ENGINES)} read. "
        f"The goal is that a binary tensor takes at most {100.0 * WANTED:.0f} % longer; for numbers there is none.",
        as_table(environment()),
        table(("page", "sent as", "MB", "p50 ms", "p90 ms", "longer than the file", "n"), rows),
    )


def main(url: str | None = None, runs: int = 10, out: Path = RESULTS / "protocol_cost.md") -> None:
    """Read the two sample pages so many times in each way; without --url the application is started."""
    sent = {file.name: bodies(file) for file in (PAGE, QUICK)}
    with served_at(url), httpx.Client(base_url=url or URL, timeout=120.0, trust_env=False) as client:

        def ask(body: Body) -> float:
            began = time.perf_counter()
            response = client.post(body.path, content=body.content, headers=dict(body.headers))
            seconds = time.perf_counter() - began
            response.raise_for_status()
            return seconds

        figures = {name: measured(ask, page, runs) for name, page in sent.items()}
    publish(report(figures, sent), out)


if __name__ == "__main__":
    command.run(main)
