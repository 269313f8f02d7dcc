"""The page: its frame, and its own files in `static`. A view is one JavaScript file and two lines in `views.js`."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

STATIC = Path(str(files("condvae"))) / "explorer" / "static"
INDEX = STATIC / "index.html"
FOLDER = "explorer"  # where the page expects its files, beside the frame


def add_page(app: FastAPI) -> FastAPI:
    """Add the page at the root of an application."""

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(INDEX)

    app.mount(f"/{FOLDER}", StaticFiles(directory=STATIC), name=FOLDER)
    return app
