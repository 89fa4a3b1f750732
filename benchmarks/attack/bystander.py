"""What somebody else meets while a hostile caller is at work: how soon `/ready` and a small page are answered, whether
anything is refused, how much memory the Gateway takes, and whether the same replicas live on.

The bystander asks from an address of its own, so that it is another caller.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psutil

from benchmarks.harness.serving import QUICK
from benchmarks.harness.timing import percentile
from cluster.local.application_processes import component_of
from cluster.local.processes import children
from ocr.runtime.process_memory import memory_mb

ADDRESS = "127.0.0.2"
_READY_EVERY_S = 0.1
_ENGINES = "tesseract,paddleocr"


@dataclass
class Seen:
    """What was met in a while. Times are seconds; `refusals` are answers other than 200, and cut connections."""

    ready_s: list[float] = field(default_factory=list)
    page_s: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def ready_p99_s(self) -> float:
        return percentile(self.ready_s, 99)

    @property
    def page_p50_s(self) -> float:
        return percentile(self.page_s, 50)


async def _asked(seen: Seen, times: list[float], call: Callable[[], Awaitable[httpx.Response]]) -> None:
    began = time.monotonic()
    try:
        response = await call()
    except httpx.HTTPError as error:
        seen.refusals.append(type(error).__name__)
    else:
        if response.status_code != 200:
            seen.refusals.append(f"{response.status_code} {response.text[:100]}")
    times.append(time.monotonic() - began)


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Seen]:
    """Ask all the time until the block is left."""
    seen, page = Seen(), QUICK.read_bytes()
    transport = httpx.AsyncHTTPTransport(local_address=ADDRESS)
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=60.0) as client:

        async def ready() -> None:
            while True:
                await _asked(seen, seen.ready_s, lambda: client.get("/ready"))
                await asyncio.sleep(_READY_EVERY_S)

        async def pages() -> None:
            ask = {"params": {"engines": _ENGINES}, "headers": {"Content-Type": "image/png"}}
            while True:
                await _asked(seen, seen.page_s, lambda: client.post("/predict_text", content=page, **ask))  # type: ignore[arg-type]

        tasks = [asyncio.create_task(ready()), asyncio.create_task(pages())]
        try:
            yield seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def replicas() -> dict[int, str]:
    """The deployments' processes below this one: process id -> deployment. A program that a replica starts has the
    replica's name for a moment, and is none.
    """
    found: dict[int, str] = {}
    parents: dict[int, int] = {}
    for process in children():
        with suppress(psutil.NoSuchProcess):  # programs come and go
            if part := component_of(process):
                found[process.pid], parents[process.pid] = part, process.ppid()
    return {pid: part for pid, part in found.items() if parents[pid] not in found}


def gateway_mb() -> float:
    """The Gateway's own memory, in units of 1,000,000 bytes: what it maps of Ray's object store is not its own."""
    return sum(memory_mb(pid) for pid, part in replicas().items() if part == "Gateway")
