"""The routes of those who run the cluster. Who may use which stands in access/route_roles.py."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response, Security
from fastapi.security import APIKeyHeader

from deployments.config.schema import LiveConfig
from deployments.gateway.access.access_middleware import API_KEY_HEADER
from deployments.gateway.admin_api import AdminApi, expected_version
from deployments.gateway.requests.options import parse
from deployments.gateway.requests.uploads import query_of, read_json, require_json
from deployments.gateway.routes import openapi
from deployments.observability.metrics_page import CONTENT_TYPE
from ocr.contract import (
    ConfigAnswer,
    ErrorAnswer,
    LogsAnswer,
    LogsOptions,
    PerformanceAnswer,
    SelfTestAnswer,
    SelfTestBody,
    WeightsBody,
)

_MAX_BYTES = 1_000_000

_LIVE_EXAMPLE = {"limits": {"timeout_s": 20, "requests_per_minute": 600}, "profiles": {"forms": {"paddleocr": 1.0}}}
_WEIGHTS_EXAMPLE = {"profile": "printed", "weights": {"tesseract": 0.7, "paddleocr": 0.3}}


def admin_routes(admin_api: AdminApi) -> APIRouter:
    """`/config`, `/metrics`, `/logs`, `/performance` and `/test`."""
    # Only so that OpenAPI shows the key; AccessMiddleware has checked it before.
    key = Security(APIKeyHeader(name=API_KEY_HEADER, auto_error=False, description="An administrator's key."))
    router = APIRouter(dependencies=[key])
    _add_configuration(router, admin_api)
    _add_observation(router, admin_api)
    open_router = APIRouter()
    _add_metrics(open_router, admin_api)
    open_router.include_router(router)
    return open_router


def _add_configuration(router: APIRouter, admin_api: AdminApi) -> None:
    def tagged(answer: ConfigAnswer, response: Response) -> ConfigAnswer:
        response.headers["ETag"] = f'"{answer.version}"'
        return answer

    @router.get("/config", responses=_errors(401, 403))
    async def config(response: Response) -> ConfigAnswer:
        """The configuration in force: every value, and the layer that it comes from."""
        return tagged(admin_api.configuration(), response)

    @router.put(
        "/config",
        openapi_extra=openapi.json_body(LiveConfig, _LIVE_EXAMPLE),
        responses=_errors(400, 401, 403, 412, 413, 422),
    )
    async def change_config(request: Request, response: Response) -> ConfigAnswer:
        """Replace the live layer for the whole cluster. `{}` returns to what was deployed. With `If-Match`, only if the
        version in force is still that one.
        """
        require_json(request)
        document = await read_json(request, _MAX_BYTES)
        answer = await admin_api.change(document, expected_version(request.headers.get("if-match")))
        return tagged(answer, response)

    @router.post(
        "/config/weights",
        openapi_extra=openapi.json_body(WeightsBody, _WEIGHTS_EXAMPLE),
        responses=_errors(400, 401, 403, 412, 413, 422),
    )
    async def change_weights(request: Request, response: Response) -> ConfigAnswer:
        """Set the voting weights of one profile, or of all, for the whole cluster."""
        require_json(request)
        body = parse(WeightsBody, await read_json(request, _MAX_BYTES))
        return tagged(await admin_api.change_weights(body, expected_version(request.headers.get("if-match"))), response)


def _add_metrics(router: APIRouter, admin_api: AdminApi) -> None:
    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **_errors(401)})
    async def metrics() -> Response:
        """The metrics of the whole cluster for Prometheus."""
        return Response(await admin_api.metrics(), media_type=CONTENT_TYPE)


def _add_observation(router: APIRouter, admin_api: AdminApi) -> None:
    asked = {"parameters": openapi.in_query(LogsOptions)}

    @router.get("/logs", openapi_extra=asked, responses=_errors(400, 401, 403, 422))
    async def logs(request: Request) -> LogsAnswer:
        """The newest log records of all nodes, without recognised text."""
        return await admin_api.logs(parse(LogsOptions, query_of(request)))

    @router.get("/performance", responses=_errors(401, 403))
    async def performance() -> PerformanceAnswer:
        """Latency, errors, agreement and confidence since the replicas were started."""
        return await admin_api.performance()

    @router.post(
        "/test",
        openapi_extra=openapi.json_body(SelfTestBody, {"samples": 10}),
        responses=_errors(400, 401, 403, 413, 422),
    )
    async def self_test(request: Request) -> SelfTestAnswer:
        """Draw samples with a known text, have them read, and compare."""
        require_json(request)
        return await admin_api.self_test(parse(SelfTestBody, await read_json(request, _MAX_BYTES)))


_MEANINGS = {
    400: "Not JSON, or an unknown option.",
    401: "No API key, or one that is nobody's.",
    403: "A key that may read but not administer.",
    412: "The version in force is not the one in If-Match.",
    413: f"More than {_MAX_BYTES} bytes.",
    422: "Understood but not allowed: an unknown engine, a negative weight. Nothing was changed.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in statuses}
