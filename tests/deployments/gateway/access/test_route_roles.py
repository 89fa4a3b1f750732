"""No route is open that the table does not open, under whatever prefix and spelling."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Mount

from deployments.config.api_keys import Role, hashed
from deployments.gateway.access.route_roles import ROLES, role_of, route_of
from tests.fakes.plain_service import PlainService, Whole, plain_config

ADMIN = {"X-API-Key": "boss"}
SECURITY = {"api_key_required": True, "api_keys": [hashed("reader")], "admin_api_keys": [hashed("boss")]}


def closed(root_path: str = "") -> FastAPI:
    """The application that wants a key for everything that may want one, mounted under `root_path` as Serve does."""
    app = Whole(PlainService(), plain_config(security=SECURITY)).app()
    app.root_path = root_path
    return app


def paths_of(routes: list[BaseRoute]) -> Iterator[str]:
    """The paths of all routes, those of included routers too."""
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is not None:
            yield from paths_of(inside.routes)
        elif isinstance(route, Mount):
            yield "/page"
        else:
            yield getattr(route, "path")  # noqa: B009 - an AttributeError names a kind of route that is new here


def test_the_table_has_exactly_the_routes_of_the_application() -> None:
    assert set(paths_of(closed().routes)) == set(ROLES)


@pytest.mark.parametrize("root_path", ["", "/ocr", "/a/b"])
async def test_a_prefix_opens_nothing(root_path: str) -> None:
    transport = httpx.ASGITransport(closed(root_path), raise_app_exceptions=False, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path, role in ROLES.items():
            for method in ("GET", "POST", "PUT"):
                response = await client.request(method, f"{root_path}{path}")
                refused = response.status_code == 401
                assert refused == (role is not Role.ANYBODY), (method, path, response.status_code)
                assert (await client.request(method, f"{root_path}{path}", headers=ADMIN)).status_code != 401


@pytest.mark.parametrize(
    "path", ["/config/", "//config", "/CONFIG", "/config%2Fweights", "/a/../config", "/nowhere", "/page", "/pages"]
)
async def test_no_spelling_of_a_path_passes_without_the_key_of_its_route(path: str) -> None:
    transport = httpx.ASGITransport(closed(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for sent in (path, f"{path}?x=/health"):
            response = await client.get(f"http://localhost{sent}")
            assert response.status_code == (404 if path == "/page" else 401), sent


def test_what_is_not_in_the_table_needs_the_administrator() -> None:
    assert role_of(None) is Role.ADMIN
    assert route_of({"type": "http", "path": "/job", "root_path": ""}) is None


def test_a_new_route_that_nobody_put_into_the_table_is_closed() -> None:
    app = FastAPI()

    @app.get("/new")
    async def new() -> None: ...

    assert any(isinstance(route, APIRoute | APIWebSocketRoute) for route in app.routes)
    assert role_of(route_of({"type": "http", "path": "/new", "root_path": ""})) is Role.ADMIN
