"""Jobs on a real local cluster, over real HTTP: whatever dies meanwhile, each page comes once, right, in order."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from cluster.local.application_processes import components_among
from cluster.local.processes import children
from tests.fakes.sized_pages import sized_pdf, width_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# At 72 dots an inch a page is as wide as its number says; the words on it are not taken from the file.
OPTIONS = {"dpi": 72, "existing_text": "redo", "engines": "steady"}
_LEASE_S = 3.0


@pytest.fixture(scope="module")
def url(serving: Callable[..., str]) -> str:
    config = {
        "engines": [{"name": f"tests.fakes.{name}"} for name in ("steady", "agreeing")],
        "limits": {"timeout_s": 30.0},
        "jobs": {"lease_s": _LEASE_S, "pages_at_once": 8},
        "ready_engines": 2,
    }
    return serving(config, gateways=2)


def processes_of(deployment: str) -> list[psutil.Process]:
    return [process for part, process in components_among(children()) if part == deployment]


def submit(url: str, document: bytes, **options: Any) -> str:
    sent = {"file": ("book.pdf", document, "application/pdf")}
    response = httpx.post(f"{url}/jobs", files=sent, data={**OPTIONS, **options}, timeout=60)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def asked_again(url: str) -> httpx.Response:
    """What the path answers, asked until a Gateway is there that does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            response = httpx.get(url, timeout=30)
            if response.status_code < 500:
                return response
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"nobody answers {url}"
        time.sleep(0.5)


def until(url: str, job: str, is_so: Callable[[dict[str, Any]], bool], within_s: float = 240.0) -> dict[str, Any]:
    deadline = time.monotonic() + within_s
    while not is_so(answer := asked_again(f"{url}/jobs/{job}").json()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.25)
    return answer


def widths(url: str, job: str) -> list[int]:
    """The widths of all pages, in the order of the result."""
    *pages, end = asked_again(f"{url}/jobs/{job}/result?format=ndjson").text.splitlines()
    assert json.loads(end)["end"] is True
    answers = [json.loads(page)["answer"] for page in pages]
    assert [answer["page"] for answer in answers] == list(range(1, len(answers) + 1))
    return [answer["width"] for answer in answers]


@contextmanager
def largest_memory_mb(deployment: str) -> Iterator[list[float]]:
    """The memory of its largest process, without those that draw pages and without what processes share, while the
    context lasts. Ray's store of objects is shared: whatever passed through it would count for each who looked at it.
    """
    seen: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            seen.append(max((_own_mb(process) for process in processes_of(deployment)), default=0.0))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def _own_mb(process: psutil.Process) -> float:
    try:
        memory = process.memory_info()
        return float(memory.rss - memory.shared) / 1e6
    except psutil.Error:
        return 0.0


def test_a_document_is_read_through_a_job_while_what_reads_it_is_killed(url: str) -> None:
    pages = 60
    job = submit(url, sized_pdf(pages))
    for victim, done in (("JobWorker", 8), ("Router", 20), ("Gateway", 32)):
        until(url, job, lambda answer, done=done: answer["pages_done"] >= done)
        processes_of(victim)[0].kill()
    answer = until(url, job, lambda answer: answer["finished_at"] is not None)
    assert (answer["state"], answer["pages_done"], answer["pages_failed"]) == ("succeeded", pages, 0)
    assert widths(url, job) == [width_of(number) for number in range(1, pages + 1)]


def test_a_job_that_is_cancelled_stops_and_what_it_held_is_gone(url: str) -> None:
    job = submit(url, sized_pdf(200))
    until(url, job, lambda answer: answer["pages_done"] >= 8)
    cancelled = httpx.delete(f"{url}/jobs/{job}", timeout=30).json()
    assert cancelled["state"] == "cancelled"
    time.sleep(2.0)
    assert asked_again(f"{url}/jobs/{job}").json()["pages_done"] == cancelled["pages_done"]
    assert asked_again(f"{url}/jobs/{job}/result").status_code == 410


_PIECE = bytes(3_000_000)


def sent_as_it_is(pieces: int) -> Iterator[bytes]:
    yield from (_PIECE for _ in range(pieces))


def sent_in_json(pieces: int) -> Iterator[bytes]:
    text = base64.b64encode(_PIECE)
    yield b'{"image": "'
    yield from (text for _ in range(pieces))
    yield b'"}'


@pytest.mark.slow
@pytest.mark.parametrize(("send", "kind"), [(sent_as_it_is, "application/pdf"), (sent_in_json, "application/json")])
def test_an_upload_of_a_gigabyte_is_never_whole_in_the_memory_of_a_process(
    url: str, send: Callable[[int], Iterator[bytes]], kind: str
) -> None:
    pieces = 333
    with largest_memory_mb("Gateway") as gateway_mb, largest_memory_mb("ProxyActor") as proxy_mb:
        time.sleep(1.5)
        before = max(gateway_mb), max(proxy_mb)
        began = time.monotonic()
        response = httpx.post(f"{url}/jobs", content=send(pieces), headers={"content-type": kind}, timeout=250)
        spent_s = time.monotonic() - began
        time.sleep(1.0)
    assert response.status_code == 202, response.text
    grown = max(gateway_mb) - before[0], max(proxy_mb) - before[1]
    print(f"\n1 GB in {spent_s:.0f} s: the Gateway grew by {grown[0]:.0f} MB, the proxy by {grown[1]:.0f} MB")
    assert response.json()["files"][0]["bytes"] == pieces * len(_PIECE)
    httpx.delete(f"{url}/jobs/{response.json()['id']}", timeout=30)
    assert max(grown) < 100.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_book_of_500_pages_is_read_while_everything_is_killed_again_and_again_in_flat_memory(url: str) -> None:
    pages = 500
    with largest_memory_mb("JobWorker") as worker_mb:
        job = submit(url, sized_pdf(pages))
        for victim, done in (
            ("JobWorker", 20),
            ("Router", 80),
            ("Gateway", 140),
            ("JobWorker", 200),
            ("Segmentation", 260),
            ("steady", 320),
        ):
            until(url, job, lambda answer, done=done: answer["pages_done"] >= done, 600.0)
            processes_of(victim)[0].kill()
        until(url, job, lambda answer: answer["pages_done"] >= 400, 600.0)
        early = max(worker_mb[-10:])
        answer = until(url, job, lambda answer: answer["finished_at"] is not None, 600.0)
    assert (answer["state"], answer["pages_done"], answer["pages_failed"]) == ("succeeded", pages, 0)
    assert widths(url, job) == [width_of(number) for number in range(1, pages + 1)]
    print(f"\nthe worker had {early:.0f} MB at 400 pages and {max(worker_mb[-10:]):.0f} MB at the end")
    assert max(worker_mb[-10:]) < early + 50.0
