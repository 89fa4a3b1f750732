"""The routes that say how the service is."""

from __future__ import annotations

from fastapi import APIRouter

from deployments.gateway.gateway_api import GatewayApi
from ocr.contract import ErrorAnswer, HealthAnswer, ReadyAnswer, StatusAnswer


def health_routes(api: GatewayApi) -> APIRouter:
    """`GET /health`, `/ready` and `/status`."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> HealthAnswer:
        """The process lives."""
        return HealthAnswer()

    @router.get("/ready", responses={503: {"model": ErrorAnswer}})
    async def ready() -> ReadyAnswer:
        """Enough engines are warm to answer."""
        return await api.ready()

    @router.get("/status")
    async def status() -> StatusAnswer:
        """Components, replicas, models, weights."""
        return await api.status()

    return router
