"""Constant load for a long time: every request answered alike, memory flat. Minutes: QUORUM_SOAK_MINUTES, 30 by
default. The lines of memory are left in benchmarks/results.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.harness.memory import draw, growth, sampled, settled
from benchmarks.harness.results import RESULTS
from deployments.placement import one_machine_config

SOAK_S = 60.0 * float(os.environ.get("QUORUM_SOAK_MINUTES", "30"))
pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.timeout(SOAK_S + 600)]

QUICK = (Path(__file__).parents[3] / "examples" / "quick.png").read_bytes()
CLIENTS = 3
MOST_GROWTH_MB = 30.0
"""What a part may grow by in the last two thirds of the time: no more than noise."""


def keep_asking(url: str, until: float) -> list[tuple[int, str]]:
    """Ask one page after the other; the status code and the text of each answer."""
    answers = []
    with httpx.Client(timeout=120) as client:
        while time.monotonic() < until:
            response = client.post(f"{url}/predict_text", content=QUICK, headers={"content-type": "image/png"})
            answers.append((response.status_code, response.json().get("text", response.text)))
    return answers


def test_under_constant_load_every_request_is_answered_alike_and_memory_is_flat(
    serving: Callable[[dict[str, Any]], str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = serving(one_machine_config().model_dump(mode="json", exclude_defaults=True))
    until = time.monotonic() + SOAK_S
    with sampled(SOAK_S / 120.0) as samples, ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        clients = [pool.submit(keep_asking, url, until) for _ in range(CLIENTS)]
        answers = [answer for client in clients for answer in client.result()]
    grown = growth(samples)
    at_first = settled(samples)[0].megabytes
    with capsys.disabled():
        print(f"\n{len(answers)} pages in {SOAK_S / 60:g} min; MB since a third of the time: ", end="")
        print(", ".join(f"{part} {at_first.get(part, 0.0):.0f}{grown[part]:+.0f}" for part in sorted(grown)))
    (RESULTS / "soak.json").write_text(json.dumps([asdict(sample) for sample in samples]) + "\n")
    draw(samples, RESULTS / "soak.png", f"{len(answers)} pages in {SOAK_S / 60:g} minutes, {CLIENTS} clients")
    assert {status for status, _ in answers} == {200}
    assert len({text for _, text in answers}) == 1
    assert all(megabytes < MOST_GROWTH_MB for megabytes in grown.values()), grown
