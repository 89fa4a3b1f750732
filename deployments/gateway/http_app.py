"""The ASGI application: routes, middleware, error handlers. Knows FastAPI, and neither Ray nor an engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import Context, copy_context

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from deployments.gateway.access.access_middleware import API_KEY_HEADER, REVIEW_KEY_HEADER, AccessMiddleware
from deployments.gateway.access.idempotency import IdempotentResponses
from deployments.gateway.access.rate_limit import RateLimiter
from deployments.gateway.access.reading_middleware import IDEMPOTENCY_KEY, REPLAYED, ReadingMiddleware
from deployments.gateway.admin_api import AdminApi
from deployments.gateway.error_responses import error_body, error_response
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.integrations.azure_read import azure_routes
from deployments.gateway.integrations.mistral_files import mistral_file_routes
from deployments.gateway.integrations.mistral_ocr import mistral_routes
from deployments.gateway.integrations.open_inference import open_inference_routes
from deployments.gateway.integrations.open_webui import open_webui_routes
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.reviews.review_files import ReviewFiles
from deployments.gateway.reviews.reviews_api import ReviewsApi
from deployments.gateway.routes.admin import admin_routes
from deployments.gateway.routes.health import health_routes
from deployments.gateway.routes.jobs import FAILED_PAGES, job_routes
from deployments.gateway.routes.openapi_examples import add_examples
from deployments.gateway.routes.reading import ILLEGIBLE_LINES, reading_routes
from deployments.gateway.routes.reviews import review_routes
from deployments.gateway.routes.stream import stream_routes
from deployments.gateway.web_ui import add_web_ui
from deployments.observability.metrics import RecordMetric
from ocr.contract import Problem
from ocr.errors import QuorumError


def create_app(
    api: GatewayApi,
    admin_api: AdminApi,
    jobs: JobsApi,
    rates: RateLimiter,
    record: RecordMetric,
    detached_context: Callable[[], Context] = copy_context,
) -> FastAPI:
    """The application with every route of the contract. `rates` counts for the whole cluster; `detached_context` gives
    the context of work that goes on without its caller.
    """
    app = FastAPI(
        title="Quorum",
        version=api.version,
        description="A distributed OCR cluster.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_error_handlers(app)
    app.include_router(reading_routes(api.readings))
    app.include_router(job_routes(jobs))
    reviews = ReviewsApi(jobs, lambda: api.config.thresholds.review)
    app.include_router(review_routes(reviews, ReviewFiles(reviews, jobs)))
    app.include_router(stream_routes(api.readings, rates))
    app.include_router(admin_routes(admin_api))
    app.include_router(health_routes(api))
    app.include_router(open_inference_routes(api))
    app.include_router(mistral_routes(api.readings, jobs))
    app.include_router(mistral_file_routes(jobs))
    app.include_router(open_webui_routes(api.readings))
    app.include_router(azure_routes(jobs, lambda: api.config.security.trusted_proxies))
    add_web_ui(app)
    add_examples(app)
    responses = IdempotentResponses(lambda: api.config.repeats, time.monotonic, record, detached_context)
    app.add_middleware(
        ReadingMiddleware, admission=api.admission, responses=responses, limits=lambda: api.config.limits
    )
    app.add_middleware(AccessMiddleware, config=lambda: api.config, rates=rates, record=record)
    _allow_origins(app, api.config.security.cors_origins)
    return app


def _allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of these origins ask from a browser. Outermost, because browsers ask for leave without a key."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "If-Match",
                API_KEY_HEADER,
                IDEMPOTENCY_KEY,
                REVIEW_KEY_HEADER,
            ],
            expose_headers=["ETag", "Location", "Retry-After", "X-Request-ID", REPLAYED, ILLEGIBLE_LINES, FAILED_PAGES],
        )


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(QuorumError)
    async def known(request: Request, error: QuorumError) -> JSONResponse:
        return error_response(error, request.scope)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        problem = Problem(code=f"http_{error.status_code}", message=str(error.detail), hint="see /docs for the routes")
        return JSONResponse(error_body(problem, request.scope), error.status_code, dict(error.headers or {}))
