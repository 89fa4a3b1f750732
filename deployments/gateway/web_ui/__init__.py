"""The page at `/`: drop an image on it and look at the result, word by word and vote by vote. And the one at `/docs`:
every route, shown by Swagger UI, which the package fastapi-offline carries.

Plain files without anything from elsewhere: the browser fetches them from the Gateway and then asks the same routes as
every other client, in a network that leads nowhere too. What they show is not known here.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_FOLDER = Path(__file__).parent / "files"


def add_web_ui(app: FastAPI) -> None:
    """Serve the pages at `/` and `/docs`, and what they consist of below `/page`."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_FOLDER / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_FOLDER / "docs.html")

    app.mount("/page/swagger", StaticFiles(packages=[("fastapi_offline", "static")]), name="swagger")
    app.mount("/page", StaticFiles(directory=_FOLDER), name="page")
