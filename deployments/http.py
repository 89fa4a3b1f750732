"""The HTTP face: the application with its routes and errors, over any `Service`. Knows FastAPI, and neither Ray nor an
engine.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deployments import rendering
from deployments.admission import Places
from deployments.asking import Catalogue
from deployments.config import ClusterConfig
from deployments.messages import ServiceState
from deployments.page import add_page
from deployments.reading import Readings, fault
from deployments.reading_routes import reading_routes
from deployments.rendering import error_answer
from deployments.service import Service
from deployments.stream_route import stream_routes
from ocr.contract import ErrorAnswer, HealthAnswer, Problem, ReadyAnswer, StatusAnswer
from ocr.errors import NotReady, QuorumError, ServiceError

log = logging.getLogger("quorum.gateway")


class Api:
    """What the routes do: used by HTTP and by Serve handles alike."""

    def __init__(self, service: Service, catalogue: Callable[[], Catalogue], version: str) -> None:
        self._service = service
        self._current = catalogue
        self.readings = Readings(service, catalogue)
        self.places = Places(lambda: self._config.limits.max_requests)
        self.version = version

    @property
    def _catalogue(self) -> Catalogue:
        """What the cluster can do under the configuration of this moment."""
        return self._current()

    @property
    def _config(self) -> ClusterConfig:
        return self._current().config

    async def status(self) -> StatusAnswer:
        state, components = await asyncio.gather(self._service.state(), self._service.components())
        return rendering.status_answer(
            state, components, self._catalogue, ready=not self._missing(state), version=self.version
        )

    async def ready(self) -> ReadyAnswer:
        state = await self._service.state()
        missing = self._missing(state)
        if missing:
            raise NotReady(f"not ready: {missing}", "try again in a few seconds; /status shows each part", 5.0)
        return ReadyAnswer(engines=[name for name, engine in state.engines.items() if engine.available])

    def _missing(self, state: ServiceState) -> str:
        """What keeps the service from being ready; empty when nothing does."""
        if not state.segmentation_ready:
            return "segmentation is not warm"
        warm = sum(engine.available for engine in state.engines.values())
        wanted = self._config.ready_engines
        return "" if warm >= wanted else f"{warm} of the {wanted} engines that are needed are warm"


def create_app(api: Api) -> FastAPI:
    """The ASGI application with every route of the contract that is served today."""
    app = FastAPI(title="Quorum", version=api.version, description="A distributed OCR cluster.", redoc_url=None)
    _add_error_handlers(app)
    app.include_router(reading_routes(api.readings, api.places))
    app.include_router(stream_routes(api.readings))
    _add_state_routes(app, api)
    add_page(app)
    return app


def _add_state_routes(app: FastAPI, api: Api) -> None:
    @app.get("/health")
    async def health() -> HealthAnswer:
        """The process lives."""
        return HealthAnswer()

    @app.get("/ready", responses={503: {"model": ErrorAnswer}})
    async def ready() -> ReadyAnswer:
        """Enough engines are warm to answer."""
        return await api.ready()

    @app.get("/status")
    async def status() -> StatusAnswer:
        """Components, replicas, models, weights."""
        return await api.status()


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(QuorumError)
    async def known(_: Request, error: QuorumError) -> JSONResponse:
        retry_after_s = error.retry_after_s if isinstance(error, ServiceError) else None
        headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
        return JSONResponse(error_answer(error).model_dump(mode="json"), error.http_status, headers)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        problem = Problem(code=f"http_{error.status_code}", message=str(error.detail), hint="see /docs for the routes")
        return JSONResponse(
            ErrorAnswer(error=problem).model_dump(mode="json"), error.status_code, dict(error.headers or {})
        )

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        failure = fault()
        return JSONResponse(error_answer(failure).model_dump(mode="json"), failure.http_status)
