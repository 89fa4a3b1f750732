"""Constant load for a long time: every request answered, memory flat. Minutes: QUORUM_SOAK_MINUTES, 10 by default."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.placement import one_machine_config

SOAK_S = 60.0 * float(os.environ.get("QUORUM_SOAK_MINUTES", "10"))
pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.timeout(SOAK_S + 600)]

QUICK = (Path(__file__).parents[2] / "examples" / "quick.png").read_bytes()


def memory_mb() -> dict[str, float]:
    """Unique memory of each replica process by deployment."""
    sizes: dict[str, float] = {}
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if "ServeReplica:quorum:" in command:
            name = command.split("ServeReplica:quorum:")[1].split(":")[0].split()[0]
            sizes[name] = sizes.get(name, 0.0) + process.memory_full_info().uss / 1e6
    return sizes


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
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=3) as pool:
        clients = [pool.submit(keep_asking, url, began + SOAK_S) for _ in range(3)]
        time.sleep(SOAK_S / 3)  # allocators and caches settle
        settled = memory_mb()
        time.sleep(max(0.0, began + SOAK_S - time.monotonic() - 2.0))
        final = memory_mb()
        answers = [answer for client in clients for answer in client.result()]
    growth = {name: final[name] - settled[name] for name in settled}
    with capsys.disabled():
        print(f"\n{len(answers)} pages in {SOAK_S / 60:g} min; MB since a third of the time: ", end="")
        print(", ".join(f"{name} {settled[name]:.0f}{growth[name]:+.0f}" for name in sorted(growth)))
    assert {status for status, _ in answers} == {200}
    assert len({text for _, text in answers}) == 1
    assert all(grown < 30.0 for grown in growth.values()), growth
