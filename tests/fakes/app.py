"""A Serve application with the outside of the real one and nothing inside: `import_path: tests.fakes.app:build`.

One engine is ready after a moment, one says that it is unavailable. `build_broken` makes the same with an engine that
cannot be constructed. `GET /status` answers by the contract.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import Any

from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.service import status_answer, text_answer


class FakeEngine:
    """Needs a moment to load; keeps a program running, as an engine that calls one does."""

    def __init__(self, load_s: float, breaks: bool) -> None:
        if breaks:
            raise RuntimeError("this engine cannot be made")
        time.sleep(load_s)
        self._program = subprocess.Popen(["sleep", "600"])

    async def state(self) -> bool:
        return self._program.poll() is None


class FakeGateway:
    """Answers `/status` and `/predict_text` like a service with two engines, of which trocr is unavailable."""

    def __init__(self, *engines: Any) -> None:
        self._engines = engines

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/status":
            await asyncio.gather(*(engine.state.remote() for engine in self._engines))
            return _json(status_answer(available=("tesseract",)).model_dump_json())
        return _json(text_answer(engines=("tesseract",)).model_dump_json())


def build(_args: dict[str, Any]) -> Application:
    return _application(breaks=False)


def build_broken(_args: dict[str, Any]) -> Application:
    return _application(breaks=True)


def _application(*, breaks: bool) -> Application:
    def engine(name: str, *, breaks: bool = False) -> Application:
        options = {"name": name, "ray_actor_options": {"num_cpus": 0.2}}
        return serve.deployment(FakeEngine).options(**options).bind(0.5, breaks)

    gateway = serve.deployment(FakeGateway).options(name="Gateway", ray_actor_options={"num_cpus": 0.2})
    return gateway.bind(engine("tesseract"), engine("trocr", breaks=breaks))


def _json(body: str) -> Response:
    return Response(body, media_type="application/json")
