"""The page at `/`: drop an image on it and look at the result, word by word and vote by vote.

Plain files without anything from elsewhere: the browser fetches them from the Gateway and then asks the same routes as
every other client. What they show is not known here.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_FOLDER = Path(__file__).parent / "files"


def add_page(app: FastAPI) -> None:
    """Serve the page at `/`, and what it consists of below `/page`."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_FOLDER / "index.html")

    app.mount("/page", StaticFiles(directory=_FOLDER), name="page")
