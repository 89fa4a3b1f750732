"""Hostile callers are bounded: they stop when their time is over, whatever they meet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from benchmarks.attack.__main__ import Outcome
from benchmarks.attack.hostile_callers import HostileCaller, Target, hostile_callers, repeated

pytestmark = pytest.mark.processes


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[int]]]:
    """A server that answers whatever it is sent with 503, and counts connections."""
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            await asyncio.wait_for(reader.read(1), 5)
            writer.write(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections
    # Connections that were accepted and not answered yet would be left to the end of the loop, which closes no socket.
    while unanswered := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(unanswered)


def test_there_are_many_kinds_and_each_has_its_name() -> None:
    names = [caller.name for caller in hostile_callers()]
    assert len(set(names)) == len(names) >= 50


@pytest.mark.parametrize("caller", hostile_callers(), ids=lambda caller: caller.name)
async def test_a_caller_ends_when_its_time_is_over(caller: HostileCaller) -> None:
    caller.prepare()
    async with listening() as (port, _), asyncio.timeout(60):  # what it has under way may take a little longer
        await caller.attack(Target("127.0.0.1", port, time.monotonic() + 0.1))


async def test_requests_are_bounded_in_number() -> None:
    async with listening() as (port, connections):
        target = Target("127.0.0.1", port, time.monotonic() + 30)
        await repeated(target, lambda client: client.get("/"), at_once=3, most=7)
    assert len(connections) == 7


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
