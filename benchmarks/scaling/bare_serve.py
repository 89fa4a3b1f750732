"""The calls that one page costs, among deployments that do nothing: what of it is Ray Serve's own.

The file goes over HTTP to a front, from there to a middle, to a cutter that answers with a little and with crops in the
object store, and with a reference to those to five readers at once; sizes are those of examples/page.png with two words
in each line. Nobody decodes, reads, votes or writes JSON. Times are seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import numpy as np

from benchmarks.harness.serving import URL
from benchmarks.harness.timing import timed

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.serve.handle import DeploymentHandle
    from starlette.requests import Request
    from starlette.responses import Response

LINES = 40
CROPS_BYTES = 2_450_000
ANSWER_BYTES = 10_000
"""Of the layout, of what an engine says, and of the page."""

_READERS = 5
_PREFIX = "/bare"


class Front:
    """Takes a file over HTTP."""

    def __init__(self, middle: DeploymentHandle) -> None:
        self._middle = middle

    async def __call__(self, request: Request) -> Response:
        from starlette.responses import Response

        from deployments.transport import await_response

        return Response(await await_response(self._middle.page.remote(await request.body())))


class Middle:
    """Asks the cutter, then all readers."""

    def __init__(self, cutter: DeploymentHandle, *readers: DeploymentHandle) -> None:
        self._cutter = cutter.options(stream=True)
        self._readers = readers

    async def page(self, file: bytes) -> bytes:
        from deployments.transport import await_response, first_value_and_next_reference

        _, crops = await first_value_and_next_reference(self._cutter.page.remote(file))
        asked = [await_response(reader.read.remote(crops, list(range(LINES)))) for reader in self._readers]
        answers: list[bytes] = await asyncio.gather(*asked)
        return max(answers)


class Cutter:
    """Answers with crops that stay where they are."""

    async def page(self, _file: bytes) -> AsyncIterator[bytes | np.ndarray]:
        yield bytes(ANSWER_BYTES)
        yield np.zeros(CROPS_BYTES, np.uint8)


class Reader:
    """Gets the crops and answers."""

    async def read(self, _crops: ObjectRef, _indices: Sequence[int]) -> bytes:
        return bytes(ANSWER_BYTES)


@contextmanager
def bare_application() -> Iterator[str]:
    """Beside whatever Serve runs already in this process's cluster; yields its address."""
    from ray import serve

    from deployments.placement import PROCESS_ENVIRONMENT

    def deployed(part: type, name: str, *arguments: object) -> object:
        options = {"num_cpus": 0, "runtime_env": {"env_vars": PROCESS_ENVIRONMENT}}
        return serve.deployment(part, name=name, ray_actor_options=options).bind(*arguments)

    readers = [deployed(Reader, f"Reader{number}") for number in range(_READERS)]
    front = deployed(Front, "Front", deployed(Middle, "Middle", deployed(Cutter, "Cutter"), *readers))
    serve.run(front, name="bare", route_prefix=_PREFIX)
    try:
        yield f"{URL}{_PREFIX}"
    finally:
        serve.delete("bare")


def times(file: bytes, runs: int, uncounted: int = 10) -> list[float]:
    """Of so many pages, one after another."""
    with bare_application() as url, httpx.Client(timeout=60.0, trust_env=False) as client:
        return timed(lambda: client.post(url, content=file).raise_for_status(), runs, uncounted)
