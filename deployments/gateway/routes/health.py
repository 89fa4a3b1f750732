"""The routes that say how the service is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from deployments.gateway.access.access_middleware import caller_name
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of
from deployments.gateway.routes import openapi
from ocr.contract import HealthAnswer, ReadyAnswer, StatusAnswer


class ReadyOptions(BaseModel):
    """What `GET /ready` may be asked. Names that mean nothing are left alone: health checks add some of their own."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    wait: float = Field(0.0, ge=0.0, le=600.0, description="How many seconds to wait until it is ready.")


def health_routes(api: GatewayApi) -> APIRouter:
    """`GET /health`, `/ready` and `/status`."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> HealthAnswer:
        """The process lives."""
        return HealthAnswer()

    unready: dict[int | str, dict[str, Any]] = {status: openapi.ERRORS[status] for status in (400, 422, 503)}

    @router.get("/ready", openapi_extra={"parameters": openapi.in_query(ReadyOptions)}, responses=unready)
    async def ready(request: Request) -> ReadyAnswer:
        """Enough engines are warm, and an ordinary page was read within the default deadline."""
        wait_s = parse(ReadyOptions, query_of(request)).wait
        return await api.ready_within(wait_s, caller_name(request.scope))

    @router.get("/status")
    async def status() -> StatusAnswer:
        """Components, replicas, models, weights."""
        return await api.status()

    return router
