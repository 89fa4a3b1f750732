"""The HTTP face: the application with its routes and errors, over any `Service`. Knows FastAPI, and neither Ray nor an
engine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import Context, copy_context

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from deployments.config.schema import ClusterConfig
from deployments.gateway import rendering
from deployments.gateway.access.access_middleware import API_KEY_HEADER, Guard
from deployments.gateway.access.admission import Places
from deployments.gateway.access.idempotency import Repeats
from deployments.gateway.access.rate_limit import RateLimiter
from deployments.gateway.access.reading_middleware import IDEMPOTENCY_KEY, REPLAYED, Intake
from deployments.gateway.error_responses import error_response
from deployments.gateway.operations import Operations
from deployments.gateway.page import add_page
from deployments.gateway.readings import Readings
from deployments.gateway.routes.openapi_examples import add_examples
from deployments.gateway.routes.operations import operation_routes
from deployments.gateway.routes.reading import reading_routes
from deployments.gateway.routes.stream import stream_routes
from deployments.messages.capabilities import Catalogue
from deployments.messages.service import Service
from deployments.messages.states import ServiceState
from deployments.observability.metrics import Record
from ocr.contract import ErrorAnswer, HealthAnswer, Problem, ReadyAnswer, StatusAnswer
from ocr.errors import NotReady, QuorumError


class Api:
    """What the routes do: used by HTTP and by Serve handles alike."""

    def __init__(self, service: Service, catalogue: Callable[[], Catalogue], version: str) -> None:
        self._service = service
        self._current = catalogue
        self.readings = Readings(service, catalogue)
        self.places = Places(lambda: self.config.limits.max_requests, share=lambda: self.config.limits.caller_share)
        self.version = version

    @property
    def _catalogue(self) -> Catalogue:
        """What the cluster can do under the configuration of this moment."""
        return self._current()

    @property
    def config(self) -> ClusterConfig:
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
        return ReadyAnswer(engines=[name for name, engine in state.engines.items() if engine.ready])

    def _missing(self, state: ServiceState) -> str:
        """What keeps the service from being ready; empty when nothing does."""
        if not state.segmentation_ready:
            return "segmentation is not warm"
        warm = sum(engine.ready for engine in state.engines.values())
        wanted = self.config.ready_engines
        return "" if warm >= wanted else f"{warm} of the {wanted} engines that are needed are warm"


def create_app(
    api: Api,
    operations: Operations,
    rates: RateLimiter,
    record: Record,
    apart: Callable[[], Context] = copy_context,
) -> FastAPI:
    """The ASGI application with every route of the contract. `rates` counts for the whole cluster; `apart` gives the
    context of work that goes on without its caller.
    """
    app = FastAPI(
        title="Quorum", version=api.version, description="A distributed OCR cluster.", docs_url=None, redoc_url=None
    )
    _add_error_handlers(app)
    app.include_router(reading_routes(api.readings))
    app.include_router(stream_routes(api.readings, rates))
    app.include_router(operation_routes(operations))
    _add_state_routes(app, api)
    add_page(app)
    add_examples(app)
    repeats = Repeats(lambda: api.config.repeats, time.monotonic, record, apart)
    app.add_middleware(Intake, places=api.places, repeats=repeats, limits=lambda: api.config.limits)
    app.add_middleware(Guard, config=lambda: api.config, rates=rates, record=record)
    _allow_origins(app, api.config.security.cors_origins)
    return app


def _allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of these origins ask from a browser. Outermost, because browsers ask for leave without a key."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["Authorization", "Content-Type", "If-Match", API_KEY_HEADER, IDEMPOTENCY_KEY],
            expose_headers=["ETag", "Retry-After", "X-Request-ID", REPLAYED],
        )


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
        return error_response(error)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        problem = Problem(code=f"http_{error.status_code}", message=str(error.detail), hint="see /docs for the routes")
        return JSONResponse(
            ErrorAnswer(error=problem).model_dump(mode="json"), error.status_code, dict(error.headers or {})
        )
