"""The whole application on a real local Ray cluster over real HTTP, with engines that misbehave in one way each."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import psutil
import pytest

from cluster.local.application_processes import components_among
from cluster.local.processes import children

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[3]
STUBS = ("steady", "agreeing", "slow", "deadly", "broken", "missing")


def page(*lines: str, width: int = 400, height: int = 300, noise: bool = False) -> bytes:
    """A page as PNG. Lines drawn across more than 600 px are the ones on which the fakes misbehave."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    if noise:
        pixels = np.random.default_rng(1).integers(200, 256, (height, width, 3), np.uint8)
    picture = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(picture)
    for index, text in enumerate(lines):
        draw.text((20, 30 + 80 * index), text, fill="black", font=PIL.ImageFont.load_default(36))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


NARROW = page("some words")
WIDE = page("a line that runs across the whole of this wide page", width=1100)
WIDEST = page("a line that runs across the whole of this page, which is wider than any other page is", width=1400)
MOST_REQUESTS = 20


@pytest.fixture(scope="module")
def url(serving: Callable[[dict[str, Any]], str]) -> str:
    config = {
        "engines": [{"name": f"tests.fakes.{name}", "hung_after_s": 4.0} for name in STUBS],
        "limits": {"timeout_s": 20.0, "max_request_mb": 80.0, "max_requests": MOST_REQUESTS},
        "circuit": {"cool_down_s": 1.0},
        "ready_engines": 5,
    }
    return serving(config)


def read(url: str, image: bytes, **options: Any) -> httpx.Response:
    return httpx.post(
        f"{url}/predict_text", content=image, params=options, headers={"content-type": "image/png"}, timeout=60
    )


