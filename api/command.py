"""`clew serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, note


def serve(
    home: Home = DEFAULT_HOME,
    host: Annotated[
        str | None, typer.Option(help="Loopback address to listen on (default: $CLEW_HOST, else 127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 picks a free one (default: $CLEW_PORT, else 8000).")
    ] = None,
) -> None:
    """Serve the HTTP API on this machine until stopped (Ctrl-C).

    A release that is published while the server runs goes live without a restart. The server documents its endpoints
    at /docs and /openapi.json.

    Example: clew serve --home ./indexes --port 8080
    """
    from clew.api.server import run
    from clew.api.settings import load_settings
    from clew.search.versions import index_names

    settings = load_settings(home, host, port)

    def announce(url: str) -> None:
        names = index_names(settings.home)
        note(f"Clew serves {settings.home} on {url} (API: {url}/docs, {url}/openapi.json). Stop with Ctrl-C.")
        if names:
            note(f"  indexes: {', '.join(names)}")
            note(f"  try: curl '{url}/v1/search?index={names[0]}&q=your+words&k=3'")
        else:
            note("  there is no index yet: build one with `clew build SPEC.toml`; no restart is needed")

    run(settings, announce)
