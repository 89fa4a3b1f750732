"""Hostile callers are bounded: they stop when their time is over, whatever they meet."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attack.asking import Target, repeated
from benchmarks.attack.hostile_callers import HostileCaller, hostile_callers, work
from benchmarks.attack.outcomes import KeptOutcomes, Outcome, report
from benchmarks.harness.serving import served

pytestmark = pytest.mark.processes

OUTCOME = Outcome("x", 0.2, 1.5, 7, (), 1.0, (), 1.4, 0.1)


class _Server(socketserver.ThreadingTCPServer):
    """A server that answers whatever it is sent with 503, and counts connections.

    It runs beside the event loop, and leaving it joins its threads. A server of asyncio that closes loses a connection
    it has accepted in the same turn of the loop: nobody closes that socket.
    """

    allow_reuse_address = True
    block_on_close = True
    daemon_threads = False
    request_queue_size = 1_000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(5)
        with suppress(OSError):
            self.request.recv(1)
            self.request.sendall(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@contextmanager
def listening() -> Iterator[_Server]:
    with _Server() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


def test_there_are_many_kinds_and_each_has_its_name() -> None:
    names = [caller.name for caller in hostile_callers()]
    assert len(set(names)) == len(names) >= 70


@pytest.mark.parametrize("caller", hostile_callers(), ids=lambda caller: caller.name)
async def test_a_caller_ends_when_its_time_is_over(caller: HostileCaller) -> None:
    caller.prepare()
    with listening() as server:
        async with asyncio.timeout(60):  # what it has under way may take a little longer
            await caller.attack(Target("127.0.0.1", server.port, time.monotonic() + 0.1))


async def test_requests_are_bounded_in_number() -> None:
    with listening() as server:
        target = Target("127.0.0.1", server.port, time.monotonic() + 30)
        await repeated(target, lambda client: client.get("/"), at_once=3, most=7)
    assert server.connections == 7


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"ready_p99_s": 0.51}, False),
        ({"slower": 2.1}, False),
        ({"refusals": ("503",)}, False),
        ({"memory": 1.2}, False),
        ({"replaced": ("Gateway",)}, False),
    ],
)
def test_a_caller_is_held_to_every_promise(changed: dict[str, object], holds: bool) -> None:
    fine: dict[str, object] = {"ready_p99_s": 0.5, "slower": 2.0, "refusals": (), "memory": 1.1, "replaced": ()}
    outcome = Outcome(name="x", pages=3, usual_page_s=0.4, taken=0.1, **{**fine, **changed})  # type: ignore[arg-type]
    assert outcome.holds is holds
    assert ("**no**" in outcome.row()) is not holds


async def test_a_caller_hangs_up_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.attack.hostile_callers.LEAVES_S", 0.0)
    left = asyncio.Event()

    async def never(_: Target) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    await work(HostileCaller("x", never), Target("127.0.0.1", 1, time.monotonic()))
    assert left.is_set()


def test_a_run_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    path, run = tmp_path / "run.jsonl", {"commit": "abc", "seconds": 12.0}
    first = KeptOutcomes(path, run)
    first.begin()
    first.add(OUTCOME)
    first.add(replace(OUTCOME, name="y", refusals=("503 full",), replaced=("Gateway",)))
    again = KeptOutcomes(path, run)
    assert again.before() == [OUTCOME, replace(OUTCOME, name="y", refusals=("503 full",), replaced=("Gateway",))]
    with pytest.raises(ValueError, match="of another run"):
        KeptOutcomes(path, {**run, "commit": "def"}).before()
    again.remove()
    assert again.before() == []
    again.add(OUTCOME)
    assert again.before() == [OUTCOME]


def test_a_report_says_how_many_callers_are_missing() -> None:
    about = {"commit": "abc"}
    assert "1 of 2; 3 more are not measured" in report([OUTCOME, replace(OUTCOME, memory=1.2)], 5, about, 12.0, 5.0)
    whole = report([OUTCOME], 1, about, 12.0, 5.0)
    assert "not measured" not in whole
    assert OUTCOME.row() in whole


def test_nothing_is_measured_beside_another_service_at_the_same_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as server:
        monkeypatch.setattr("benchmarks.harness.serving.URL", f"http://127.0.0.1:{server.port}")
        with pytest.raises(RuntimeError, match="already"), served():
            pass