def statuses(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 200, response.text
    return {name: report["status"] for name, report in response.json()["engine_predictions"].items()}


def replicas(deployment: str) -> list[psutil.Process]:
    return [process for part, process in components_among(children()) if part == deployment]


def test_every_engine_answers_or_says_what_it_needs(url: str) -> None:
    response = read(url, NARROW)
    assert statuses(response) == {**dict.fromkeys(STUBS, "ok"), "missing": "unavailable"}
    assert response.json()["text"] == "steady"
    assert response.json()["degraded"] is True
    assert "put one there" in response.json()["engine_predictions"]["missing"]["detail"]


def test_an_engine_that_raises_is_an_error_and_the_others_vote(url: str) -> None:
    response = read(url, WIDE, engines="steady,agreeing,broken")
    assert statuses(response)["broken"] == "error"
    assert "ZeroDivisionError" in response.json()["engine_predictions"]["broken"]["detail"]
    assert response.json()["text"] == "steady"


def test_an_engine_that_keeps_failing_is_left_out_until_it_answers_again(url: str) -> None:
    while statuses(response := read(url, WIDE, engines="steady,broken"))["broken"] == "error":
        pass
    assert statuses(response)["broken"] == "unavailable"
    assert response.json()["degraded"] is True
    assert httpx.get(f"{url}/status", timeout=10).json()["engines"]["broken"]["circuit"] == "open"
    time.sleep(1.0)
    deadline = time.monotonic() + 30
    while statuses(read(url, NARROW, engines="steady,broken"))["broken"] != "ok":
        assert time.monotonic() < deadline, "it was not tried again"
    assert httpx.get(f"{url}/status", timeout=10).json()["engines"]["broken"]["circuit"] == "closed"


def test_a_slow_engine_is_left_behind_at_the_deadline_and_its_replica_still_answers(url: str) -> None:
    started = time.monotonic()
    response = read(url, WIDE, engines="steady,slow", timeout_s=1.5)
    assert time.monotonic() - started < 3.0
    assert statuses(response)["slow"] == "timeout"
    state = httpx.get(f"{url}/status", timeout=10).json()["engines"]["slow"]
    assert state["available"], "the event loop of the busy replica did not answer"
    deadline = time.monotonic() + 20
    while statuses(read(url, NARROW, engines="slow,steady"))["slow"] != "ok":
        assert time.monotonic() < deadline


def test_a_caller_that_was_cut_off_gets_the_answer_that_was_made_meanwhile(url: str) -> None:
    def ask(wait_s: float) -> httpx.Response:
        headers = {"content-type": "image/png", "idempotency-key": "cut-off"}
        options = {"engines": "steady,slow"}
        return httpx.post(f"{url}/predict_text", content=WIDE, params=options, headers=headers, timeout=wait_s)

    with pytest.raises(httpx.ReadTimeout):
        ask(1.0)
    began = time.monotonic()
    response = ask(60.0)
    assert statuses(response)["slow"] == "ok"
    assert response.headers["idempotent-replayed"] == "true"
    again = ask(60.0)
    assert again.content == response.content
    assert time.monotonic() - began < 20.0


def test_an_engine_that_hangs_has_its_replica_replaced(url: str) -> None:
    assert statuses(read(url, WIDEST, engines="steady,slow", timeout_s=1.5))["slow"] == "timeout"
    deadline = time.monotonic() + 90
    while statuses(read(url, NARROW, engines="steady,slow", timeout_s=2))["slow"] != "ok":
        assert time.monotonic() < deadline, "the hanging engine did not come back"


def test_a_replica_that_a_signal_stopped_is_replaced_and_no_request_fails(url: str) -> None:
    [stopped] = replicas("agreeing")
    stopped.suspend()
    answers = [read(url, NARROW, engines="steady,agreeing", timeout_s=2) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["text"] for answer in answers} == {"steady"}
    deadline = time.monotonic() + 90
    while replicas("agreeing") in ([], [stopped]):
        assert time.monotonic() < deadline, "the stopped replica is still there"
        time.sleep(0.5)
    while statuses(read(url, NARROW, engines="steady,agreeing", timeout_s=5))["agreeing"] != "ok":
        assert time.monotonic() < deadline, "no other replica reads in its place"


def test_an_overloaded_gateway_refuses_in_the_form_of_the_contract_and_answers_again_afterwards(url: str) -> None:
    with ThreadPoolExecutor(max_workers=2 * MOST_REQUESTS) as pool:
        sent = [pool.submit(read, url, WIDE, engines="steady,slow", timeout_s=4) for _ in range(2 * MOST_REQUESTS)]
        answers = [future.result() for future in sent]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert all(answer.json()["error"]["code"] == "overloaded" for answer in refused)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {answer.status_code for answer in answers} <= {
        200,
        503,
        504,
    }  # 504: on a busy machine four seconds are short
    assert read(url, NARROW, engines="steady").status_code == 200


def test_a_request_that_kills_an_engine_is_answered_by_the_others_and_the_engine_comes_back(url: str) -> None:
    response = read(url, WIDE, engines="steady,deadly")
    assert statuses(response)["deadly"] in ("error", "timeout")
    assert response.json()["text"] == "steady"
    deadline = time.monotonic() + 90
    while statuses(read(url, NARROW, engines="steady,deadly", timeout_s=5))["deadly"] != "ok":
        assert time.monotonic() < deadline, "the killed engine did not come back"


def test_killed_replicas_under_load_lose_no_request(url: str) -> None:
    """Engine, Segmentation and Router die one after the other while requests are sent; every one is answered."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        sent = []
        for deployment in ("steady", "Segmentation", "Router"):
            sent += [pool.submit(read, url, NARROW, engines="steady,agreeing") for _ in range(8)]
            for process in replicas(deployment):
                process.kill()
            sent += [pool.submit(read, url, NARROW, engines="steady,agreeing") for _ in range(8)]
            [future.result() for future in sent]
        answers = [future.result() for future in sent]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["text"] for answer in answers} == {"steady"}


def _lives_for(process: psutil.Process, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        return True
    return False


def test_a_page_that_hangs_in_the_segmentation_costs_itself_and_the_next_is_read(url: str) -> None:
    [replica] = replicas("Segmentation")
    workers = replica.children()
    for worker in workers:
        worker.suspend()  # what a library that hangs looks like from outside
    assert read(url, NARROW, engines="steady", timeout_s=3).status_code == 504
    left = [worker for worker in workers if _lives_for(worker, 5.0)]
    assert len(left) == len(workers) - 1
    for worker in left:
        worker.resume()
    assert read(url, NARROW, engines="steady", timeout_s=90).status_code == 200
    assert replicas("Segmentation") == [replica]


def test_a_worker_of_the_segmentation_that_is_killed_while_idle_costs_no_page(url: str) -> None:
    [replica] = replicas("Segmentation")
    for worker in replica.children():
        worker.kill()
        worker.wait(10)
    assert read(url, NARROW, engines="steady").status_code == 200
    assert replicas("Segmentation") == [replica]


def test_pixels_never_pass_through_the_router(url: str) -> None:
    """Its own memory (what it shares with the object store aside) stays flat over pages of 20 MB."""
    large = page("large page", width=3000, height=2300, noise=True)
    for _ in range(2):
        assert read(url, large, engines="steady").status_code == 200
    [router] = replicas("Router")
    before = router.memory_full_info().uss
    for _ in range(6):
        assert read(url, large, engines="steady").status_code == 200
    assert router.memory_full_info().uss - before < 20e6


def test_bad_input_is_refused_and_the_request_beside_it_is_answered(url: str) -> None:
    bad = [b"", b"junk", NARROW[: len(NARROW) // 2], b"%PDF-1.4", b"\x89PNG\r\n\x1a\n" + b"\0" * 100]
    with ThreadPoolExecutor(max_workers=8) as pool:
        good = [pool.submit(read, url, NARROW, engines="steady") for _ in range(len(bad))]
        refused = list(pool.map(lambda image: read(url, image), bad))
    assert {response.status_code for response in refused} <= {400, 415}
    assert all(response.json()["error"]["hint"] for response in refused)
    assert {future.result().status_code for future in good} == {200}


def test_a_program_in_another_process_asks_through_a_handle_and_through_the_client(url: str, tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(NARROW)
    program = """
import sys, ray
from ray import serve
ray.init(address="auto", logging_level="ERROR", log_to_driver=False)
handle = serve.get_app_handle("quorum")
image = open(sys.argv[1], "rb").read()
print(handle.predict_text.remote(image, {"engines": ["steady"]}).result()["text"])
from ocr.errors import OutOfRange
try:
    handle.predict.remote(image, {"engines": ["oracle"]}).result()
except OutOfRange as error:
    print(error.code)
from quorum.client import HandleClient
client = HandleClient()
print(client.read(image, engines=("steady",)).text, client.read_character(image, engines=("steady",)).character)
try:
    client.read(image, engines=("oracle",))
except OutOfRange as error:
    print(error.code)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "page.png")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    said = ["steady", "out_of_range", "steady", "None", "out_of_range"]
    assert finished.stdout.split() == said, finished.stderr[-2000:]
