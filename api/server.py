"""Run the app on a socket with uvicorn, uvloop and httptools; logs go to stderr, and only loopback is allowed."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings, refuse_open_host
from clew.core.errors import ClewError, UsageError
from clew.core.threads import configure


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until the process gets SIGINT or SIGTERM; running requests are answered before it stops.

    announce: called with the server's URL when the port is open. Raises UsageError if the host is not a loopback
    address, ClewError if the server cannot listen on the address.
    """
    import uvicorn

    log_to_stderr(settings.log_level)
    # Before the first index loads FAISS, numba and onnxruntime, because they read their thread counts then.
    configure()
    listening = listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(Engine(settings.home), settings),
        loop="auto",  # uvloop, which does not exist for Windows, else asyncio
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    announce(url_of(listening))
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        # uvicorn has already shut down cleanly and only raises the signal again.
        pass
    finally:
        listening.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Called before any index is opened, so that a port in use is reported at once."""
    refuse_open_host(host)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UsageError(f"host {host!r} cannot be used: {error}", "use 127.0.0.1") from None
    # The address that a host name resolves to is checked too.
    refuse_open_host(str(address[0]))
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            hint = f"stop the program that uses it, or use another port: --port {port + 1 if port < 65535 else 8000}"
            raise ClewError(f"port {port} on {host} is in use", hint) from None
        hint = "use another port: --port 8000"
        raise ClewError(f"cannot listen on {host} port {port}: {error.strerror}", hint) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def log_to_stderr(level: str) -> None:
    """Send Clew's and uvicorn's log lines to stderr, one line each."""
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("clew", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [shown]
        logger.setLevel(level.upper() if name == "clew" else logging.WARNING)
        logger.propagate = False
