"""GET /docs: the interactive documentation of the API, from files that come with Clew."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from clew.api.runtime import Runtime

UI = Path(__file__).parent.parent / "ui"

# Name in the URL → file and media type. Other files of the folder are not served.
FILES = {
    "start.js": (UI / "start.js", "text/javascript"),
    "swagger-ui-bundle.js": (UI / "swagger" / "swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": (UI / "swagger" / "swagger-ui.css", "text/css"),
}

# Only scripts, styles and requests of this server, nothing inline. Swagger UI loads its icons from data: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def router(runtime: Runtime) -> APIRouter:  # noqa: ARG001 - all router functions have the same signature
    """Return the routes of the page and its files; they are not part of the OpenAPI document."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def page() -> FileResponse:
        """Return the page as HTML."""
        return FileResponse(UI / "index.html", headers=HEADERS, media_type="text/html")

    @routes.get("/docs/{name}")
    async def file(name: str) -> FileResponse:
        """Return a script or style sheet of the page. Raises HTTPException (404) if the name is not in FILES."""
        if name not in FILES:
            raise HTTPException(404)
        path, media_type = FILES[name]
        return FileResponse(path, headers=HEADERS, media_type=media_type)

    return routes
